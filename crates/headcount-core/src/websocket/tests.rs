//! The vectors, and the properties that no list of cases can show.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const BYTES_MAX: usize = 8_192;

/// What a decoder made of some bytes: its events as the vectors write them, and the code of the violation.
#[derive(Debug, PartialEq)]
struct Outcome {
    events: Vec<Value>,
    violation: Option<u16>,
    at_rest: bool,
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn as_json(event: Event<'_>) -> Value {
    match event {
        Event::Text(text) => json!({ "text": text }),
        Event::Binary(bytes) => json!({ "binary": hex(bytes) }),
        Event::Ping(bytes) => json!({ "ping": hex(bytes) }),
        Event::Pong(bytes) => json!({ "pong": hex(bytes) }),
        Event::Fragment => json!("fragment"),
        Event::Close(code) => json!({ "close": code }),
    }
}

/// Feeds `reads` one after the other, as a socket's owner would: until the first violation.
fn decode<'a>(reads: impl IntoIterator<Item = &'a [u8]>, bytes_max: usize) -> Outcome {
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    let violation = reads.into_iter().find_map(|read| {
        let fed = decoder.feed(&mut read.to_vec(), bytes_max, |event| {
            // Another test checks how often these come.
            if event != Event::Fragment {
                events.push(as_json(event));
            }
            Flow::Continue
        });
        fed.err().map(|violation| violation.close_code().get())
    });
    Outcome {
        events,
        violation,
        at_rest: decoder.is_at_rest(),
    }
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../protocol/vectors/websocket.json")).unwrap()
}

fn cases(list: &str) -> Vec<Value> {
    vectors()[list].as_array().unwrap().clone()
}

#[test]
fn client_vectors_however_they_are_cut() {
    for case in cases("client") {
        let name = &case["name"];
        let bytes = unhex(case["client"].as_str().unwrap());
        let bytes_max = case["bytesMax"]
            .as_u64()
            .map_or(BYTES_MAX, |max| usize::try_from(max).unwrap());
        for size in 1..=bytes.len() {
            let outcome = decode(bytes.chunks(size), bytes_max);
            assert_eq!(json!(outcome.events), case["events"], "{name}, reads of {size}");
            assert_eq!(
                json!(outcome.violation),
                case["violation"],
                "{name}, reads of {size}"
            );
        }
    }
}

#[test]
fn server_vectors() {
    for case in cases("server") {
        let bytes = |key: &str| case[key].as_str().map(unhex);
        let made = if let Some(payload) = case["text"].as_str() {
            text(payload)
        } else if let Some(payload) = bytes("ping") {
            ping(&payload)
        } else if let Some(payload) = bytes("pong") {
            pong(&payload)
        } else {
            let code = u16::try_from(case["close"].as_u64().unwrap()).unwrap();
            close(CloseCode::new(code), case["reason"].as_str().unwrap())
        };
        assert_eq!(json!(hex(&made)), case["frame"], "{}", case["name"]);
    }
}

#[test]
fn handshake_vectors() {
    for case in cases("handshake") {
        let accept = accept_key(case["key"].as_str().unwrap());
        let accept = accept.map(|accept| String::from_utf8(accept.to_vec()).unwrap());
        assert_eq!(json!(accept), case["accept"], "{}", case["name"]);
    }
}

#[test]
fn return_vectors() {
    for case in cases("return") {
        let code = CloseCode::new(u16::try_from(case["code"].as_u64().unwrap()).unwrap());
        let advice = match code.advice() {
            Return::Soon => "soon",
            Return::Backoff => "backoff",
            Return::Never => "never",
        };
        assert_eq!(case["return"], advice, "{}", case["name"]);
    }
}

#[test]
fn a_decoder_at_rest_is_one_null_pointer() {
    assert!(size_of::<Decoder>() <= 8);
    assert!(Decoder::default().is_at_rest());
}

