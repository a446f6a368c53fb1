//! Recognises user agents that are bots. They get an answer, but are not counted.
//!
//! The list is that of the npm package isbot, carried as data in `patterns.txt` and renewed by replacing it. The patterns see
//! bytes and ASCII letters, as they do in Node.js, where a header is latin1. An operator adds to it, and names people it is wrong
//! about ([`BotLists`]).
//!
//! An Electron app has its own name in its user agent, which does not say whether a person uses it: `price-monitor`,
//! `acme-agent`. So it counts as a person unless the name plainly says that it is a machine (`PLAIN`).
//!
//! They become two regular expressions: those that begin with `^`, and the rest. `regex` builds the states of its automaton
//! as user agents need them and starts over when 2 MB are full; in one expression the two kinds multiply each other's
//! states, and varied traffic kept it starting over: 22 µs a call, against 0.5 as two (2-core machine, release build, the
//! user agents of `agents.txt`, one after the other; one and the same browser 0.2 to 0.3). Only for a bot is the pattern looked up.
//!
//! Deliberately absent: telling good bots from bad ones, and any check that the user agent is true. A bot that calls itself
//! Chrome is counted as Chrome.

mod expression;
mod lists;
mod lookaround;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};

use expression::one_of;
use regex::bytes::{Regex, RegexSet, RegexSetBuilder};

pub use lists::{BotLists, BotListsError};

/// Bytes of a user agent that are looked at. Real ones have 80 to 400.
const USER_AGENT_BYTES_MAX: usize = 512;

/// Data, for a program: lines that begin with `#` are comments.
const PATTERNS: &str = include_str!("patterns.txt");

/// What an Electron app says if no person sits before it.
const PLAIN: [&str; 8] = [
    r"bots?\b",
    "crawl",
    r"spider\b",
    "headless",
    r"\bcypress/",
    "playwright|puppeteer|selenium|webdriver|phantomjs",
    "lighthouse|pagespeed|speedcurve|webpagetest|pingdom",
    r"\+https?:",
];

static BOT: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the list is part of this crate, and a test builds it"
    )]
    [true, false].map(|anchored| any_of(PATTERNS, anchored).expect("the carried list is sound"))
});

static ELECTRON: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant, and tests build it")]
    one_of([r"\belectron/"]).expect("the pattern is sound")
});

static MACHINE: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "constants, and tests build them")]
    one_of(PLAIN).expect("the patterns are sound")
});

/// Whether this user agent is that of a bot, by the built-in list. A missing or empty one is not, as in isbot: a bot
/// that leaves the header out could as well send a browser's.
///
/// ```
/// use headcount_server::bots::is_bot;
///
/// assert!(is_bot(Some("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")));
/// assert!(!is_bot(Some("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")));
/// assert!(!is_bot(None));
/// ```
pub fn is_bot(user_agent: Option<&str>) -> bool {
    let agent = looked_at(user_agent);
    is_carried(agent) && is_machine(agent)
}

/// Builds the expressions now, which takes a few milliseconds, so that no visitor waits for it.
///
/// ```
/// use headcount_server::bots::{is_bot, prepare};
///
/// prepare();
/// assert!(is_bot(Some("Googlebot/2.1 (+http://www.google.com/bot.html)")));
/// ```
pub fn prepare() {
    LazyLock::force(&BOT);
}

/// The carried list and what an operator adds to it, with how often each pattern left someone out.
#[derive(Debug)]
pub(crate) struct Bots {
    added: Option<Regex>,
    people: Option<Regex>,
    /// Those added, those of [`PLAIN`], the carried ones: as they are written, and how often each was the first that matched.
    patterns: Vec<(String, AtomicU64)>,
    /// The same as expressions. Built for the first bot.
    set: OnceLock<Option<RegexSet>>,
}

impl Bots {
    /// The lists were checked before; one that is unsound after all counts as empty.
    pub(crate) fn new(lists: &BotLists) -> Self {
        let some = |patterns: &[String]| (!patterns.is_empty()).then(|| one_of(patterns).ok()).flatten();
        let fixed = PLAIN.into_iter().chain(carried()).map(str::to_owned);
        let patterns = lists.bots.iter().cloned().chain(fixed);
        Self {
            added: some(&lists.bots),
            people: some(&lists.people),
            patterns: patterns.map(|pattern| (pattern, AtomicU64::new(0))).collect(),
            set: OnceLock::new(),
        }
    }

    /// As [`is_bot`], and by what was added.
    pub(crate) fn is_bot(&self, user_agent: Option<&str>) -> bool {
        let agent = looked_at(user_agent);
        let says = |list: &Option<Regex>| list.as_ref().is_some_and(|list| list.is_match(agent));
        let (added, carried) = (says(&self.added), is_carried(agent));
        (added || carried) && !says(&self.people) && (added || is_machine(agent))
    }

