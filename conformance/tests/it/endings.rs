//! Groups 3, 4, 5, 6 and 7: what ends a connection, and with which code.

use crate::case::{Case, answer, pong};
use crate::client::{BINARY, CLOSE, CONTINUATION, FIN, PING, TEXT, close, frame};

/// Valid codes of a close frame, from each range and its edges.
const CODES: [u16; 16] = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
];
/// Codes that may not.
const NO_CODES: [u16; 13] = [
    0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 5001, 65_535,
];

/// Every conversation that ends with a violation or a close of the client's. None is longer than the server's limit.
pub(crate) fn cases() -> Vec<Case> {
    [headers(), fragments(), not_utf8(), closes(), codes()].concat()
}

/// A text, then `what`, then a ping: the text is answered, the ping is not.
fn violation(name: impl Into<String>, what: &[Vec<u8>], code: u16) -> Case {
    let sends = [
        vec![frame(FIN | TEXT, b"before")],
        what.to_vec(),
        vec![frame(FIN | PING, b"after")],
    ]
    .concat();
    Case::ending(name, &sends, vec![answer(TEXT, "before")], code)
}

fn headers() -> Vec<Case> {
    let reserved = (1..8).map(|bits: u8| {
        violation(
            format!("3 reserved bits {bits}"),
            &[frame(FIN | bits << 4 | TEXT, b"x")],
            1002,
        )
    });
    let on_control = (1..8).map(|bits: u8| {
        violation(
            format!("3 reserved bits {bits} of a ping"),
            &[frame(FIN | bits << 4 | PING, b"x")],
            1002,
        )
    });
    let opcodes = (3..8)
        .chain(11..16)
        .map(|opcode: u8| violation(format!("4 opcode {opcode}"), &[frame(FIN | opcode, b"x")], 1002));
    let others = [
        violation("2.5 ping of 126 bytes", &[frame(FIN | PING, &[0xfe; 126])], 1002),
        violation(
            "5.1 a ping in fragments",
            &[frame(PING, b"x"), frame(FIN | CONTINUATION, b"x")],
            1002,
        ),
        violation("a frame without a mask", &[vec![FIN | TEXT, 1, b'x']], 1002),
        violation(
            "a length of 64 bits",
            &[vec![FIN | BINARY, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
            1002,
        ),
        violation(
            "a message of 2^62 bytes",
            &[vec![FIN | BINARY, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
            1009,
        ),
    ];
    reserved.chain(on_control).chain(opcodes).chain(others).collect()
}

fn fragments() -> Vec<Case> {
    vec![
        violation(
            "5.9 nothing to continue",
            &[frame(FIN | CONTINUATION, b"x")],
            1002,
        ),
        violation(
            "5.11 nothing to continue, nor an end",
            &[frame(CONTINUATION, b"x")],
            1002,
        ),
        violation(
            "5.15 one continuation too many",
            &[frame(BINARY, b"a"), frame(CONTINUATION, b"b"), frame(TEXT, b"c")],
            1002,
        ),
        violation(
            "5.18 a text within a text",
            &[frame(TEXT, b"a"), frame(FIN | TEXT, b"b")],
            1002,
        ),
        Case::ending(
            "5.19 a ping is answered though the message never ends",
            &[frame(TEXT, b"a"), frame(FIN | PING, b"?"), close(1000, b"")],
            vec![pong("?")],
            1000,
        ),
    ]
}

fn not_utf8() -> Vec<Case> {
    let cases: [(&str, &[u8]); 9] = [
        (
            "6.3 surrogate in the middle",
            b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited",
        ),
        ("6.6 cut at its end", b"\xce\xba\xe1\xbd"),
        ("6.8 first code point too long", b"\xf8\x88\x80\x80\x80"),
        ("6.10 above U+10FFFF", b"\xf4\x90\x80\x80"),
        ("6.12 a lone continuation byte", b"\x80"),
        ("6.14 first bytes alone", b"\xc0 \xc1 \xc2 "),
        ("6.18 overlong slash", b"\xc0\xaf"),
        ("6.19 overlong zero", b"\xe0\x80\x80"),
        ("6.20 half of a pair", b"\xed\xb0\x80"),
    ];
    let whole = cases.map(|(name, bytes)| violation(name, &[frame(FIN | TEXT, bytes)], 1007));
    let early = violation(
        "6.4 the message need not end to be wrong",
        &[frame(TEXT, b"ok \xff")],
        1007,
    );
    let in_pieces = violation(
        "6.4 what one fragment began the next does not finish",
        &[frame(TEXT, b"\xe2\x82"), frame(FIN | CONTINUATION, b"x")],
        1007,
    );
    whole.into_iter().chain([early, in_pieces]).collect()
}

fn closes() -> Vec<Case> {
    let text = frame(FIN | TEXT, b"after");
    vec![
        Case::ending(
            "7.1.1 text, then close",
            &[frame(FIN | TEXT, b"before"), close(1000, b"")],
            vec![answer(TEXT, "before")],
            1000,
        ),
        Case::ending(
            "7.1.2 two closes",
            &[close(1000, b""), close(1001, b"")],
            vec![],
            1000,
        ),
        Case::ending(
            "7.1.3 ping after close",
            &[close(1000, b""), frame(FIN | PING, b"?")],
            vec![],
            1000,
        ),
        Case::ending("7.1.4 text after close", &[close(1000, b""), text], vec![], 1000),
        Case::ending(
            "7.1.5 close within a message",
            &[
                frame(TEXT, b"a"),
                close(1000, b""),
                frame(FIN | CONTINUATION, b"b"),
            ],
            vec![],
            1000,
        ),
        Case::ending(
            "7.3.1 close without a code",
            &[frame(FIN | CLOSE, b"")],
            vec![],
            1000,
        ),
        Case::ending("7.3.2 half a code", &[frame(FIN | CLOSE, &[3])], vec![], 1002),
        Case::ending("7.3.4 with a reason", &[close(1000, b"Hello")], vec![], 1000),
        Case::ending(
            "7.3.5 the longest reason",
            &[close(1000, &[b'*'; 123])],
            vec![],
            1000,
        ),
        Case::ending(
            "7.3.6 a reason too long",
            &[close(1000, &[b'*'; 124])],
            vec![],
            1002,
        ),
        Case::ending(
            "7.5.1 a reason that is not UTF-8",
            &[close(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80")],
            vec![],
            1007,
        ),
    ]
}

fn codes() -> Vec<Case> {
    let good = CODES
        .into_iter()
        .map(|code| (format!("7.7 code {code}"), code, code));
    let bad = NO_CODES
        .into_iter()
        .map(|code| (format!("7.9 no code {code}"), code, 1002));
    good.chain(bad)
        .flat_map(|(name, code, answered)| {
            [("", &b""[..]), (" with a reason", b"Bye")].map(|(what, reason)| {
                Case::ending(format!("{name}{what}"), &[close(code, reason)], vec![], answered)
            })
        })
        .collect()
}
