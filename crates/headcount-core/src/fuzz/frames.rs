//! WebSocket frames: any bytes, in any pieces, mean to the decoder what they mean to a reader that has all of them at once, and
//! the decoder holds no more than it may.

use super::{Input, cases};
use crate::websocket::{Decoder, Event, Flow};

#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
}

/// What a client sent: the events, and the code of the violation that ended them.
type Outcome = (Vec<Seen>, Option<u16>);

fn decode(reads: &[&[u8]], bytes_max: usize) -> Outcome {
    let mut decoder = Decoder::default();
    let (mut events, mut violation) = (Vec::new(), None);
    for read in reads {
        let ended = violation.is_some() || matches!(events.last(), Some(Seen::Close(_)));
        let before = events.len();
        let fed = decoder.feed(&mut read.to_vec(), bytes_max, |event| {
            events.push(match event {
                Event::Text(text) => Seen::Text(text.to_owned()),
                Event::Binary(bytes) => Seen::Binary(bytes.to_vec()),
                Event::Ping(bytes) => Seen::Ping(bytes.to_vec()),
                Event::Pong(bytes) => Seen::Pong(bytes.to_vec()),
                Event::Close(code) => Seen::Close(code),
                Event::Fragment => return Flow::Continue,
            });
            Flow::Continue
        });
        // A control frame holds 125 bytes at most, in a buffer that may have doubled.
        assert!(
            decoder.held_bytes() <= bytes_max + 250,
            "{}",
            decoder.held_bytes()
        );
        assert!(
            !ended || (fed.is_ok() && events.len() == before),
            "a dead decoder spoke"
        );
        violation = violation.or(fed.err().map(|violation| violation.close_code().get()));
    }
    (events, violation)
}

/// The same by the letter of RFC 6455, from all the bytes at once.
fn by_the_book(mut bytes: &[u8], bytes_max: usize) -> Outcome {
    let (mut events, mut open) = (Vec::new(), None);
    loop {
        match frame(&mut bytes, &mut open, bytes_max) {
            Ok(Some(event)) => {
                let is_last = matches!(event, Seen::Close(_));
                events.push(event);
                if is_last {
                    return (events, None);
                }
            }
            Ok(None) if bytes.is_empty() => return (events, None),
            Ok(None) => {}
            Err(code) => return (events, Some(code)),
        }
    }
}

/// The message that is open: whether it is text, and what there is of it.
type Open = Option<(bool, Vec<u8>)>;

/// One frame off `bytes`, or all that is left of it. Errors with the close code.
fn frame(bytes: &mut &[u8], open: &mut Open, bytes_max: usize) -> Result<Option<Seen>, u16> {
    let whole = std::mem::take(bytes);
    let &[first, second, ..] = whole else {
        return Ok(None);
    };
    let (fin, opcode, short) = (first & 0x80 != 0, first & 15, usize::from(second & 0x7f));
    let is_control = opcode >= 8;
    if first & 0x70 != 0 || second & 0x80 == 0 || !matches!(opcode, 0..=2 | 8..=10) {
        return Err(1002);
    }
    if is_control && (!fin || short > 125) {
        return Err(1002);
    }
    let len_bytes = [2, 8]
        .into_iter()
        .zip([126, 127])
        .find(|(_, mark)| *mark == short);
    let mask_at = 2 + len_bytes.map_or(0, |(bytes, _)| bytes);
    let Some(long) = whole.get(2..mask_at) else {
        return Ok(None);
    };
    let len = long.iter().fold(0_u64, |len, byte| len << 8 | u64::from(*byte));
    let len = if long.is_empty() { short as u64 } else { len };
    if len >> 63 != 0 {
        return Err(1002);
    }
    let Some(mask) = whole.get(mask_at..mask_at + 4) else {
        return Ok(None);
    };
    if !is_control && (opcode == 0) != open.is_some() {
        return Err(1002);
    }
    let held = open.as_ref().map_or(0, |(_, held)| held.len());
    if !is_control && len > bytes_max.saturating_sub(held) as u64 {
        return Err(1009);
    }
    let len = usize::try_from(len).unwrap();
    let masked = &whole[mask_at + 4..];
    let there = masked.len().min(len);
    let payload: Vec<u8> = masked[..there]
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect();
    *bytes = &masked[there..];
    if is_control {
        return if there == len {
            control(opcode, payload).map(Some)
        } else {
            Ok(None)
        };
    }
    let (is_text, held) = open.get_or_insert_with(|| (opcode == 1, Vec::new()));
    held.extend(payload);
    let is_whole = fin && there == len;
    let fails = |error: std::str::Utf8Error| is_whole || error.error_len().is_some();
    if *is_text && str::from_utf8(held).is_err_and(fails) {
        return Err(1007);
    }
    let message = open.take_if(|_| is_whole);
    Ok(message.map(|(is_text, held)| match String::from_utf8(held) {
        Ok(text) if is_text => Seen::Text(text),
        Ok(text) => Seen::Binary(text.into_bytes()),
        Err(error) => Seen::Binary(error.into_bytes()),
    }))
}

