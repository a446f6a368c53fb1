//! Makes cases from bytes: numbers, choices, and text of which much is nearly right.
//!
//! Random bytes are neither JSON nor a request. So a text is read as a recipe: a byte below 0x80 is that character, most
//! others are a word of the target's language, and the rest are any character. When the bytes end, everything is zero or
//! empty, so each input is a case and a shorter input is a simpler one.

use bolero::{ValueGenerator, produce};

/// The bytes of a case: any, and up to `bytes_max` of them.
pub(crate) fn cases(bytes_max: usize) -> impl ValueGenerator<Output = Vec<u8>> {
    produce::<Vec<u8>>().with().len(0..=bytes_max)
}

/// A cursor over the bytes of one case.
#[derive(Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// A number below `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    /// One of `choices`.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Up to `max` bytes as they are; how many, a byte says.
    pub(crate) fn bytes(&mut self, max: usize) -> &'a [u8] {
        let wanted = self.below(max.min(255) + 1);
        let (taken, rest) = self.0.split_at(wanted.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A text of up to `pieces` characters and `words`.
    pub(crate) fn text(&mut self, pieces: usize, words: &[&str]) -> String {
        let recipe = self.bytes(pieces);
        let mut rest = Input::new(recipe);
        let mut text = String::new();
        while !rest.is_empty() {
            match rest.byte() {
                ascii @ 0..0x80 => text.push(ascii.into()),
                word @ 0x80..0xf0 if !words.is_empty() => {
                    text.push_str(words[usize::from(word - 0x80) % words.len()]);
                }
                _ => {
                    let code = u32::from_be_bytes([0, rest.byte(), rest.byte(), rest.byte()]);
                    text.push(char::from_u32(code % 0x11_0000).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
        }
        text
    }

    /// As [`Input::text`], for bytes: what is neither a character nor a word is a raw byte.
    pub(crate) fn raw(&mut self, pieces: usize, words: &[&str]) -> Vec<u8> {
        let recipe = self.bytes(pieces);
        let mut rest = Input::new(recipe);
        let mut raw = Vec::new();
        while !rest.is_empty() {
            match rest.byte() {
                ascii @ 0..0x80 => raw.push(ascii),
                word @ 0x80..0xf8 if !words.is_empty() => {
                    raw.extend_from_slice(words[usize::from(word - 0x80) % words.len()].as_bytes());
                }
                _ => raw.push(rest.byte()),
            }
        }
        raw
    }
}
