//! What an operator adds to the carried list: user agents that are bots there, and people that are taken for bots.

use std::fmt;
use std::str::FromStr;

use super::expression::one_of;

/// Patterns of both lists together, at most.
const PATTERNS_MAX: usize = 256;

/// Problems that are named; of others the number.
const PROBLEMS_MAX: usize = 10;

/// Bytes of a pattern, at most.
const PATTERN_BYTES_MAX: usize = 256;

/// Additions to the carried list of bots: regular expressions as the `regex` crate takes them, of which case does not matter. Where
/// both lists match, the person wins. Default: none.
///
/// As text it has one pattern a line, behind the word `bot` or `person`; empty lines and those that begin with `#` are left out.
///
/// ```
/// use headcount_server::bots::BotLists;
///
/// let lists: BotLists = "# our own probes\nbot ^InHouseProbe/\nperson \\bacme-monitor/".parse()?;
/// assert_eq!(lists.bots, ["^InHouseProbe/"]);
/// assert_eq!(lists.people, ["\\bacme-monitor/"]);
/// # Ok::<(), headcount_server::bots::BotListsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BotLists {
    /// User agents that are neither counted nor kept.
    pub bots: Vec<String>,
    /// User agents that are counted even if a bot pattern matches.
    pub people: Vec<String>,
}

/// What is wrong with a list: each problem with the number of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotListsError(String);

impl fmt::Display for BotListsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BotListsError {}

impl BotLists {
    /// What is wrong with these patterns, as sentences. Empty when sound.
    pub(crate) fn problems(&self) -> Vec<String> {
        let all = || self.bots.iter().chain(&self.people);
        let mut problems: Vec<String> = all().filter_map(|pattern| problem_of(pattern)).collect();
        if all().count() > PATTERNS_MAX {
            problems.push(format!("there are more than {PATTERNS_MAX} patterns"));
        }
        problems
    }
}

impl FromStr for BotLists {
    type Err = BotListsError;

    fn from_str(text: &str) -> Result<Self, BotListsError> {
        let mut lists = Self::default();
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (word, pattern) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let pattern = pattern.trim();
            let list = match word {
                "bot" => &mut lists.bots,
                "person" => &mut lists.people,
                _ => {
                    problems.push(format!(
                        "line {number} begins with `{}`: write `bot` or `person`, and then a pattern",
                        word.escape_debug()
                    ));
                    continue;
                }
            };
            match problem_of(pattern) {
                Some(problem) => problems.push(format!("line {number}: {problem}")),
                None => list.push(pattern.to_owned()),
            }
        }
        problems.extend(lists.problems());
        let more = problems.len().saturating_sub(PROBLEMS_MAX);
        problems.truncate(PROBLEMS_MAX);
        if more > 0 {
            problems.push(format!("and {more} more"));
        }
        match &*problems {
            [] => Ok(lists),
            _ => Err(BotListsError(problems.join("; "))),
        }
    }
}

/// What is wrong with one pattern. One that matches the empty text would match every user agent.
fn problem_of(pattern: &str) -> Option<String> {
    if pattern.is_empty() {
        return Some("the pattern is missing".to_owned());
    }
    if pattern.len() > PATTERN_BYTES_MAX {
        return Some(format!("a pattern has at most {PATTERN_BYTES_MAX} bytes"));
    }
    match one_of([pattern]) {
        Err(error) => {
            let reason = error.to_string();
            let reason = reason
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            Some(format!(
                "`{}` is not a regular expression: {reason}",
                pattern.escape_debug()
            ))
        }
        Ok(regex) if regex.is_match(b"") => {
            Some(format!("`{}` matches every user agent", pattern.escape_debug()))
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, said) in [
            ("bots x", "line 1 begins with `bots`"),
            ("\n# fine\nbot", "line 3: the pattern is missing"),
            (
                "person (x",
                "line 1: `(x` is not a regular expression: unclosed group",
            ),
            ("person x*", "line 1: `x*` matches every user agent"),
            ("bot \\x{", "is not a regular expression"),
            (
                "human x\nbot [",
                "line 1 begins with `human`: write `bot` or `person`, and then a pattern; line 2: ",
            ),
        ] {
            let error = text.parse::<BotLists>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        let many = "bot x\n".repeat(PATTERNS_MAX + 1);
        assert!(
            many.parse::<BotLists>()
                .unwrap_err()
                .to_string()
                .contains("more than 256")
        );
        let long = format!("bot {}", "x".repeat(PATTERN_BYTES_MAX + 1));
        assert!(
            long.parse::<BotLists>()
                .unwrap_err()
                .to_string()
                .contains("at most 256 bytes")
        );
        assert_eq!("".parse::<BotLists>().unwrap(), BotLists::default());
    }
}
