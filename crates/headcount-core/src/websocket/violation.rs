//! What a client did that ends its connection.

use super::CloseCode;

/// A frame that breaks the protocol or a limit. The text is for people who debug a client or a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A client must mask every frame (RFC 6455, section 5.1).
    #[error("a frame is not masked")]
    Unmasked,
    /// No extension was negotiated, so all three RSV bits are zero (section 5.2).
    #[error("a reserved bit is set, but no extension was negotiated")]
    ReservedBit,
    /// Opcodes 3–7 and 11–15 have no meaning (section 5.2).
    #[error("opcode {0} is reserved")]
    ReservedOpcode(u8),
    /// A control frame arrives in one piece (section 5.5).
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame holds at most 125 bytes (section 5.5).
    #[error("a control frame is longer than 125 bytes")]
    LongControl,
    /// The highest bit of a 64-bit length is zero (section 5.2).
    #[error("a frame's length does not fit into 63 bits")]
    Length,
    /// A continuation continues something (section 5.4).
    #[error("a continuation frame without a message to continue")]
    NothingToContinue,
    /// The fragments of two messages do not mix (section 5.4).
    #[error("a message began before the previous message ended")]
    Interrupted,
    /// A close frame is empty or begins with a two-byte code that may be sent (sections 5.5.1 and 7.4).
    #[error("a close frame has no valid code")]
    BadClose,
    /// Text, and the reason in a close frame, is UTF-8 (section 8.1).
    #[error("text is not UTF-8")]
    NotUtf8,
    /// All fragments of a message together stay within the limit.
    #[error("a message is longer than {bytes_max} bytes")]
    TooBig {
        /// The limit that was in force.
        bytes_max: usize,
    },
}

impl Violation {
    /// The code to close with: 1007 for text that is not UTF-8, 1009 for a message over the limit, 1002 for the rest.
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::NotUtf8 => CloseCode::NOT_UTF8,
            Self::TooBig { .. } => CloseCode::TOO_BIG,
            Self::Unmasked
            | Self::ReservedBit
            | Self::ReservedOpcode(_)
            | Self::FragmentedControl
            | Self::LongControl
            | Self::Length
            | Self::NothingToContinue
            | Self::Interrupted
            | Self::BadClose => CloseCode::PROTOCOL_ERROR,
        }
    }
}
