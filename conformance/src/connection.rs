//! One connection: handshake, echo, farewell.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use headcount_core::websocket::{self, CloseCode, Decoder, Event, Flow, Opcode};

use crate::handshake;

/// The longest message that is echoed: that of the suite's case 9.1.6, the longest it has.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// How long a client may say nothing.
pub const SILENCE: Duration = Duration::from_secs(30);
/// How long a client may take to hang up once it was told goodbye.
const FAREWELL: Duration = Duration::from_secs(2);
const READ_BYTES: usize = 16_384;

/// Serves `stream` until either side has had enough.
pub(crate) fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    let Some(mut early) = handshake::answer(&mut stream)? else {
        return Ok(());
    };
    let mut decoder = Decoder::default();
    if echo(&mut decoder, &mut early, &mut stream)? == Flow::Stop {
        return farewell(&mut stream);
    }
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        if echo(&mut decoder, &mut buffer[..read], &mut stream)? == Flow::Stop {
            return farewell(&mut stream);
        }
    }
}

/// Answers what `bytes` complete. [`Flow::Stop`] when the last frame was sent.
fn echo(decoder: &mut Decoder, bytes: &mut [u8], stream: &mut TcpStream) -> io::Result<Flow> {
    let mut sent = Ok(());
    let mut flow = Flow::Continue;
    let fed = decoder.feed(bytes, MESSAGE_BYTES_MAX, |event| {
        let answer = answer(&event);
        sent = answer.map_or(Ok(()), |frame| stream.write_all(&frame));
        if sent.is_err() || matches!(event, Event::Close(_)) {
            flow = Flow::Stop;
        }
        flow
    });
    sent?;
    if let Err(violation) = fed {
        stream.write_all(&websocket::close(violation.close_code(), &violation.to_string()))?;
        flow = Flow::Stop;
    }
    Ok(flow)
}

/// The frame that answers an event; a pong and a part of a message need none.
fn answer(event: &Event<'_>) -> Option<Bytes> {
    Some(match event {
        Event::Text(text) => websocket::text(text),
        Event::Binary(bytes) => websocket::frame(Opcode::Binary, bytes),
        Event::Ping(payload) => websocket::pong(payload),
        Event::Pong(_) | Event::Fragment => return None,
        Event::Close(code) => websocket::close(code.map_or(CloseCode::NORMAL, CloseCode::new), ""),
    })
}

/// Hangs up for our part and reads on until the client has, too: closing with bytes unread would send a reset, and that
/// may reach the client before our close frame does.
fn farewell(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(FAREWELL))?;
    let mut rest = [0; READ_BYTES];
    while stream.read(&mut rest)? > 0 {}
    Ok(())
}
