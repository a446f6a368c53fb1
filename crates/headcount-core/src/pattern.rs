//! Which routes a command is for.
//!
//! There are five kinds, all matched against routes in their normal form ([`crate::route`]). Globs and regular
//! expressions are compiled to automata that take one step for each byte of a route, for every pattern and every route:
//! under two microseconds for the longest route. A pattern whose automaton would be too large is refused when it is
//! given.
//!
//! Every pattern also tells the text that all its matches begin with, so that an ordered set of routes can be searched in
//! the one range where matches can lie.
//!
//! Invariant: a pattern built again from its [`RoutePattern::kind`] and [`RoutePattern::source`] is the same pattern.

use std::sync::Arc;

use regex_automata::dfa::dense::{self, DFA};
use regex_automata::dfa::{Automaton, StartKind};
use regex_automata::nfa::thompson;
use regex_automata::{Input, MatchKind};

use crate::limits::Limits;
use crate::route::{self, Route, RouteError};

/// Bytes a glob's automaton may take, and as many while it is made. Measured: the longest literal takes 32 KiB, a thousand
/// letters behind a `**` 127 KiB.
const GLOB_BYTES_MAX: usize = 1 << 20;

/// Bytes a regular expression's automaton may take, and as many while it is made. Measured: a Unicode class is dear, `\w{1,8}`
/// takes 1.2 MiB; a path with a few `[^/]+` takes 30 KiB.
const REGEX_BYTES_MAX: usize = 1 << 22;

/// Bytes that a pattern may take before it is made into an automaton.
const PROGRAM_BYTES_MAX: usize = 1 << 20;

/// How deep the groups of an expression may nest.
const NEST_MAX: u32 = 50;

/// A set of routes. Equal if kind and source text are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoutePattern {
    /// This route alone.
    Exact(Route),
    /// Every route that begins with this text: `/checkout` is also `/checkout-help`.
    Prefix(Route),
    /// This route and everything below it: `/checkout` is also `/checkout/pay`, not `/checkout-help`. Held without
    /// trailing slash; `/` is everything.
    Segment(Route),
    /// A path with wildcards.
    Glob(Expression),
    /// A regular expression.
    Regex(Expression),
}

/// A compiled glob or regular expression, with the text it was made from.
#[derive(Clone, Debug)]
pub struct Expression {
    source: Box<str>,
    literal_prefix: Box<str>,
    /// Up to megabytes: shared, however often the pattern is cloned.
    automaton: Arc<DFA<Vec<u32>>>,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Its path is not a valid route.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A regular expression without text would match every route.
    #[error("the regular expression is empty: write `.*` to match every route")]
    Empty,
    /// A glob that begins with neither `/` nor `*` matches no route.
    #[error("the glob matches no route: begin it with `/` or `*`")]
    NotAPath,
    /// Longer than [`Limits::pattern_bytes_max`].
    #[error("the pattern is longer than {bytes_max} bytes: shorten it, or split it into several")]
    TooLong {
        /// The limit that was in force.
        bytes_max: usize,
    },
    /// Its automaton takes more than 1 MiB (glob) or 4 MiB (regular expression).
    #[error(
        "the pattern is too complex: use fewer wildcards and smaller repetitions, or split it into several"
    )]
    TooComplex,
    /// No automaton knows the words of every language.
    #[error("`\\b` and `\\B` are not supported: write `(?-u:\\b)`, which finds the borders of ASCII words")]
    WordBoundary,
    /// Not in the syntax of the `regex` crate, which has neither look-around nor back-references.
    #[error("the regular expression cannot be read")]
    Syntax(#[source] ExpressionError),
}

/// What is wrong with a regular expression, and where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct ExpressionError(Box<regex_syntax::Error>);

impl RoutePattern {
    /// The route `text` alone.
    pub fn exact(text: &str, limits: &Limits) -> Result<Self, PatternError> {
        path(text, limits).map(Self::Exact)
    }

    /// Every route that begins with `text`, which begins with `/` and may end anywhere.
    pub fn prefix(text: &str, limits: &Limits) -> Result<Self, PatternError> {
        path(text, limits).map(Self::Prefix)
    }

    /// The route `text` and everything below it. A trailing slash in `text` means nothing.
    pub fn segment(text: &str, limits: &Limits) -> Result<Self, PatternError> {
        let route = path(text, limits)?;
        Ok(Self::Segment(match route.trim_end_matches('/') {
            "" => Route::root(),
            trimmed if trimmed.len() == route.len() => route,
            trimmed => path(trimmed, limits)?,
        }))
    }

    /// The whole route by wildcards: `*` is any text without `/`, `**` any text, `?` one character other than `/`; every
    /// other character matches itself, and a percent sequence matches the character it decodes to. So `%2A` is a star.
    pub fn glob(text: &str, limits: &Limits) -> Result<Self, PatternError> {
        check_len(text, limits)?;
        if !text.starts_with(['/', '*']) {
            return Err(PatternError::NotAPath);
        }
        if text.contains(char::is_control) {
            return Err(RouteError::ControlCharacter.into());
        }
        let literal_prefix = route::decode(&text[..text.find(['*', '?']).unwrap_or(text.len())]);
        Expression::new(text, &literal_prefix, &glob_to_regex(text), GLOB_BYTES_MAX).map(Self::Glob)
    }

    /// Routes in which a regular expression is found, in the syntax of the `regex` crate, without Unicode word
    /// boundaries. Anchor it with `^` and `$`.
    pub fn regex(text: &str, limits: &Limits) -> Result<Self, PatternError> {
        check_len(text, limits)?;
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        Expression::new(text, anchored_literal(text), text, REGEX_BYTES_MAX).map(Self::Regex)
    }

