//! The page a tab shows: a path in its one normal form.
//!
//! Tabs report the same page in many spellings (`/caf%C3%A9`, `/caf%c3%a9`, `/café?from=mail`), and an operator types
//! yet another. All of them become one text here, so that the rest of the code compares plain strings. Readable
//! characters are decoded. Bytes that are not UTF-8, control characters, and `/ ? # %`, whose decoded form means
//! something else, stay as upper-case `%XX`.
//!
//! Invariants: a route begins with `/`, holds no control character and no raw `?`, `#` or lone `%`, is within its limit,
//! and normalising it again changes nothing.
//!
//! Deliberately absent: folding of `//`, of `.` and `..` and of a trailing slash, and of letter case. Whether `/cart/` and
//! `/cart` are one page is for the app's router to know, and a browser's own URL parser has already resolved the dots.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A path in its one normal form. Cheap to clone; orders, compares and hashes as its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route(Arc<str>);

/// Why a text is not a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// Empty, or another beginning than `/`.
    #[error("a route is a path: begin it with `/`")]
    NotAPath,
    /// A raw line break, escape or the like (Unicode category Cc, which has DEL in it) before the `?` or `#`.
    #[error("the route has a control character: leave it out or percent-encode it")]
    ControlCharacter,
    /// The normal form is longer than the limit.
    #[error("the route is longer than {bytes_max} bytes: shorten it")]
    TooLong {
        /// The limit that was in force.
        bytes_max: usize,
    },
}

impl Route {
    /// The page `/`.
    pub fn root() -> Self {
        // Not a shared static: shards on several cores would fight over its reference count.
        Self(Arc::from("/"))
    }

    /// The route that `text` names, of at most `bytes_max` bytes in its normal form.
    ///
    /// ```
    /// use headcount_core::route::Route;
    ///
    /// let route = Route::parse("/caf%c3%a9?from=mail", 1_024)?;
    /// assert_eq!(route.as_str(), "/café");
    /// # Ok::<(), headcount_core::route::RouteError>(())
    /// ```
    pub fn parse(text: &str, bytes_max: usize) -> Result<Self, RouteError> {
        normalise(text, bytes_max).map(|path| Self(Arc::from(path)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// [`Route::parse`] without the allocation: borrows from `text` where that is in normal form up to its `?` or `#`, so an
/// interned name can be looked up for free.
pub fn normalise(text: &str, bytes_max: usize) -> Result<Cow<'_, str>, RouteError> {
    if !text.starts_with('/') {
        return Err(RouteError::NotAPath);
    }
    let Path { path, escaped } = scan(text, bytes_max)?;
    let path = if escaped {
        decode(path)
    } else {
        Cow::Borrowed(path)
    };
    if path.len() > bytes_max {
        return Err(RouteError::TooLong { bytes_max });
    }
    Ok(path)
}

struct Path<'a> {
    path: &'a str,
    /// Whether there is a `%` in it.
    escaped: bool,
}

/// Cuts off query and fragment, and refuses what no decoding could mend, in one pass.
fn scan(text: &str, bytes_max: usize) -> Result<Path<'_>, RouteError> {
    // Normalising makes at least one byte of every three, so a longer input cannot come out within the limit.
    let input_max = bytes_max.saturating_mul(3);
    let mut escaped = false;
    let mut end = text.len();
    for (at, char) in text.char_indices() {
        match char {
            '?' | '#' => {
                end = at;
                break;
            }
            '%' => escaped = true,
            _ if char.is_control() => return Err(RouteError::ControlCharacter),
            _ if at >= input_max => return Err(RouteError::TooLong { bytes_max }),
            _ => {}
        }
    }
    Ok(Path {
        path: &text[..end],
        escaped,
    })
}

/// Brings every percent sequence of `text` into its one form. Idempotent; never shorter than a third, never longer than
/// three times.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find('%') else {
        return Cow::Borrowed(text);
    };
    let mut decoded = String::with_capacity(text.len());
    decoded.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(char) = rest.chars().next() {
        let taken = if char == '%' {
            decode_sequence(rest.as_bytes(), &mut decoded)
        } else {
            decoded.push(char);
            char.len_utf8()
        };
        rest = &rest[taken..];
    }
    Cow::Owned(decoded)
}