#[test]
fn a_whole_message_is_neither_copied_nor_kept() {
    let mut decoder = Decoder::default();
    let mut read = client_frame(Opcode::Text, true, [1, 2, 3, 4], b"Hello");
    let scratch = read.as_ptr_range();
    let mut seen = false;
    let fed = decoder.feed(&mut read, BYTES_MAX, |event| {
        let Event::Text(text) = event else {
            panic!("{event:?}")
        };
        seen = text == "Hello" && scratch.contains(&text.as_ptr());
        Flow::Continue
    });
    assert_eq!((fed, seen, decoder.is_at_rest()), (Ok(()), true, true));
}

#[test]
fn nothing_is_kept_once_a_cut_message_is_complete() {
    let message = [
        client_frame(Opcode::Text, false, [9, 8, 7, 6], &[b'a'; 3_000]),
        client_frame(Opcode::Ping, true, [9, 8, 7, 6], b"p"),
        client_frame(Opcode::Continuation, true, [9, 8, 7, 6], &[b'b'; 3_000]),
    ]
    .concat();
    let outcome = decode(message.chunks(1_000), 6_000);
    assert_eq!((outcome.events.len(), outcome.at_rest), (2, true));
    assert!(!decode([&message[..message.len() - 1]], 6_000).at_rest);
}

#[test]
fn stop_drops_the_rest_and_all_that_follows() {
    let mut decoder = Decoder::default();
    let reads = client_frame(Opcode::Text, true, [0; 4], b"a").repeat(3);
    let mut seen = 0;
    for _ in 0..2 {
        let fed = decoder.feed(&mut reads.clone(), BYTES_MAX, |_| {
            seen += 1;
            Flow::Stop
        });
        assert_eq!(fed, Ok(()));
    }
    assert_eq!(seen, 1);
}

#[test]
fn a_header_says_its_length_in_the_shortest_form() {
    for (payload_len, wanted) in [
        (0, &[0x82, 0][..]),
        (125, &[0x82, 125]),
        (126, &[0x82, 126, 0, 126]),
        (65_535, &[0x82, 126, 0xff, 0xff]),
        (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let mut buffer = [0; 10];
        let header_len = header(Opcode::Binary, payload_len, &mut buffer);
        assert_eq!(&buffer[..header_len], wanted, "{payload_len}");
    }
}

#[test]
fn control_payloads_are_cut_to_what_fits() {
    assert_eq!(ping(&[7; 200]).len(), 2 + 125);
    let closing = close(CloseCode::POLICY, &"é".repeat(100));
    assert_eq!(
        closing.len(),
        2 + 2 + 122,
        "123 bytes would end within a character"
    );
    assert!(str::from_utf8(&closing[4..]).is_ok());
}

/// A frame as a client sends it.
fn client_frame(opcode: Opcode, fin: bool, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut head = [0; 10];
    let head_len = header(opcode, payload.len(), &mut head);
    head[0] = u8::from(fin) << 7 | opcode as u8;
    head[1] |= 0x80;
    let masked = payload
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, key)| byte ^ key);
    head[..head_len]
        .iter()
        .copied()
        .chain(mask)
        .chain(masked)
        .collect()
}

/// A message in some fragments, each followed by some pings; what a decoder must make of it.
#[derive(Clone, Debug)]
struct Sent {
    bytes: Vec<u8>,
    events: Vec<Value>,
}

fn payloads() -> impl Strategy<Value = (Opcode, Vec<u8>)> {
    prop_oneof![
        ".{0,40}".prop_map(|text| (Opcode::Text, text.into_bytes())),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| (Opcode::Binary, bytes)),
    ]
}

fn messages() -> impl Strategy<Value = Sent> {
    let fragments = prop::collection::vec((any::<prop::sample::Index>(), any::<[u8; 4]>(), 0..2_usize), 0..5);
    (payloads(), fragments, any::<[u8; 4]>()).prop_map(|((opcode, payload), fragments, last_mask)| {
        let mut sent = Sent {
            bytes: Vec::new(),
            events: Vec::new(),
        };
        let (mut rest, mut next) = (&payload[..], opcode);
        for (cut, mask, pings) in fragments {
            let (fragment, later) = rest.split_at(cut.index(rest.len() + 1));
            sent.bytes.extend(client_frame(next, false, mask, fragment));
            for _ in 0..pings {
                sent.bytes.extend(client_frame(Opcode::Ping, true, mask, &mask));
                sent.events.push(as_json(Event::Ping(&mask)));
            }
            (rest, next) = (later, Opcode::Continuation);
        }
        sent.bytes.extend(client_frame(next, true, last_mask, rest));
        sent.events.push(match opcode {
            Opcode::Text => as_json(Event::Text(str::from_utf8(&payload).unwrap())),
            _ => as_json(Event::Binary(&payload)),
        });
        sent
    })
}

