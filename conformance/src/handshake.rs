//! The opening handshake, as far as an echo needs it: the key decides, the path and all other fields are ignored.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use headcount_core::websocket::accept_key;

const HEAD_BYTES_MAX: usize = 8_192;
const HEADERS_MAX: usize = 64;
const REFUSAL: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Reads a request and answers it. The bytes that came behind it, or `None` where it was refused.
pub(crate) fn answer(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let (head_len, accept) = loop {
        match judge(&head) {
            Judgement::Partial if head.len() < HEAD_BYTES_MAX => read_more(stream, &mut head)?,
            Judgement::Upgrade { head_len, accept } => break (head_len, accept),
            Judgement::Partial | Judgement::Refuse => {
                stream.write_all(REFUSAL)?;
                return Ok(None);
            }
        }
    };
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n")?;
    stream.write_all(b"sec-websocket-accept: ")?;
    stream.write_all(&accept)?;
    stream.write_all(b"\r\n\r\n")?;
    Ok(Some(head.split_off(head_len)))
}

enum Judgement {
    Partial,
    Refuse,
    Upgrade { head_len: usize, accept: [u8; 28] },
}

fn judge(head: &[u8]) -> Judgement {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) => Judgement::Partial,
        Ok(httparse::Status::Complete(head_len)) => request
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("sec-websocket-key"))
            .and_then(|header| accept_key(str::from_utf8(header.value).ok()?))
            .map_or(Judgement::Refuse, |accept| Judgement::Upgrade {
                head_len,
                accept,
            }),
        Err(_) => Judgement::Refuse,
    }
}

fn read_more(stream: &mut TcpStream, head: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 1_024];
    let read = stream.read(&mut buffer)?;
    if read == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    head.extend_from_slice(&buffer[..read]);
    Ok(())
}
