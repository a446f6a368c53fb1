//! The one computed field of the opening handshake.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD};
use sha1::{Digest as _, Sha1};

/// RFC 6455, section 1.3.
const PROTOCOL_ID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// As strict as the RFC about length and alphabet, but unused bits of the last character may be set: it asks for a key
/// that decodes to 16 bytes, and some clients pick 22 random characters.
const KEY: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, PAD.with_decode_allow_trailing_bits(true));

/// The value of `Sec-WebSocket-Accept` for that of `Sec-WebSocket-Key`, in ASCII (RFC 6455, section 4.2.2).
///
/// `None` where the key is not the base64 form of 16 bytes: answer `400`.
pub fn accept_key(sec_websocket_key: &str) -> Option<[u8; 28]> {
    // 24 characters decode to at most 18 bytes, and the decoder wants room for the most.
    let mut nonce = [0; 18];
    if sec_websocket_key.len() != 24 || KEY.decode_slice(sec_websocket_key, &mut nonce) != Ok(16) {
        return None;
    }
    let digest = Sha1::new()
        .chain_update(sec_websocket_key)
        .chain_update(PROTOCOL_ID)
        .finalize();
    let mut accept = [0; 28];
    STANDARD.encode_slice(digest, &mut accept).ok()?;
    Some(accept)
}
