//! What can happen to a registry, and random sequences of it.

use std::sync::LazyLock;

use proptest::prelude::*;

use crate::intern::OTHER_TEXT;
use crate::invalidation::waves::PLACES;
use crate::limits::Limits;
use crate::outcome::Outcome;
use crate::pattern::RoutePattern;

pub(super) const ROUTES: [&str; 12] = [
    "/",
    "//",
    "/constructor",
    "/__proto__",
    "/hasOwnProperty",
    "/toString",
    "/shop",
    "/shop/pay",
    "/shopping",
    "/a",
    "/a/b",
    "/é",
];
pub(super) const VERSIONS: [&str; 6] = ["v1", "v2", "v3", "__proto__", OTHER_TEXT, "unreleased"];
/// Compiled once: an expression takes longer than many steps.
pub(super) static PATTERNS: LazyLock<[RoutePattern; 9]> = LazyLock::new(|| {
    let limits = Limits::default();
    [
        RoutePattern::prefix("/", &limits),
        RoutePattern::prefix("/con", &limits),
        RoutePattern::exact("/", &limits),
        RoutePattern::exact("/__proto__", &limits),
        RoutePattern::segment("/shop", &limits),
        RoutePattern::glob("/*", &limits),
        RoutePattern::glob("/**", &limits),
        RoutePattern::regex("^/[a-h]", &limits),
        RoutePattern::regex(".*", &limits),
    ]
    .map(Result::unwrap)
});

/// A rule that can be given; numbers are places in the lists above.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) pattern: usize,
    pub(super) versions: Option<usize>,
    pub(super) everybody: bool,
    pub(super) expires_ms: u64,
    /// How far it is open, where it is in waves.
    pub(super) open: Option<u16>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Open {
        version: usize,
        route: usize,
        hash: Option<u64>,
        replace: bool,
    },
    /// A page that claims to come from the future and to have been told what it was not.
    OpenForged {
        told: Vec<u32>,
    },
    /// A page of this tab claims that it was reloaded.
    Reload(u64, Vec<u32>),
    Return(usize),
    Navigate(usize, usize),
    Look(usize, bool),
    Close(usize),
    Due(usize),
    Hits(usize),
    /// A tab says what it did about a rule: one of those that stand.
    Acknowledge(usize, usize, Outcome),
    Report,
    Give(Order),
    Lift(usize),
    Expire(u64),
    Announce(usize),
    /// One of the standing rules opens further, if it is in waves.
    Wave(usize, u16),
    Halt(usize),
    Resume(usize),
    /// One of the standing rules is for everybody from now on, or asks for something else.
    Change(usize, bool, bool),
    /// Time passes.
    Pass(u64),
    /// The registry hears of what was given, lifted and announced.
    Install,
    Probe(Order),
    List(usize),
}

fn order() -> impl Strategy<Value = Order> {
    let versions = proptest::option::weighted(0.2, 0..VERSIONS.len());
    let open = proptest::option::of(0..=PLACES);
    (0..PATTERNS.len(), versions, any::<bool>(), 1..100_u64, open).prop_map(
        |(pattern, versions, everybody, expires_ms, open)| Order {
            pattern,
            versions,
            everybody,
            expires_ms,
            open,
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    proptest::sample::select(&[
        Outcome::Reloading,
        Outcome::Held,
        Outcome::Waiting,
        Outcome::Prompted,
        Outcome::Stuck,
        Outcome::Current,
    ])
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let which = 0..1_000_usize;
    let hash = proptest::option::of(0..5_u64);
    prop_oneof![
        8 => (0..VERSIONS.len(), 0..ROUTES.len(), hash, proptest::bool::weighted(0.8))
            .prop_map(|(version, route, hash, replace)| Op::Open { version, route, hash, replace }),
        1 => proptest::collection::vec(0..40_u32, 0..4).prop_map(|told| Op::OpenForged { told }),
        1 => (0..5_u64, proptest::collection::vec(0..40_u32, 0..4)).prop_map(|(tab, ids)| Op::Reload(tab, ids)),
        3 => which.clone().prop_map(Op::Return),
        8 => (which.clone(), 0..ROUTES.len()).prop_map(|(tab, route)| Op::Navigate(tab, route)),
        4 => (which.clone(), any::<bool>()).prop_map(|(tab, hidden)| Op::Look(tab, hidden)),
        7 => which.clone().prop_map(Op::Close),
        5 => which.clone().prop_map(Op::Due),
        3 => (0..4_usize).prop_map(Op::Hits),
        4 => (which.clone(), which.clone(), outcome())
            .prop_map(|(tab, rule, outcome)| Op::Acknowledge(tab, rule, outcome)),
        4 => Just(Op::Report),
        2 => order().prop_map(Op::Give),
        1 => which.clone().prop_map(Op::Lift),
        1 => (0..100_u64).prop_map(Op::Expire),
        // Mostly few, so that rollbacks are among them.
        2 => prop_oneof![4 => 0..3_usize, 1 => 0..VERSIONS.len()].prop_map(Op::Announce),
        2 => (which.clone(), 0..=PLACES).prop_map(|(rule, parts)| Op::Wave(rule, parts)),
        1 => which.clone().prop_map(Op::Halt),
        1 => which.clone().prop_map(Op::Resume),
        1 => (which.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(rule, everybody, prompt)| Op::Change(rule, everybody, prompt)),
        1 => (0..20_000_u64).prop_map(Op::Pass),
        3 => Just(Op::Install),
        2 => order().prop_map(Op::Probe),
        1 => (1..9_usize).prop_map(Op::List),
    ]
}

/// Bounds small enough to be reached, or large enough not to be.
pub(super) fn bounds() -> impl Strategy<Value = (bool, Limits)> {
    let few_or_many = || prop_oneof![1..4_u32, Just(100)];
    (
        proptest::bool::weighted(0.8),
        few_or_many(),
        few_or_many(),
        0..6_u32,
        few_or_many(),
        prop_oneof![Just(0), 190..900_u32, Just(1_000_000)],
    )
        .prop_map(
            |(
                track_routes,
                versions_max,
                routes_max,
                stats_connections_max,
                rules_max,
                unnamed_bytes_max,
            )| {
                let limits = Limits {
                    versions_max,
                    routes_max,
                    stats_connections_max,
                    rules_max: rules_max.min(64),
                    unnamed_bytes_max,
                    ..Limits::default()
                };
                (track_routes, limits)
            },
        )
}