    /// Whether a route, in its normal form, is in the set.
    pub fn matches(&self, route: &str) -> bool {
        match self {
            Self::Exact(exact) => route == exact.as_str(),
            Self::Prefix(prefix) => route.starts_with(prefix.as_str()),
            Self::Segment(root) if root.as_str() == "/" => true,
            Self::Segment(top) => route
                .strip_prefix(top.as_str())
                .is_some_and(|below| below.is_empty() || below.starts_with('/')),
            Self::Glob(expression) | Self::Regex(expression) => expression.is_match(route),
        }
    }

    /// Whether every route is in the set, as far as the text shows: `/` as prefix or segment, `**` and `/**` as glob, `.*`
    /// and `/` with or without anchors as regular expression. False for a roundabout way to say the same.
    pub fn matches_everything(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Prefix(route) | Self::Segment(route) => route.as_str() == "/",
            Self::Glob(glob) => matches!(&*glob.source, "**" | "/**"),
            Self::Regex(regex) => {
                let text = regex.source.trim_start_matches('^').trim_end_matches('$');
                // `^/$` is the page `/` alone.
                matches!(text, ".*" | "/.*") || matches!(&*regex.source, "/" | "^/")
            }
        }
    }

    /// The text that every match begins with, for range scans over ordered routes. Empty if none is known.
    pub fn literal_prefix(&self) -> &str {
        match self {
            Self::Exact(route) | Self::Prefix(route) | Self::Segment(route) => route,
            Self::Glob(expression) | Self::Regex(expression) => &expression.literal_prefix,
        }
    }

    /// The pattern's text: a path in its normal form, a glob or regular expression as it was written.
    pub fn source(&self) -> &str {
        match self {
            Self::Exact(route) | Self::Prefix(route) | Self::Segment(route) => route,
            Self::Glob(expression) | Self::Regex(expression) => &expression.source,
        }
    }

    /// `exact`, `prefix`, `segment`, `glob` or `regex`: the constructor's and the wire's name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Prefix(_) => "prefix",
            Self::Segment(_) => "segment",
            Self::Glob(_) => "glob",
            Self::Regex(_) => "regex",
        }
    }
}

impl Expression {
    fn new(source: &str, literal_prefix: &str, regex: &str, bytes_max: usize) -> Result<Self, PatternError> {
        check_syntax(regex)?;
        let automaton = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Unanchored)
                    .match_kind(MatchKind::LeftmostFirst)
                    .dfa_size_limit(Some(bytes_max))
                    .determinize_size_limit(Some(bytes_max)),
            )
            .thompson(thompson::Config::new().nfa_size_limit(Some(PROGRAM_BYTES_MAX)))
            .build(regex)
            .map_err(|_| PatternError::TooComplex)?;
        Ok(Self {
            source: source.into(),
            literal_prefix: literal_prefix.into(),
            automaton: Arc::new(automaton),
        })
    }

    fn is_match(&self, route: &str) -> bool {
        let found = self.automaton.try_search_fwd(&Input::new(route).earliest(true));
        // An automaton gives up on bytes it was told to give up on, and this one was told none.
        found.is_ok_and(|found| found.is_some())
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

/// Refuses what no expression is, and what no automaton can do.
fn check_syntax(regex: &str) -> Result<(), PatternError> {
    let parsed = regex_syntax::ParserBuilder::new()
        .nest_limit(NEST_MAX)
        .build()
        .parse(regex)
        .map_err(|error| PatternError::Syntax(ExpressionError(Box::new(error))))?;
    if parsed.properties().look_set().contains_word_unicode() {
        return Err(PatternError::WordBoundary);
    }
    Ok(())
}

fn path(text: &str, limits: &Limits) -> Result<Route, PatternError> {
    Ok(Route::parse(text, limits.pattern_bytes_max as usize)?)
}

fn check_len(text: &str, limits: &Limits) -> Result<(), PatternError> {
    let bytes_max = limits.pattern_bytes_max as usize;
    if text.len() > bytes_max {
        Err(PatternError::TooLong { bytes_max })
    } else {
        Ok(())
    }
}

/// Three or more stars in a row are two.
fn glob_to_regex(glob: &str) -> String {
    let mut regex = String::from(r"(?s)\A");
    let mut rest = glob;
    while !rest.is_empty() {
        let (literal, wild) = rest.split_at(rest.find(['*', '?']).unwrap_or(rest.len()));
        regex.push_str(&regex_syntax::escape(&route::decode(literal)));
        let stars = wild.len() - wild.trim_start_matches('*').len();
        regex.push_str(match (stars, wild.is_empty()) {
            (_, true) => "",
            (0, false) => "[^/]",
            (1, false) => "[^/]*",
            (_, false) => ".*",
        });
        rest = &wild[stars.max(1).min(wild.len())..];
    }
    regex.push_str(r"\z");
    regex
}

/// What a regular expression that is anchored at its beginning asks for literally, read off its first characters. Careful
/// rather than clever: any alternation, and anything but plain path characters, ends the search.
fn anchored_literal(regex: &str) -> &str {
    let Some(text) = regex.strip_prefix('^').filter(|text| !text.contains('|')) else {
        return "";
    };
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/-_~%@:,=".contains(char);
    let literal = &text[..text.find(|char| !is_plain(char)).unwrap_or(text.len())];
    // The character before a repetition may be there no times; also before `+`, because `a+??` repeats `a+` up to once.
    let repeated = text[literal.len()..].starts_with(['*', '?', '{', '+']);
    &literal[..literal.len() - usize::from(repeated && !literal.is_empty())]
}

#[cfg(test)]
mod tests;