    /// Counts a bot that was left out, and logs it the first time for each pattern.
    pub(crate) fn note(&self, user_agent: Option<&str>) {
        let agent = looked_at(user_agent);
        let set = self.set.get_or_init(|| self.build_set());
        let found = set.as_ref().and_then(|set| set.matches(agent).iter().next());
        let Some((pattern, count)) = found.and_then(|index| self.patterns.get(index)) else {
            return;
        };
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            let agent = String::from_utf8_lossy(agent);
            tracing::info!(
                pattern,
                user_agent = ?agent,
                "a user agent was recognised as a bot, so its tab is not counted; if that is wrong, list it as a person in \
                 the file of --bots"
            );
        }
    }

    /// The patterns that left someone out, and how often.
    #[cfg(feature = "metrics")]
    pub(crate) fn counts(&self) -> Vec<(String, u64)> {
        let counts = self
            .patterns
            .iter()
            .map(|(pattern, count)| (pattern.clone(), count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    fn build_set(&self) -> Option<RegexSet> {
        let patterns = self
            .patterns
            .iter()
            .map(|(pattern, _)| lookaround::translate(pattern));
        RegexSetBuilder::new(patterns)
            .case_insensitive(true)
            .unicode(false)
            .build()
            .ok()
    }
}

fn looked_at(user_agent: Option<&str>) -> &[u8] {
    let bytes = user_agent.unwrap_or_default().as_bytes();
    &bytes[..bytes.len().min(USER_AGENT_BYTES_MAX)]
}

fn is_carried(agent: &[u8]) -> bool {
    !agent.is_empty() && BOT.iter().any(|bot| bot.is_match(agent))
}

/// Whether a user agent on the built-in list is not an app that a person uses.
fn is_machine(agent: &[u8]) -> bool {
    !ELECTRON.is_match(agent) || MACHINE.is_match(agent)
}

fn carried() -> impl Iterator<Item = &'static str> {
    PATTERNS.lines().filter(|line| !line.starts_with('#'))
}

/// The patterns that begin with `^`, or those that do not, as one expression.
fn any_of(patterns: &str, anchored: bool) -> Result<Regex, regex::Error> {
    let translated: Vec<String> = patterns
        .lines()
        .filter(|line| !line.starts_with('#') && line.starts_with('^') == anchored)
        .map(lookaround::translate)
        .collect();
    one_of(translated)
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

    const ELECTRON_APP: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) NAME \
                                Chrome/126.0.6478.61 Electron/31.0.2 Safari/537.36";

    #[test]
    fn an_electron_app_is_a_person_whatever_its_name() {
        for name in [
            "price-monitor/1.0.0",
            "acme-agent/2.3",
            "feedback/1.0",
            "NewsReader/0.1",
            "proxy-inspector/1",
            "Scan Tools/7.1",
            "download/1",
            "",
        ] {
            assert!(!is_bot(Some(&ELECTRON_APP.replace("NAME", name))), "{name}");
            assert!(!is_bot(Some(&format!("{name} Electron/31.0.2"))), "{name}");
        }
        for name in [
            "Cypress/13.6.1",
            "Googlebot/2.1",
            "acme-bot/1.0",
            "HeadlessShell/1",
            "x (compatible; +https://x.example)",
        ] {
            assert!(is_bot(Some(&ELECTRON_APP.replace("NAME", name))), "{name}");
        }
        assert!(is_bot(Some(
            "Mozilla/5.0 (X11; Linux x86_64) NotElectron crawler/1.0"
        )));
    }

    #[test]
    fn an_operator_adds_to_both_lists_and_people_win() {
        let lists: BotLists = "bot ^InHouseProbe/\nperson \\bacme-(monitor|agent)/\nperson ^curl/8[.]"
            .parse()
            .unwrap();
        let bots = Bots::new(&lists);
        for (agent, is_bot) in [
            ("inhouseprobe/1", true),
            ("Mozilla/5.0 (iPhone) Safari/604.1 acme-monitor/3", false),
            ("Mozilla/5.0 (iPhone) Safari/604.1 other-monitor/3", true),
            ("InHouseProbe/1 acme-agent/1", false),
            ("curl/8.5.0", false),
            ("curl/7.1", true),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                false,
            ),
        ] {
            assert_eq!(bots.is_bot(Some(agent)), is_bot, "{agent}");
        }
    }

    #[test]
    fn each_pattern_counts_whom_it_left_out() {
        let bots = Bots::new(&"bot ^InHouseProbe/".parse().unwrap());
        assert_eq!(bots.counts(), []);
        for agent in [
            "InHouseProbe/1",
            "InHouseProbe/2",
            "Mozilla/5.0 (X11) Safari/604.1 other-monitor",
        ] {
            bots.note(Some(agent));
        }
        assert_eq!(
            bots.counts(),
            [("^InHouseProbe/".to_owned(), 2), (r"monitor\b".to_owned(), 1)]
        );
    }

    #[test]
    fn every_bot_is_counted_under_the_pattern_that_matched() {
        let bots = Bots::new(&BotLists::default());
        let all = judged(include_str!("agents.txt")).filter(|(is_bot, _)| *is_bot);
        for (number, (_, agent)) in (1..).zip(all) {
            bots.note(Some(agent));
            assert_eq!(
                bots.counts().iter().map(|(_, count)| count).sum::<u64>(),
                number,
                "{agent}"
            );
        }
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