fn control(opcode: u8, payload: Vec<u8>) -> Result<Seen, u16> {
    match (opcode, &*payload) {
        (9, _) => Ok(Seen::Ping(payload)),
        (10, _) => Ok(Seen::Pong(payload)),
        (_, []) => Ok(Seen::Close(None)),
        (_, [high, low, reason @ ..]) => {
            let code = u16::from_be_bytes([*high, *low]);
            let is_sendable = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            match (is_sendable, str::from_utf8(reason)) {
                (false, _) => Err(1002),
                (true, Err(_)) => Err(1007),
                (true, Ok(_)) => Ok(Seen::Close(Some(code))),
            }
        }
        _ => Err(1002),
    }
}

/// `whole` in pieces, alternately of these sizes and of one byte.
fn cut<'w>(whole: &'w [u8], sizes: &[u8]) -> Vec<&'w [u8]> {
    let (mut pieces, mut rest) = (Vec::new(), whole);
    for size in sizes.iter().chain(&[0]).cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at((usize::from(*size) + 1).min(rest.len()));
        pieces.push(piece);
        rest = later;
    }
    pieces
}

/// Frames that are mostly right, with lengths in every form, and some bytes that are not frames.
fn sent(input: &mut Input<'_>) -> Vec<u8> {
    let mut sent = Vec::new();
    while !input.is_empty() && sent.len() < 4_096 {
        let kind = input.byte();
        if kind >= 0xf0 {
            sent.extend(input.raw(16, &["é", "\u{1}"]));
            continue;
        }
        let opcode = input.pick(&[0, 0, 1, 1, 1, 2, 8, 9, 10, 3, 11]);
        let text = input.text(60, &["é", "€", "😀", "{\"type\":\"ping\"}"]);
        let payload = if kind & 4 == 0 {
            text.as_bytes()
        } else {
            input.bytes(140)
        };
        // Two bits of `kind` say how the length is written; a third, that it is a lie.
        let len = payload.len()
            + if kind & 8 == 0 {
                0
            } else {
                usize::from(input.byte()) << 3
            };
        let (fin, reserved) = (u8::from(kind & 3 != 0), u8::from(kind & 0x70 == 0x70));
        sent.push(fin << 7 | reserved << 6 | opcode);
        match (kind >> 6, u8::try_from(len)) {
            (0 | 3, Ok(short @ 0..=125)) => sent.push(0x80 | short),
            (0 | 1 | 3, _) => {
                sent.push(0x80 | 0x7e);
                sent.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            _ => {
                sent.push(0x80 | 0x7f);
                sent.extend((len as u64).to_be_bytes());
            }
        }
        let mask = [input.byte(), 0, kind, 0x55];
        sent.extend(mask);
        sent.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
    }
    sent
}

#[test]
fn any_bytes_in_any_pieces_are_read_by_the_book() {
    bolero::check!(name = "frames")
        .with_iterations(4_000)
        .with_generator(cases(1_024))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let bytes_max = input.below(256) * 2;
            let sizes = input.bytes(8);
            let sent = if input.flag() {
                bytes.clone()
            } else {
                sent(&mut input)
            };
            let wanted = by_the_book(&sent, bytes_max);
            assert_eq!(decode(&[&sent], bytes_max), wanted, "in one piece");
            assert_eq!(decode(&cut(&sent, sizes), bytes_max), wanted, "in pieces");
        });
}
