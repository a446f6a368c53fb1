//! From bytes to messages.
//!
//! Invariants: [`Decoder`] holds something on the heap only between the first byte of a cut frame or fragmented message
//! and its last; what it holds never exceeds the limit; a violation is reported as soon as the bytes that prove it have
//! been read, so an invalid first fragment or a length over the limit fails before anything else is awaited. How the
//! bytes were cut into reads changes nothing about the events (a property test holds that).

use std::mem;

use super::close::CloseCode;
use super::frame::{HEADER_BYTES_MAX, Header, Opcode};
use super::message::Message;
use super::violation::Violation;

/// Reads the frames of one client.
///
/// One pointer wide, and null between messages: a connection at rest holds no buffer.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
}

/// Something complete that the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A ping; answer it with [`super::pong`] and the same payload.
    Ping(&'a [u8]),
    /// A part of a message, complete as a frame: more of the message is to come.
    Fragment,
    /// A pong, asked for or not.
    Pong(&'a [u8]),
    /// The client ends the connection, with its code if it gave one. The last event of a decoder.
    Close(Option<u16>),
}

/// What the receiver of an [`Event`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// The connection is being closed: drop the rest of the bytes, and everything that is fed from now on.
    Stop,
}

/// What is kept while something is cut.
#[derive(Debug, Default)]
struct Partial {
    stage: Stage,
    /// The control frame that is arriving.
    control: Vec<u8>,
    /// The data message that is arriving.
    message: Option<Message>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// A header's bytes so far; none of them between two frames.
    Head(Head),
    /// A frame whose payload is still arriving.
    Payload(Frame),
    /// After a violation, a close or a [`Flow::Stop`].
    Dead,
}

#[derive(Clone, Copy, Debug, Default)]
struct Head {
    bytes: [u8; HEADER_BYTES_MAX],
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    header: Header,
    payload_len: usize,
    received: usize,
}