/// Bytes that begin like frames more often than chance would have it.
fn nearly_frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = (
        any::<u8>(),
        any::<u8>(),
        prop::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|(first, second, rest)| [vec![first & 0x8f, second | 0x80], rest].concat());
    let piece = prop_oneof![
        frame,
        messages().prop_map(|sent| sent.bytes),
        prop::collection::vec(any::<u8>(), 0..8)
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn cut<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut reads = Vec::new();
    for &size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (read, later) = rest.split_at(size.min(rest.len()));
        reads.push(read);
        rest = later;
    }
    reads
}

fn read_sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..30_usize, 1..8)
}

proptest! {
    #[test]
    fn messages_survive_any_fragments_and_any_reads(
        sent in prop::collection::vec(messages(), 1..4), sizes in read_sizes(),
    ) {
        let bytes: Vec<u8> = sent.iter().flat_map(|sent| sent.bytes.clone()).collect();
        let events: Vec<Value> = sent.into_iter().flat_map(|sent| sent.events).collect();
        let wanted = Outcome { events, violation: None, at_rest: true };
        prop_assert_eq!(decode(cut(&bytes, &sizes), BYTES_MAX), wanted);
    }

    #[test]
    fn any_bytes_end_the_same_however_they_are_cut(
        bytes in nearly_frames(), sizes in read_sizes(), bytes_max in 0_usize..200,
    ) {
        let whole = decode([&bytes[..]], bytes_max);
        prop_assert_eq!(decode(cut(&bytes, &sizes), bytes_max), whole);
    }

    #[test]
    fn what_a_decoder_holds_stays_within_the_limit(
        bytes in nearly_frames(), sizes in read_sizes(), bytes_max in 0_usize..200,
    ) {
        let mut decoder = Decoder::default();
        for read in cut(&bytes, &sizes) {
            let fed = decoder.feed(&mut read.to_vec(), bytes_max, |_| Flow::Continue);
            // A control frame holds 125 bytes at most, in a buffer that may have doubled.
            prop_assert!(decoder.held_bytes() <= bytes_max + 250, "{}", decoder.held_bytes());
            if fed.is_err() {
                break;
            }
        }
    }

    #[test]
    fn a_text_that_is_not_utf8_fails(payload in prop::collection::vec(any::<u8>(), 1..30), sizes in read_sizes()) {
        prop_assume!(str::from_utf8(&payload).is_err());
        let bytes = client_frame(Opcode::Text, true, [5, 6, 7, 8], &payload);
        prop_assert_eq!(decode(cut(&bytes, &sizes), BYTES_MAX).violation, Some(1007));
    }
}

#[test]
fn every_frame_of_a_message_is_told_once_however_it_is_cut() {
    // Two fragments with a ping between them, an empty continuation, and the end.
    let frames = [
        &[0x01, 0x82, 0, 0, 0, 0, b'a', b'b'][..],
        &[0x89, 0x80, 0, 0, 0, 0],
        &[0x00, 0x80, 0, 0, 0, 0],
        &[0x80, 0x81, 0, 0, 0, 0, b'c'],
    ]
    .concat();
    for size in 1..=frames.len() {
        let mut decoder = Decoder::default();
        let mut told = Vec::new();
        for read in frames.chunks(size) {
            let fed = decoder.feed(&mut read.to_vec(), BYTES_MAX, |event| {
                told.push(as_json(event));
                Flow::Continue
            });
            assert_eq!(fed, Ok(()));
        }
        let expected = [
            json!("fragment"),
            json!({"ping": ""}),
            json!("fragment"),
            json!({"text": "abc"}),
        ];
        assert_eq!(told, expected, "in reads of {size}");
    }
}
