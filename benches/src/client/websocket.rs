//! WebSocket, as little of it as a loader needs: the handshake, unfragmented server frames, short masked client frames.

use super::event::{Event, HEAD_BYTES};

/// Longest payload that fits the one-byte length.
const SHORT: usize = 125;

/// Takes server frames apart. Invariant: `rest` bytes of the current frame's payload are still to come, unless its header
/// is incomplete.
#[derive(Debug, Default)]
pub(super) struct WebSocketDecoder {
    header: Vec<u8>,
    rest: usize,
    head: Vec<u8>,
}

impl WebSocketDecoder {
    pub(super) fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        while !bytes.is_empty() {
            if self.rest == 0 {
                self.header.push(bytes[0]);
                bytes = &bytes[1..];
                let Some(length) = payload_length(&self.header) else {
                    continue;
                };
                self.rest = length;
            }
            let taken = self.rest.min(bytes.len());
            let kept = taken.min(HEAD_BYTES - self.head.len());
            self.head.extend_from_slice(&bytes[..kept]);
            bytes = &bytes[taken..];
            self.rest -= taken;
            if self.rest == 0 {
                self.finish_frame(sink);
            }
        }
    }

    fn finish_frame(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        match self.header[0] & 0x0f {
            0x1 => sink(Event::Text(&self.head)),
            0x8 => sink(Event::Closed),
            0x9 => sink(Event::Ping(&self.head)),
            _ => (),
        }
        self.header.clear();
        self.head.clear();
    }
}

/// The payload's length, once the header of an unmasked frame is complete.
fn payload_length(header: &[u8]) -> Option<usize> {
    let length = match (*header.get(1)?, header.len()) {
        (126, 4) | (127, 10) => header[2..]
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        (126 | 127, _) => return None,
        (short, _) => usize::from(short),
    };
    Some(length)
}

/// Writes one client frame. The mask is zero: it satisfies the protocol, and costs the server what any other mask does.
pub(super) fn frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    let length = payload.len();
    let byte = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
    out.push(0x80 | opcode);
    if length <= SHORT {
        out.push(0x80 | byte(length));
    } else {
        out.extend([0x80 | 0x7e, byte(length / 256), byte(length % 256)]);
    }
    out.extend([0; 4]);
    out.extend_from_slice(payload);
}