impl Decoder {
    /// Takes freshly read bytes, unmasks them in place and calls `on` for every message and control frame they complete.
    ///
    /// `message_bytes_max` bounds a message, all its fragments together; control frames are bounded by the protocol.
    /// After a violation, [`Event::Close`] or [`Flow::Stop`] the decoder is dead and ignores all further bytes.
    ///
    /// # Errors
    ///
    /// The [`Violation`] names the code to close with. Events before it were already handed over.
    pub fn feed(
        &mut self,
        bytes: &mut [u8],
        message_bytes_max: usize,
        mut on: impl FnMut(Event<'_>) -> Flow,
    ) -> Result<(), Violation> {
        let outcome = self.run(bytes, message_bytes_max, &mut on);
        if outcome != Ok(Flow::Continue) {
            self.partial = Some(Box::new(Partial {
                stage: Stage::Dead,
                ..Partial::default()
            }));
        }
        outcome.map(|_| ())
    }

    /// Whether nothing is cut: no frame, no message, and not dead.
    pub fn is_at_rest(&self) -> bool {
        self.partial.is_none()
    }

    #[cfg(test)]
    pub(crate) fn held_bytes(&self) -> usize {
        let Some(partial) = &self.partial else { return 0 };
        partial.control.capacity() + partial.message.as_ref().map_or(0, Message::held_bytes)
    }

    fn run(
        &mut self,
        mut input: &mut [u8],
        bytes_max: usize,
        on: &mut impl FnMut(Event<'_>) -> Flow,
    ) -> Result<Flow, Violation> {
        while let Some((frame, header_len)) = self.next_frame(input, bytes_max)? {
            let payload = &mut mem::take(&mut input)[header_len..];
            let (part, rest) = payload.split_at_mut(frame.missing().min(payload.len()));
            input = rest;
            frame.header.unmask(frame.received, part);
            if self.take_part(frame, part, bytes_max, on)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// The frame that the next bytes belong to, and how many of them are its header; `None` where more must be read first.
    fn next_frame(&mut self, input: &[u8], bytes_max: usize) -> Result<Option<(Frame, usize)>, Violation> {
        if input.is_empty() {
            return Ok(None);
        }
        let stage = self
            .partial
            .as_ref()
            .map_or_else(Stage::default, |partial| partial.stage);
        let mut head = match stage {
            Stage::Dead => return Ok(None),
            Stage::Payload(frame) => return Ok(Some((frame, 0))),
            Stage::Head(head) => head,
        };
        let known = head.len;
        head.fill(input);
        let Some((header, header_len)) = Header::parse(head.as_slice())? else {
            self.partial.get_or_insert_default().stage = Stage::Head(head);
            return Ok(None);
        };
        Ok(Some((self.admit(header, bytes_max)?, header_len - known)))
    }

    /// Checks a header against the message that is open and against the limit.
    fn admit(&self, header: Header, bytes_max: usize) -> Result<Frame, Violation> {
        let open = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
        match header.opcode {
            Opcode::Continuation if open.is_none() => return Err(Violation::NothingToContinue),
            Opcode::Text | Opcode::Binary if open.is_some() => return Err(Violation::Interrupted),
            _ => {}
        }
        let payload_len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        let held = open.map_or(0, |message| message.bytes().len());
        if !header.opcode.is_control() && payload_len > bytes_max.saturating_sub(held) {
            return Err(Violation::TooBig { bytes_max });
        }
        Ok(Frame {
            header,
            payload_len,
            received: 0,
        })
    }

    fn take_part(
        &mut self,
        mut frame: Frame,
        part: &[u8],
        bytes_max: usize,
        on: &mut impl FnMut(Event<'_>) -> Flow,
    ) -> Result<Flow, Violation> {
        frame.received += part.len();
        let flow = if part.is_empty() && frame.missing() > 0 {
            // The read ended with the header. Nothing is begun yet: the payload may come whole with the next.
            Flow::Continue
        } else if frame.header.opcode.is_control() {
            self.take_control(frame, part, on)?
        } else {
            self.take_data(frame, part, bytes_max, on)?
        };
        self.settle(frame);
        Ok(flow)
    }

    fn take_control(
        &mut self,
        frame: Frame,
        part: &[u8],
        on: &mut impl FnMut(Event<'_>) -> Flow,
    ) -> Result<Flow, Violation> {
        if frame.is_whole_in(part) {
            return deliver_control(frame.header.opcode, part, on);
        }
        let control = &mut self.partial.get_or_insert_default().control;
        control.extend_from_slice(part);
        if frame.missing() > 0 {
            return Ok(Flow::Continue);
        }
        deliver_control(frame.header.opcode, &mem::take(control), on)
    }

    fn take_data(
        &mut self,
        frame: Frame,
        part: &[u8],
        bytes_max: usize,
        on: &mut impl FnMut(Event<'_>) -> Flow,
    ) -> Result<Flow, Violation> {
        let Header { fin, opcode, .. } = frame.header;
        if fin && opcode != Opcode::Continuation && frame.is_whole_in(part) {
            return deliver_data(opcode, part, on);
        }
        let open = &mut self.partial.get_or_insert_default().message;
        open.get_or_insert_with(|| Message::new(opcode))
            .append(part, bytes_max)?;
        if frame.missing() > 0 {
            return Ok(Flow::Continue);
        }
        if !fin {
            return Ok(on(Event::Fragment));
        }
        match open.take() {
            Some(message) => deliver_data(message.opcode(), message.bytes(), on),
            None => Ok(Flow::Continue),
        }
    }

    /// Remembers a frame that is not complete; forgets everything where nothing is cut any more.
    fn settle(&mut self, frame: Frame) {
        if frame.missing() > 0 {
            self.partial.get_or_insert_default().stage = Stage::Payload(frame);
        } else if let Some(partial) = &mut self.partial {
            partial.stage = Stage::default();
            if partial.message.is_none() {
                self.partial = None;
            }
        }
    }
}

fn deliver_control(
    opcode: Opcode,
    payload: &[u8],
    on: &mut impl FnMut(Event<'_>) -> Flow,
) -> Result<Flow, Violation> {
    match opcode {
        Opcode::Ping => Ok(on(Event::Ping(payload))),
        Opcode::Pong => Ok(on(Event::Pong(payload))),
        // A close: there is no other control frame left.
        _ => {
            on(Event::Close(close_code(payload)?));
            Ok(Flow::Stop)
        }
    }
}

fn deliver_data(
    opcode: Opcode,
    payload: &[u8],
    on: &mut impl FnMut(Event<'_>) -> Flow,
) -> Result<Flow, Violation> {
    if opcode == Opcode::Text {
        let text = str::from_utf8(payload).map_err(|_| Violation::NotUtf8)?;
        return Ok(on(Event::Text(text)));
    }
    Ok(on(Event::Binary(payload)))
}

impl Default for Stage {
    fn default() -> Self {
        Self::Head(Head::default())
    }
}

impl Head {
    /// Adds what `input` has, as far as a header can reach.
    fn fill(&mut self, input: &[u8]) {
        let taken = input.len().min(HEADER_BYTES_MAX - self.len);
        self.bytes[self.len..self.len + taken].copy_from_slice(&input[..taken]);
        self.len += taken;
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Frame {
    fn missing(&self) -> usize {
        self.payload_len - self.received
    }

    fn is_whole_in(&self, part: &[u8]) -> bool {
        part.len() == self.payload_len
    }
}

/// Reads the payload of a close frame: nothing, or a code and a reason. The reason is checked and dropped.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    if payload.is_empty() {
        return Ok(None);
    }
    let (code, reason) = payload.split_first_chunk::<2>().ok_or(Violation::BadClose)?;
    let code = u16::from_be_bytes(*code);
    if !CloseCode::new(code).is_sendable() {
        return Err(Violation::BadClose);
    }
    str::from_utf8(reason).map_err(|_| Violation::NotUtf8)?;
    Ok(Some(code))
}
