//! One frame: its header, as a client sends it, and its mask.

use super::Violation;

/// What a frame is (RFC 6455, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next fragment of the message that is open.
    Continuation = 0,
    /// A text message, or its first fragment.
    Text = 1,
    /// A binary message, or its first fragment.
    Binary = 2,
    /// The end of the connection.
    Close = 8,
    /// A question for life.
    Ping = 9,
    /// The answer.
    Pong = 10,
}

impl Opcode {
    /// Whether frames of this kind may come between the fragments of a message.
    pub const fn is_control(self) -> bool {
        self as u8 & 8 != 0
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }
}

/// Bytes of the longest header: two, a 64-bit length, and a mask.
pub(super) const HEADER_BYTES_MAX: usize = 14;

/// Bytes a control frame may hold (section 5.5).
pub(super) const CONTROL_BYTES_MAX: usize = 125;

/// The header of a client's frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    pub(super) payload_len: u64,
    mask: [u8; 4],
}

impl Header {
    /// Reads a header and says how many bytes it took; `None` where `bytes` end before it does.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let opcode = check_start(*first, *second)?;
        let Some((payload_len, rest)) = read_len(second & 0x7f, rest)? else {
            return Ok(None);
        };
        let Some((mask, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let header = Self {
            fin: first & 0x80 != 0,
            opcode,
            payload_len,
            mask: *mask,
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// Unmasks the part of the payload that begins `offset` bytes into it.
    pub(super) fn unmask(&self, offset: usize, part: &mut [u8]) {
        let mut mask = self.mask;
        mask.rotate_left(offset % 4);
        unmask(mask, part);
    }
}

/// Checks what the first two bytes can tell.
fn check_start(first: u8, second: u8) -> Result<Opcode, Violation> {
    if first & 0x70 != 0 {
        return Err(Violation::ReservedBit);
    }
    let bits = first & 0x0f;
    let opcode = Opcode::from_bits(bits).ok_or(Violation::ReservedOpcode(bits))?;
    if second & 0x80 == 0 {
        return Err(Violation::Unmasked);
    }
    if opcode.is_control() && first & 0x80 == 0 {
        return Err(Violation::FragmentedControl);
    }
    if opcode.is_control() && usize::from(second & 0x7f) > CONTROL_BYTES_MAX {
        return Err(Violation::LongControl);
    }
    Ok(opcode)
}

/// Reads the length that the seven bits announce. A length written longer than it need be is accepted, as most servers do.
fn read_len(bits: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Violation> {
    match bits {
        126 => Ok(rest
            .split_first_chunk()
            .map(|(len, rest)| (u16::from_be_bytes(*len).into(), rest))),
        127 => match rest
            .split_first_chunk()
            .map(|(len, rest)| (u64::from_be_bytes(*len), rest))
        {
            Some((len, _)) if len >> 63 != 0 => Err(Violation::Length),
            read => Ok(read),
        },
        short => Ok(Some((short.into(), rest))),
    }
}

/// XORs eight bytes at a time; the compiler widens that to the vectors of the machine.
fn unmask(mask: [u8; 4], bytes: &mut [u8]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= key;
    }
}
