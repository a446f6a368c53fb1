//! Sealing a session as an app does: the other half of what the server opens.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use crate::authorize::SESSION_PASSWORD;

/// A cookie's value around this content, with fixed salts, that expires then (milliseconds since the Unix epoch).
pub(crate) fn seal(content: &str, expires_ms: u64) -> String {
    let (salt, mac_salt, iv) = ("5a".repeat(32), "c3".repeat(32), [7; 16]);
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(&key(&salt), &iv).unwrap();
    let ciphertext = cipher.encrypt_padded_vec::<Pkcs7>(content.as_bytes());
    let sealed = format!(
        "Fe26.2**{salt}*{}*{}*{expires_ms}",
        URL_SAFE_NO_PAD.encode(iv),
        URL_SAFE_NO_PAD.encode(ciphertext)
    );
    let mac = Hmac::<Sha256>::new_from_slice(&key(&mac_salt)).unwrap();
    let mac = mac.chain_update(&sealed).finalize().into_bytes();
    format!("{sealed}*{mac_salt}*{}", URL_SAFE_NO_PAD.encode(mac))
}

fn key(salt: &str) -> [u8; 32] {
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha1>(SESSION_PASSWORD.as_bytes(), salt.as_bytes(), 1, &mut key);
    key
}
