//! What a case is: bytes that go in, frames that come out, and how it ends.

use crate::client::{FIN, PONG, Received, close};

/// One conversation.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The number of the nearest case of the Autobahn test suite, and what it is about.
    pub(crate) name: String,
    /// Everything the client sends.
    pub(crate) sends: Vec<u8>,
    /// What an echo answers, before its close.
    pub(crate) answers: Vec<Received>,
    /// The code of the server's close frame. Its reason is free.
    pub(crate) code: u16,
}

impl Case {
    /// A case that the client ends, with 1000.
    pub(crate) fn ending_well(name: impl Into<String>, sends: &[Vec<u8>], answers: Vec<Received>) -> Self {
        let sends = [sends.concat(), close(1000, b"")].concat();
        Self {
            name: name.into(),
            sends,
            answers,
            code: 1000,
        }
    }

    /// A case that ends with `code`: by a violation, or by a close of the client's. Nothing behind that is answered.
    pub(crate) fn ending(
        name: impl Into<String>,
        sends: &[Vec<u8>],
        answers: Vec<Received>,
        code: u16,
    ) -> Self {
        Self {
            name: name.into(),
            sends: sends.concat(),
            answers,
            code,
        }
    }
}

/// A whole frame of the server.
pub(crate) fn answer(opcode: u8, payload: impl AsRef<[u8]>) -> Received {
    Received {
        first: FIN | opcode,
        payload: payload.as_ref().to_vec(),
    }
}

/// The answer to a ping.
pub(crate) fn pong(payload: impl AsRef<[u8]>) -> Received {
    answer(PONG, payload)
}
