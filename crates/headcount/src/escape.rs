//! What a person reads in a terminal or a log, without anything that could deceive.
//!
//! Routes and versions are what visitors send. A control character in them can steer a terminal; one that turns the direction
//! of writing, or that takes no room, makes one name look like another. All of these are shown by their number.

use std::fmt::Write;

/// Whether a character steers a terminal, turns the direction of writing, or cannot be seen: Unicode's categories Cc, Cf, Zl and
/// Zp, what it calls default ignorable, blanks other than the space, private use, and what no text may hold.
pub(crate) fn deceives(letter: char) -> bool {
    letter.is_control()
        || (letter.is_whitespace() && letter != ' ')
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{16fe4}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..)
        || u32::from(letter) & 0xfffe == 0xfffe
}

/// One line of text.
pub(crate) fn plain(text: &str) -> String {
    escaped(text, |_| false, unicode)
}

/// Lines of text, which end where they end.
pub(crate) fn lines(text: &str) -> String {
    escaped(text, |letter| letter == '\n', unicode)
}

/// JSON, which says the same as before.
pub(crate) fn json(text: &str) -> String {
    escaped(
        text,
        |letter| matches!(letter, '\n' | '\t'),
        |letter, to| {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing into a String cannot fail.
                let _ = write!(to, "\\u{unit:04x}");
            }
        },
    )
}

/// What a log writes: lines, with the colours that it gives them itself.
pub(crate) fn log(text: &str, is_coloured: bool) -> String {
    let stays = |letter| letter == '\n' || (is_coloured && letter == '\u{1b}');
    escaped(text, stays, unicode)
}

fn unicode(letter: char, to: &mut String) {
    to.extend(letter.escape_unicode());
}

fn escaped(text: &str, stays: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if deceives(letter) && !stays(letter) {
            escape(letter, &mut plain);
        } else {
            plain.push(letter);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_visitors_send_cannot_steer_the_terminal() {
        assert_eq!(plain("/a\u{1b}[2Jb\n\u{202e}"), "/a\\u{1b}[2Jb\\u{a}\\u{202e}");
        assert_eq!(plain("/žluťoučký/日本/עברית/👋🏽"), "/žluťoučký/日本/עברית/👋🏽");
        assert_eq!(lines("a\nb\u{9b}31m\r"), "a\nb\\u{9b}31m\\u{d}");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        // A sample of each kind: soft hyphen, joiners, marks and turns of direction, fillers, tags, selectors, separators.
        for letter in "\u{ad}\u{34f}\u{61c}\u{115f}\u{17b4}\u{180e}\u{200b}\u{200e}\u{200f}\u{202a}\u{202e}\u{2028}\u{2029}\u{2060}\u{2066}\u{2069}\u{206f}\u{2800}\u{3000}\u{3164}\u{a0}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{fffb}\u{1d173}\u{e0001}\u{e0041}\u{e007f}\u{e0100}\u{85}\u{9b}\u{7f}\0".chars() {
            let shown = plain(&format!("/checkout{letter}"));
            assert!(shown.is_ascii() && shown.starts_with("/checkout\\u{"), "{:x}: {shown}", u32::from(letter));
        }
    }

    #[test]
    fn json_says_the_same() {
        let text = "{\"a\":\"\u{9b}\u{202e}\u{e0041}é\"}\n";
        let shown = json(text);
        assert_eq!(shown, "{\"a\":\"\\u009b\\u202e\\udb40\\udc41é\"}\n");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(text));
    }

    #[test]
    fn a_log_keeps_its_own_colours_alone() {
        assert_eq!(log("\u{1b}[33m\u{202e}\n", true), "\u{1b}[33m\\u{202e}\n");
        assert_eq!(log("\u{1b}[33m\n", false), "\\u{1b}[33m\n");
    }
}
