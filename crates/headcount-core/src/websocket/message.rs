//! A data message that arrives in pieces.

use super::frame::Opcode;
use super::violation::Violation;

/// What has arrived of a message, unmasked; never more than the limit, in memory neither.
#[derive(Debug)]
pub(super) struct Message {
    opcode: Opcode,
    bytes: Vec<u8>,
    /// How much of `bytes` is known to be UTF-8, where it must be.
    valid_len: usize,
}

impl Message {
    pub(super) fn new(opcode: Opcode) -> Self {
        Self {
            opcode,
            bytes: Vec::new(),
            valid_len: 0,
        }
    }

    /// Text or binary.
    pub(super) fn opcode(&self) -> Opcode {
        self.opcode
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds a piece that was found to fit into `bytes_max`, and checks what it can of its text.
    pub(super) fn append(&mut self, piece: &[u8], bytes_max: usize) -> Result<(), Violation> {
        let len = self.bytes.len() + piece.len();
        if len > self.bytes.capacity() {
            // Doubling, but never past the limit: a declared length is not yet a reason to hold memory.
            let capacity = len.max(self.bytes.capacity().saturating_mul(2).min(bytes_max));
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        if self.opcode == Opcode::Text {
            self.check_text()
        } else {
            Ok(())
        }
    }

    /// Fails on bytes that no continuation could mend. A character that is merely cut waits for its rest; one that is
    /// still cut when the message ends is for the decoder to refuse.
    fn check_text(&mut self) -> Result<(), Violation> {
        match str::from_utf8(&self.bytes[self.valid_len..]) {
            Ok(text) => self.valid_len += text.len(),
            Err(error) if error.error_len().is_none() => self.valid_len += error.valid_up_to(),
            Err(_) => return Err(Violation::NotUtf8),
        }
        Ok(())
    }
}
