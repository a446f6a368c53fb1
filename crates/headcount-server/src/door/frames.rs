//! The frames of an HTTP/2 client, counted as they are read: frames outside of requests cost allowance.
//!
//! hyper answers pings, settings and window updates as long as they come, and does not report them. So the socket reads
//! along: nine bytes of each frame; the rest is skipped. A frame costs one; requests, bodies and sent data earn as much
//! as a client may need for them. A client that has used up its allowance is closed.

use std::time::Instant;

use headcount_core::limits::Limits;

/// What an HTTP/2 client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;

/// What a frame costs, so that a byte that was written can earn a part of it.
const FRAME: i64 = 64;

/// Frames a client may send at once.
const BURST: i64 = 1_024 * FRAME;

/// What a client can have earned at the most.
const EARNED_MAX: i64 = 16 * BURST;

/// What a request earns: its priority, its window updates, its end.
const REQUEST: i64 = 16 * FRAME;

/// Bytes of a body that earn a sixty-fourth of a frame: a kilobyte earns a whole one.
const BODY_BYTES: i64 = 16;

/// Reads along with one connection.
#[derive(Debug)]
pub(super) struct Frames {
    stage: Stage,
    allowance: i64,
    per_second: i64,
    refilled: Instant,
    written: u64,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// So many bytes of the preface.
    Preface(usize),
    /// It is HTTP/1, and hyper times its requests.
    Other,
    /// So many bytes of a frame's head.
    Head([u8; HEAD_BYTES], usize),
    /// So many bytes of a frame's payload are still to come.
    Payload(usize),
}

impl Frames {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            stage: Stage::Preface(0),
            allowance: BURST,
            per_second: i64::from(limits.messages_per_second) * FRAME,
            refilled: now,
            written: 0,
        }
    }

    /// Takes in what was read. False once the client has sent more frames than it may. `written`: bytes it took so far.
    pub(super) fn read(&mut self, mut bytes: &[u8], written: u64, now: Instant) -> bool {
        if matches!(self.stage, Stage::Other) {
            return true;
        }
        self.refill(written, now);
        while let [first, rest @ ..] = bytes {
            self.stage = match self.stage {
                Stage::Other => return true,
                Stage::Preface(seen) if PREFACE.get(seen) != Some(first) => Stage::Other,
                Stage::Preface(seen) if seen + 1 == PREFACE.len() => Stage::Head([0; HEAD_BYTES], 0),
                Stage::Preface(seen) => Stage::Preface(seen + 1),
                Stage::Head(mut head, seen) => {
                    head[seen] = *first;
                    if seen + 1 == HEAD_BYTES {
                        self.spend(head)
                    } else {
                        Stage::Head(head, seen + 1)
                    }
                }
                Stage::Payload(left) => {
                    let skipped = left.min(bytes.len());
                    bytes = &bytes[skipped..];
                    self.stage = Self::payload(left - skipped);
                    continue;
                }
            };
            bytes = rest;
        }
        self.allowance >= 0
    }

    fn payload(left: usize) -> Stage {
        if left == 0 {
            Stage::Head([0; HEAD_BYTES], 0)
        } else {
            Stage::Payload(left)
        }
    }

    fn spend(&mut self, head: [u8; HEAD_BYTES]) -> Stage {
        let [a, b, c, kind, ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        self.allowance -= FRAME;
        self.earn(match kind {
            DATA => i64::from(length) / BODY_BYTES,
            HEADERS => REQUEST,
            _ => 0,
        });
        Self::payload(length as usize)
    }

    fn refill(&mut self, written: u64, now: Instant) {
        self.earn(i64::try_from(written - self.written).unwrap_or(EARNED_MAX));
        self.written = written;
        let elapsed_ms = now.saturating_duration_since(self.refilled).as_millis();
        let refill = i64::try_from(elapsed_ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(self.per_second)
            / 1_000;
        if refill > 0 {
            self.refilled = now;
            // Time alone refills no more than a burst.
            let room = (BURST - self.allowance).max(0);
            self.earn(refill.min(room));
        }
    }

    fn earn(&mut self, earned: i64) {
        self.allowance = self.allowance.saturating_add(earned).min(EARNED_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let [_, a, b, c] = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = vec![a, b, c, kind, 0, 0, 0, 0, 0];
        frame.resize(HEAD_BYTES + payload, 0);
        frame
    }

    fn frames() -> (Frames, Instant) {
        let now = crate::clock::now();
        let mut frames = Frames::new(&Limits::default(), now);
        assert!(frames.read(PREFACE, 0, now));
        (frames, now)
    }

    /// How many of these frames are read before the client is cut off, up to a hundred thousand.
    fn read_of(frame: &[u8], written_each: u64) -> u64 {
        let (mut frames, now) = frames();
        (0..100_000)
            .take_while(|number| frames.read(frame, number * written_each, now))
            .count() as u64
    }

    #[test]
    fn what_is_no_request_is_bounded_and_requests_are_not() {
        let ping_and_pong = 17;
        assert!((1_000..2_000).contains(&read_of(&frame(6, 8), ping_and_pong)));
        assert!((1_000..2_000).contains(&read_of(&frame(4, 0), 9)), "settings");
        assert!(
            (1_000..2_000).contains(&read_of(&frame(9, 5), 0)),
            "continuations"
        );
        assert!(
            (1_000..2_000).contains(&read_of(&frame(DATA, 0), 0)),
            "empty bodies"
        );
        assert!(
            (1_000..2_000).contains(&read_of(&frame(DATA, 1), 0)),
            "dribbled bodies"
        );
        assert_eq!(read_of(&frame(DATA, 16_384), 0), 100_000);
        assert_eq!(read_of(&frame(HEADERS, 40), 0), 100_000);
        // A stream's messages are at least so long, and each may be confirmed by itself.
        assert_eq!(read_of(&frame(8, 4), 64), 100_000);
    }

    #[test]
    fn time_gives_a_burst_back() {
        let (mut frames, now) = frames();
        let pings = frame(6, 8).repeat(1_024);
        assert!(frames.read(&pings, 0, now));
        assert!(!frames.clone_with(&pings, now + Duration::from_secs(1)));
        assert!(frames.read(&pings, 0, now + Duration::from_mins(1)));
    }

    impl Frames {
        fn clone_with(&self, bytes: &[u8], now: Instant) -> bool {
            Self { ..*self }.read(bytes, self.written, now)
        }
    }

    #[test]
    fn how_the_bytes_are_cut_changes_nothing() {
        let now = crate::clock::now();
        let all = [PREFACE, &frame(6, 8).repeat(1_024)[..], &frame(6, 0)].concat();
        for piece in [1, 7, 9, 1_000] {
            let mut frames = Frames::new(&Limits::default(), now);
            let mut read = all.chunks(piece).map(|bytes| frames.read(bytes, 0, now));
            let last = read.by_ref().last();
            assert_eq!(last, Some(false), "{piece}");
        }
        let mut http1 = Frames::new(&Limits::default(), now);
        assert!(http1.read(b"PRINT / HTTP/1.1\r\n", 0, now) && http1.read(&all, 0, now));
    }
}
