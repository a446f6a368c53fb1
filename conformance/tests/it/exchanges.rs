//! Groups 1, 2, 5, 6, 9 and 10: what must be understood, and is echoed.

use crate::case::{Case, answer, pong};
use crate::client::{BINARY, CONTINUATION, FIN, PING, PONG, TEXT, frame};

/// Every conversation that the client ends well.
pub(crate) fn cases() -> Vec<Case> {
    [sizes(), pings(), fragments(), text(), limits()].concat()
}

/// 1.1 and 1.2: each length at which a header changes its form.
fn sizes() -> Vec<Case> {
    let sizes = [0, 1, 125, 126, 127, 128, 65_535, 65_536];
    let case = |(opcode, size): (u8, usize)| {
        let payload = vec![b'*'; size];
        Case::ending_well(
            format!("1.{opcode} {size} bytes"),
            &[frame(FIN | opcode, &payload)],
            vec![answer(opcode, payload)],
        )
    };
    sizes
        .into_iter()
        .flat_map(|size| [(TEXT, size), (BINARY, size)])
        .map(case)
        .collect()
}

fn pings() -> Vec<Case> {
    let binary = [0x00, 0xff, 0xfe, 0xfd];
    let numbers: Vec<String> = (0..1_000).map(|number| format!("payload {number}")).collect();
    vec![
        Case::ending_well(
            "2.1 ping without payload",
            &[frame(FIN | PING, b"")],
            vec![pong("")],
        ),
        Case::ending_well(
            "2.3 ping that is not text",
            &[frame(FIN | PING, &binary)],
            vec![pong(binary)],
        ),
        Case::ending_well(
            "2.4 ping of 125 bytes",
            &[frame(FIN | PING, &[0xfe; 125])],
            vec![pong([0xfe; 125])],
        ),
        Case::ending_well(
            "2.7 pong that nobody asked for",
            &[frame(FIN | PONG, b"unasked")],
            vec![],
        ),
        Case::ending_well(
            "2.9 pong that nobody asked for, then a ping",
            &[frame(FIN | PONG, b"unasked"), frame(FIN | PING, b"asked")],
            vec![pong("asked")],
        ),
        Case::ending_well(
            "2.10 a thousand pings at once",
            &numbers
                .iter()
                .map(|number| frame(FIN | PING, number.as_bytes()))
                .collect::<Vec<_>>(),
            numbers.iter().map(pong).collect(),
        ),
    ]
}

fn fragments() -> Vec<Case> {
    let two = |between: &[Vec<u8>]| {
        let ends = [
            vec![frame(TEXT, b"frag")],
            between.to_vec(),
            vec![frame(FIN | CONTINUATION, b"ment")],
        ];
        ends.concat()
    };
    let mut five_hundred: Vec<_> = (0..499).map(|_| frame(CONTINUATION, b"0123456789")).collect();
    five_hundred.insert(0, frame(BINARY, b""));
    five_hundred.push(frame(FIN | CONTINUATION, b"."));
    let with_pings = five_hundred
        .iter()
        .flat_map(|fragment| [frame(FIN | PING, b"?"), fragment.clone()]);
    let whole = answer(BINARY, ["0123456789".repeat(499), ".".to_owned()].concat());
    vec![
        Case::ending_well("5.3 two fragments", &two(&[]), vec![answer(TEXT, "fragment")]),
        Case::ending_well(
            "5.6 a ping between fragments is answered before them",
            &two(&[frame(FIN | PING, b"?")]),
            vec![pong("?"), answer(TEXT, "fragment")],
        ),
        Case::ending_well(
            "5.8 a pong between fragments",
            &two(&[frame(FIN | PONG, b"!")]),
            vec![answer(TEXT, "fragment")],
        ),
        Case::ending_well(
            "5.20 two fragmented messages, pings in between",
            &[two(&[frame(FIN | PING, b"1")]), two(&[frame(FIN | PING, b"2")])].concat(),
            vec![
                pong("1"),
                answer(TEXT, "fragment"),
                pong("2"),
                answer(TEXT, "fragment"),
            ],
        ),
        Case::ending_well("9.3 five hundred fragments", &five_hundred, vec![whole.clone()]),
        Case::ending_well(
            "9.4 five hundred fragments, a ping before each",
            &with_pings.collect::<Vec<_>>(),
            [vec![pong("?"); 501], vec![whole]].concat(),
        ),
    ]
}

fn text() -> Vec<Case> {
    let text = "Hello-µ@ßöäüàá-UTF-8!! κόσμε 😀 \u{feff}\u{10ffff}\u{fffe}";
    let bytes = text.as_bytes();
    let octets = |(at, byte): (usize, &u8)| {
        let first = if at == 0 { TEXT } else { CONTINUATION };
        let last = if at + 1 == bytes.len() { FIN } else { 0 };
        frame(first | last, std::slice::from_ref(byte))
    };
    vec![
        Case::ending_well(
            "6.2.1 text of many scripts",
            &[frame(FIN | TEXT, bytes)],
            vec![answer(TEXT, text)],
        ),
        Case::ending_well(
            "6.2.3 the same, an octet in each fragment",
            &bytes.iter().enumerate().map(octets).collect::<Vec<_>>(),
            vec![answer(TEXT, text)],
        ),
    ]
}

fn limits() -> Vec<Case> {
    let sizes = [64 << 10, 256 << 10, 1 << 20];
    let mut cases: Vec<_> = sizes
        .into_iter()
        .map(|size| {
            let payload = vec![0xfe; size];
            Case::ending_well(
                format!("9.2 {} KiB", size >> 10),
                &[frame(FIN | BINARY, &payload)],
                vec![answer(BINARY, payload)],
            )
        })
        .collect();
    let mebibyte = "κ".repeat(512 << 10);
    let mut pieces: Vec<_> = mebibyte
        .as_bytes()
        .chunks(1_299)
        .map(|piece| frame(CONTINUATION, piece))
        .collect();
    pieces.insert(0, frame(TEXT, b""));
    pieces.push(frame(FIN | CONTINUATION, b""));
    cases.push(Case::ending_well(
        "9.3, 10.1 a MiB of text in fragments that cut its characters",
        &pieces,
        vec![answer(TEXT, mebibyte)],
    ));
    cases
}