/// Decodes the character that begins at this `%`, as far as it may be, and says how many bytes of input it took.
fn decode_sequence(rest: &[u8], decoded: &mut String) -> usize {
    let mut bytes = [0; 4];
    let escapes = rest
        .chunks_exact(3)
        .map_while(escape)
        .zip(&mut bytes)
        .map(|(byte, slot)| *slot = byte)
        .count();
    let Some(&first) = bytes[..escapes].first() else {
        decoded.push_str("%25");
        return 1;
    };
    let char = str::from_utf8(&bytes[..escapes.min(utf8_len(first))])
        .ok()
        .and_then(|text| text.chars().next());
    match char {
        Some(char) if !char.is_control() && !"/?#%".contains(char) => {
            decoded.push(char);
            3 * char.len_utf8()
        }
        // One byte at a time is right for a control character of two bytes too: its second byte alone is not UTF-8.
        _ => {
            push_escape(first, decoded);
            3
        }
    }
}

/// The byte that `%XX` encodes.
fn escape(sequence: &[u8]) -> Option<u8> {
    let [b'%', high, low] = *sequence else { return None };
    let digit = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some(digit(high)? << 4 | digit(low)?)
}

fn push_escape(byte: u8, decoded: &mut String) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    decoded.extend([
        '%',
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]);
}

/// How long a character is that begins with this byte; one, if none does.
fn utf8_len(first: u8) -> usize {
    match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

impl Deref for Route {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Route {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn outcome(result: Result<Cow<'_, str>, RouteError>) -> String {
        match result {
            Ok(path) => path.into_owned(),
            Err(RouteError::NotAPath) => "error: not-a-path".to_owned(),
            Err(RouteError::ControlCharacter) => "error: control-character".to_owned(),
            Err(RouteError::TooLong { .. }) => "error: too-long".to_owned(),
        }
    }

    #[test]
    fn vectors() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../protocol/vectors/routes.json")).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let bytes_max = case["bytesMax"]
                .as_u64()
                .map_or(1_024, |max| usize::try_from(max).unwrap());
            let wanted = case.get("error").map_or_else(
                || case["route"].as_str().unwrap().to_owned(),
                |error| format!("error: {}", error.as_str().unwrap()),
            );
            let input = case["input"].as_str().unwrap();
            assert_eq!(outcome(normalise(input, bytes_max)), wanted, "{}", case["name"]);
        }
    }

    #[test]
    fn a_path_in_normal_form_is_borrowed() {
        for text in ["/", "/checkout/pay?step=2", "/café#top"] {
            assert!(matches!(normalise(text, 64), Ok(Cow::Borrowed(_))), "{text}");
        }
    }

    #[test]
    fn a_query_of_any_length_does_not_count() {
        let text = format!("/cart?{}", "q".repeat(10_000));
        assert_eq!(normalise(&text, 5).as_deref(), Ok("/cart"));
    }

    /// Paths in which percent sequences of every kind are frequent.
    fn paths() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|byte| format!("%{byte:02x}")),
            any::<u8>().prop_map(|byte| format!("%{byte:02X}")),
            any::<char>()
                .prop_filter("raw control characters are refused", |char| !char.is_control())
                .prop_map(String::from),
            prop::sample::select(vec![
                "%",
                "/",
                "%C3%A9",
                "%E2%82%AC",
                "%F0%9F%98%80",
                "%c2%9b",
                "2",
                "f"
            ])
            .prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
    }

    proptest! {
        #[test]
        fn normalising_again_changes_nothing(text in paths()) {
            let once = normalise(&text, 1_024).unwrap().into_owned();
            let twice = normalise(&once, 1_024).unwrap();
            prop_assert_eq!(&once, &twice);
        }

        #[test]
        fn every_spelling_of_a_path_is_one_route(text in paths()) {
            let spelled: String = text.split(['?', '#']).next().unwrap().bytes()
                .map(|byte| if byte == b'/' || byte == b'%' || byte.is_ascii_hexdigit() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02x}")
                })
                .collect();
            prop_assert_eq!(normalise(&spelled, 1_024), normalise(&text, 1_024));
        }

        #[test]
        fn a_result_is_clean_and_within_its_limit(text in "/?.{0,40}", bytes_max in 0_usize..40) {
            if let Ok(path) = normalise(&text, bytes_max) {
                prop_assert!(path.starts_with('/') && path.len() <= bytes_max);
                prop_assert!(!path.chars().any(|char| char.is_control() || char == '?' || char == '#'));
            }
        }

        #[test]
        fn the_limit_on_input_refuses_nothing_that_would_fit(text in paths()) {
            let unbounded = normalise(&text, usize::MAX);
            let bytes_max = unbounded.as_ref().unwrap().len();
            prop_assert_eq!(normalise(&text, bytes_max), unbounded);
        }
    }
}
