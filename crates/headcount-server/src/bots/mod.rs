//! Which user agents are no browser with a person before it. They are answered, but neither counted nor kept.
//!
//! The list is that of the npm package isbot, carried as data in `patterns.txt` and renewed by replacing it. The patterns see
//! bytes and ASCII letters, as they do in Node.js, where a header is latin1.
//!
//! They become two regular expressions: those that begin with `^`, and the rest. `regex` builds the states of its automaton
//! as user agents need them and starts over when 2 MB are full; in one expression the two kinds multiply each other's
//! states, and varied traffic kept it starting over: 22 µs a call, against 0.5 as two (2-core machine, release build, the
//! user agents of `agents.txt` in turn; one and the same browser 0.2 to 0.3).
//!
//! Deliberately absent: telling good bots from bad ones, and any check that the user agent is true. A bot that calls itself
//! Chrome is counted as Chrome.

mod lookaround;

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

/// Bytes of a user agent that are looked at. Real ones have 80 to 400.
const USER_AGENT_BYTES_MAX: usize = 512;

/// Data, for a program: lines that begin with `#` are comments.
const PATTERNS: &str = include_str!("patterns.txt");

static BOT: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the list is part of this crate, and a test builds it"
    )]
    [true, false].map(|anchored| any_of(PATTERNS, anchored).expect("the carried list is sound"))
});

/// Whether this user agent is that of a bot. None, or an empty one, is not: isbot says so too, and leaving the header out
/// is no way to be told from a bot that lies.
///
/// ```
/// use headcount_server::bots::is_bot;
///
/// assert!(is_bot(Some("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")));
/// assert!(!is_bot(Some("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")));
/// assert!(!is_bot(None));
/// ```
pub fn is_bot(user_agent: Option<&str>) -> bool {
    let bytes = user_agent.unwrap_or_default().as_bytes();
    let looked_at = &bytes[..bytes.len().min(USER_AGENT_BYTES_MAX)];
    !looked_at.is_empty() && BOT.iter().any(|bot| bot.is_match(looked_at))
}

/// Builds the expressions now, which takes a few milliseconds, so that no visitor waits for it.
pub fn prepare() {
    LazyLock::force(&BOT);
}

/// The patterns that begin with `^`, or those that do not, as one expression.
fn any_of(patterns: &str, anchored: bool) -> Result<Regex, regex::Error> {
    let translated: Vec<String> = patterns
        .lines()
        .filter(|line| !line.starts_with('#') && line.starts_with('^') == anchored)
        .map(lookaround::translate)
        .collect();
    RegexBuilder::new(&translated.join("|"))
        .case_insensitive(true)
        .unicode(false)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every user agent of the file, with whether npm isbot calls it a bot.
    fn judged(agents: &str) -> impl Iterator<Item = (bool, &str)> {
        agents
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_once('\t').unwrap())
            .map(|(verdict, agent)| (verdict == "bot", agent))
    }

    /// Every disagreement with npm isbot.
    fn disagreements(agents: &str) -> Vec<(bool, &str)> {
        judged(agents)
            .filter(|(bot, agent)| is_bot(Some(agent)) != *bot)
            .collect()
    }

    #[test]
    fn the_verdicts_are_those_of_npm_isbot() {
        let agents = include_str!("agents.txt");
        assert_eq!(disagreements(agents), []);
        let (bots, browsers): (Vec<_>, Vec<_>) = judged(agents).partition(|(bot, _)| *bot);
        assert!(bots.len() > 1_000 && browsers.len() > 500);
    }

    #[test]
    fn every_pattern_is_read() {
        let lines = PATTERNS.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), 206);
    }

    #[test]
    fn no_user_agent_is_no_bot() {
        assert!(!is_bot(None));
        assert!(!is_bot(Some("")));
    }

    #[test]
    fn only_the_beginning_of_a_long_user_agent_is_looked_at() {
        let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0 ";
        let padded =
            |length: usize| format!("{browser}{}é crawler", " a".repeat((length - browser.len()) / 2));
        assert!(is_bot(Some(&padded(400))));
        assert!(!is_bot(Some(&padded(USER_AGENT_BYTES_MAX))));
        assert!(!is_bot(Some(&padded(1_000_000))));
    }

    /// `cargo test --release -p headcount-server bots -- --ignored --nocapture`
    #[test]
    #[ignore = "prints a measurement"]
    fn microseconds_a_call() {
        prepare();
        let agents: Vec<(bool, &str)> = judged(include_str!("agents.txt")).collect();
        for wanted in [true, false] {
            let some: Vec<&str> = agents
                .iter()
                .filter(|(bot, _)| *bot == wanted)
                .map(|(_, agent)| *agent)
                .collect();
            let start = crate::clock::now();
            let rounds = 200;
            let mut found = 0;
            for _ in 0..rounds {
                found += some.iter().filter(|agent| is_bot(Some(agent))).count();
            }
            let calls = rounds * some.len();
            let micros = start.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(calls).unwrap());
            println!("{found} of {calls} are bots: {micros:.2} µs a call");
        }
    }
}
