//! From JavaScript's regular expressions to those of the `regex` crate, as far as the list needs it.
//!
//! `regex` runs in linear time and has no lookarounds. The negative ones of the list name plain words only, and those can be
//! said without: `(?<!cam)scan` is "scan" behind the beginning, or behind anything but `m`, or behind an `m` that has
//! anything but `a` before it, and so on: `(?:^|[^m]|(?:^|[^a])m|(?:^|[^c])am)scan`. For several words the letters form a
//! tree, walked in [`Side::avoiding`].
//!
//! The result matches more text than the original (also the letters around it), but in the same user agents, which is
//! enough. Deliberately absent: positive lookarounds, and words that are patterns themselves; the list has none, and
//! the test against the verdicts of npm isbot would find them.

/// Where the words that must not be stand.
#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

/// The same pattern without lookarounds, and without a hyphen behind a class escape, which JavaScript takes for itself
/// (`[\d-.]`).
pub(super) fn translate(pattern: &str) -> String {
    let pattern = pattern.replace(r"\d-", r"\d\-").replace(r"\w-", r"\w\-");
    [("(?<!", Side::Before), ("(?!", Side::After)]
        .into_iter()
        .fold(pattern, |pattern, (opening, side)| {
            side.replace(&pattern, opening)
        })
}

impl Side {
    /// Replaces every group that begins with `opening`.
    fn replace(self, pattern: &str, opening: &str) -> String {
        let Some((before, rest)) = pattern.split_once(opening) else {
            return pattern.to_owned();
        };
        let (words, after) = group(rest);
        let words = words.trim_start_matches("(?:").trim_end_matches(')');
        let words: Vec<Vec<char>> = words.split('|').map(|word| self.outwards(word)).collect();
        let words: Vec<&[char]> = words.iter().map(Vec::as_slice).collect();
        format!(
            "{before}{}{}",
            self.avoiding(&words),
            self.replace(after, opening)
        )
    }

    /// The letters in the order one meets them, walking away from the match.
    fn outwards(self, word: &str) -> Vec<char> {
        match self {
            Self::Before => word.chars().rev().collect(),
            Self::After => word.chars().collect(),
        }
    }

    /// An expression for all that may stand on this side: none of `words`, which are given outwards.
    fn avoiding(self, words: &[&[char]]) -> String {
        let mut first: Vec<char> = words.iter().filter_map(|word| word.first().copied()).collect();
        first.sort_unstable();
        first.dedup();
        let edge = match self {
            Self::Before => '^',
            Self::After => '$',
        };
        let mut choices = vec![edge.to_string(), format!("[^{}]", String::from_iter(&first))];
        for letter in first {
            let tails: Vec<&[char]> = words
                .iter()
                .filter_map(|word| word.strip_prefix(&[letter]))
                .collect();
            // A word that ends here must not be there, whatever precedes it.
            if !tails.iter().any(|tail| tail.is_empty()) {
                choices.push(match self {
                    Self::Before => format!("{}{letter}", self.avoiding(&tails)),
                    Self::After => format!("{letter}{}", self.avoiding(&tails)),
                });
            }
        }
        format!("(?:{})", choices.join("|"))
    }
}

/// Splits behind the bracket that closes the group `text` is inside of. The whole text where none does.
fn group(text: &str) -> (&str, &str) {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&text[..at], &text[at + 1..]);
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_lookarounds_stays_as_it_is() {
        for pattern in [
            r"^bot",
            r"(?:^|[^g])news",
            r"\b\w+/1\.0;",
            r"^[\w \.\-\(?:\):%]+(?:/v?\d+)?(?:,|$)",
        ] {
            assert_eq!(translate(pattern), pattern);
        }
    }

    #[test]
    fn words_around_are_spelled_out() {
        assert_eq!(translate("(?<!am)scan"), "(?:^|[^m]|(?:^|[^a])m)scan");
        assert_eq!(translate("java(?!;)"), "java(?:$|[^;])");
        assert_eq!(translate("go(?!(?:ab|ac|b))x*"), "go(?:$|[^ab]|a(?:$|[^bc]))x*");
        assert_eq!(
            translate("(?<!xy|zy)a(?!b)"),
            "(?:^|[^y]|(?:^|[^xz])y)a(?:$|[^b])"
        );
    }

    #[test]
    fn a_hyphen_behind_a_class_is_itself() {
        assert_eq!(translate(r"[\w\d-.]"), r"[\w\d\-.]");
    }
}
