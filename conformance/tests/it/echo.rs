//! The framing alone, behind an echo.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use headcount_conformance::Echo;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message};

use crate::case::Case;
use crate::client::{CLOSE, Client, FIN, Received, TEXT, close, frame};
use crate::{endings, exchanges};

/// Up to here a case is also sent octet by octet: what is longer differs in its payload alone.
const OCTETWISE_MAX: usize = 2_048;

/// Sends a case in pieces of `piece` bytes and compares all that comes back, up to the end of the connection.
fn hold(echo: &Echo, case: &Case, piece: usize) {
    let mut client = Client::open(echo.address(), "/");
    let mut writer = client.writer();
    let sends = case.sends.clone();
    // A separate thread: an echo whose answers are not read stops reading, too.
    let sender = thread::spawn(move || sends.chunks(piece).all(|bytes| writer.write_all(bytes).is_ok()));
    let mut received = client.receive_all();
    sender.join().unwrap();
    let last = received.pop();
    assert_eq!(
        last.as_ref().and_then(code),
        Some(case.code),
        "{}: its close",
        case.name
    );
    assert!(
        received == case.answers,
        "{}, in pieces of {piece}: other answers",
        case.name
    );
}

/// The code of a close frame.
fn code(frame: &Received) -> Option<u16> {
    let code = frame.payload.first_chunk().filter(|_| frame.first == FIN | CLOSE);
    code.map(|code| u16::from_be_bytes(*code))
}

#[test]
fn what_is_valid_is_echoed() {
    let echo = Echo::start().unwrap();
    for case in exchanges::cases() {
        hold(&echo, &case, case.sends.len());
        hold(&echo, &case, 997);
    }
}

#[test]
fn what_is_not_ends_with_its_code() {
    let echo = Echo::start().unwrap();
    for case in endings::cases() {
        hold(&echo, &case, case.sends.len());
    }
}

#[test]
fn octet_by_octet_it_is_the_same() {
    let echo = Echo::start().unwrap();
    let cases = [exchanges::cases(), endings::cases()].concat();
    for case in cases.iter().filter(|case| case.sends.len() <= OCTETWISE_MAX) {
        hold(&echo, case, 1);
    }
}

#[test]
fn cut_at_each_byte_it_is_the_same() {
    let echo = Echo::start().unwrap();
    let sends = [
        frame(TEXT, b"\xce"),
        frame(FIN, b"\xba!"),
        frame(FIN | TEXT, &[b'*'; 126]),
        close(1000, b""),
    ]
    .concat();
    for at in 0..=sends.len() {
        let mut client = Client::open_with(echo.address(), "/", &sends[..at]);
        assert!(client.send(&sends[at..]), "cut at {at}");
        let received = client.receive_all();
        assert_eq!(received.len(), 3, "cut at {at}: {received:?}");
        assert_eq!(received[0].payload, "κ!".as_bytes(), "cut at {at}");
        assert_eq!(received[1].payload, [b'*'; 126], "cut at {at}");
        assert_eq!(code(&received[2]), Some(1000), "cut at {at}");
    }
}

#[test]
fn another_implementation_understands_it() {
    let echo = Echo::start().unwrap();
    let stream = TcpStream::connect(echo.address()).unwrap();
    let (mut socket, _) = tungstenite::client(format!("ws://{}/", echo.address()), stream).unwrap();
    let sizes = [0, 1, 125, 126, 65_535, 65_536, 1 << 20];
    for size in sizes {
        for message in [
            Message::text("κ".repeat(size / 2)),
            Message::binary(vec![0xfe; size]),
        ] {
            socket.send(message.clone()).unwrap();
            assert!(
                socket.read().unwrap() == message,
                "{size} bytes come back otherwise"
            );
        }
    }
    let ping = Message::Ping("are you there".into());
    socket.send(ping).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("are you there".into()));
    let goodbye = CloseFrame {
        code: CloseCode::Away,
        reason: "leaving".into(),
    };
    socket.close(Some(goodbye)).unwrap();
    let answered = socket.read().unwrap();
    assert!(
        matches!(&answered, Message::Close(Some(frame)) if frame.code == CloseCode::Away),
        "{answered:?}"
    );
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
}
