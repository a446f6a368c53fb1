//! From values to the frames a server sends: unmasked, unfragmented.

use bytes::Bytes;

use super::close::CloseCode;
use super::frame::{CONTROL_BYTES_MAX, Opcode};

/// Writes the header of a frame with `payload_len` bytes of payload into `buffer` and returns how many bytes it took.
///
/// For a payload that lies elsewhere and goes out by a vectored write.
pub fn header(opcode: Opcode, payload_len: usize, buffer: &mut [u8; 10]) -> usize {
    buffer[0] = 0x80 | opcode as u8;
    if let Ok(short @ 0..=125) = u8::try_from(payload_len) {
        buffer[1] = short;
        return 2;
    }
    if let Ok(medium) = u16::try_from(payload_len) {
        buffer[1] = 126;
        buffer[2..4].copy_from_slice(&medium.to_be_bytes());
        return 4;
    }
    buffer[1] = 127;
    buffer[2..10].copy_from_slice(&(payload_len as u64).to_be_bytes());
    10
}

/// A whole frame. A control frame's payload is cut to the 125 bytes it may hold.
pub fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let payload = match payload.get(..CONTROL_BYTES_MAX) {
        Some(cut) if opcode.is_control() => cut,
        _ => payload,
    };
    let mut head = [0; 10];
    let head_len = header(opcode, payload.len(), &mut head);
    let mut bytes = Vec::with_capacity(head_len + payload.len());
    bytes.extend_from_slice(&head[..head_len]);
    bytes.extend_from_slice(payload);
    bytes.into()
}

/// A text message.
pub fn text(payload: &str) -> Bytes {
    frame(Opcode::Text, payload.as_bytes())
}

/// A ping. Any pong, or anything else from the client, shows that it lives; the payload serves to match pings and pongs.
pub fn ping(payload: &[u8]) -> Bytes {
    frame(Opcode::Ping, payload)
}

/// The answer to a ping with this payload.
pub fn pong(payload: &[u8]) -> Bytes {
    frame(Opcode::Pong, payload)
}

/// A close frame. The reason, for a person with developer tools, is cut to the 123 bytes it may take.
pub fn close(code: CloseCode, reason: &str) -> Bytes {
    debug_assert!(code.is_sendable(), "{code:?} may not stand in a close frame");
    let reason = &reason[..reason.floor_char_boundary(CONTROL_BYTES_MAX - 2)];
    frame(
        Opcode::Close,
        &[&code.get().to_be_bytes(), reason.as_bytes()].concat(),
    )
}
