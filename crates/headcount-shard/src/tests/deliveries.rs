//! Rules and releases reach the tabs that they are for.

use headcount_core::command_log::Entry;
use headcount_core::invalidation::waves::{Schedule, Share, Waves};
use headcount_core::invalidation::{Audience, Mode, Rule, Standing};
use headcount_core::pattern::RoutePattern;
use tokio::sync::oneshot;

use super::*;
use crate::cause::Cause;
use crate::questions::Walks;

const SPREAD_MS: u32 = 10_000;

/// What stands when a rule for `/a` was given, and its position.
fn rule(spread_ms: u32) -> (Standing, usize) {
    let mut standing = Standing::default();
    let rule = Rule {
        id: 5,
        pattern: RoutePattern::exact("/a", &Limits::default()).unwrap(),
        versions: None,
        audience: Audience::All,
        mode: Mode::Force,
        release: "v2".into(),
        created_ms: 0,
        expires_ms: u64::MAX,
        spread_ms,
        waves: None,
        continues: None,
    };
    standing.head = 4;
    let change = standing.apply(&Entry::Rule { rule, rules_max: 64 });
    (standing, change.position.unwrap())
}

impl Shard {
    /// A rule stands from now on, and its tabs are told. How many there are.
    fn stand(&mut self, standing: Standing, position: usize) -> u64 {
        self.stand_from(standing, position, Share::NONE)
    }

    /// As [`Shard::stand`], for a rule that was open this far before.
    fn stand_from(&mut self, standing: Standing, position: usize, from: Share) -> u64 {
        let Connections { tabs, deliveries, .. } = &mut self.connections;
        let (mut walks, (reply, mut reach)) = (Walks::default(), oneshot::channel());
        let rule = Arc::clone(standing.rule(position).unwrap());
        tabs.table.set_standing(Arc::new(standing));
        deliveries.rules_changed(tabs);
        deliveries.begin(Arc::clone(&rule), position, from, tabs.now_ms);
        walks.begin_hits(tabs, deliveries, rule, reply);
        while !walks.is_empty() {
            walks.walk_some(tabs, deliveries);
        }
        reach.try_recv().unwrap().tabs
    }
}

#[test]
fn a_rule_reaches_the_tabs_on_its_routes_and_those_that_come_there_later() {
    let mut shard = Shard::new();
    let (there, elsewhere) = (shard.open("/a"), shard.open("/b"));
    let (standing, position) = rule(0);
    assert_eq!(shard.stand(standing, position), 1);
    assert_eq!(there.told(), "", "a walk finds tabs, and a round tells them");
    shard.deliver();
    assert!(there.told().contains(r#""id":5"#));
    assert_eq!(elsewhere.told(), "");
    shard.hear(&elsewhere, r#"{"type":"route-update","route":"/a"}"#);
    assert!(elsewhere.told().contains(r#""id":5"#));
    // Each is told once.
    shard.connections.deliveries.go_by_all(&shard.connections.tabs);
    shard.deliver();
    assert_eq!((there.told(), elsewhere.told()), (String::new(), String::new()));
}

#[test]
fn a_tab_that_left_before_it_was_reached_is_not_told() {
    let mut shard = Shard::new();
    let tab = shard.open("/a");
    let (standing, position) = rule(0);
    shard.stand(standing, position);
    shard.hear(&tab, r#"{"type":"route-update","route":"/b"}"#);
    shard.deliver();
    assert_eq!(tab.told(), "");
}

#[test]
fn a_rule_that_is_spread_reaches_all_within_its_time_and_each_at_its_moment() {
    let mut shard = Shard::new();
    let tabs: Vec<Tab> = (0..50)
        .map(|number| {
            shard.arrive(Newcomer {
                tab: Some(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number + 1)),
                ..newcomer("/a")
            })
        })
        .collect();
    let (standing, position) = rule(SPREAD_MS);
    assert_eq!(shard.stand(standing, position), 50);
    shard.deliver();
    let (mut told, mut moments) = (0, 0);
    while let Some(next_ms) = shard.connections.deliveries.next_moment_ms() {
        assert!(next_ms <= u64::from(SPREAD_MS));
        shard.tabs().now_ms = next_ms;
        shard.deliver();
        moments += 1;
        told += tabs.iter().filter(|tab| tab.told().contains(r#""id":5"#)).count();
    }
    assert!(moments > 25 && told > 25, "{told} at {moments} moments");
    assert!(tabs.iter().all(|tab| tab.told().is_empty()));
}

/// Tabs of a wave have their moments in its time, and none of a later wave is told.
#[test]
fn a_rule_in_waves_reaches_the_tabs_of_each_wave_once_it_is_open() {
    let mut shard = Shard::new();
    let lots = (1..=200_u64).map(|number| 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number));
    let arrive = |lot| {
        let tab = Some(lot);
        let newcomer = Newcomer {
            tab,
            ..newcomer("/a")
        };
        (lot, shard.arrive(newcomer))
    };
    let tabs: Vec<(u64, Tab)> = lots.map(arrive).collect();
    let (mut standing, position) = rule(SPREAD_MS);
    let mut changed = Rule::clone(standing.rule(position).unwrap());
    let shares = [1_000, 5_000, 10_000].map(|parts| Share::new(parts).unwrap());
    let schedule = Schedule::waves(shares.into(), 20_000).unwrap();
    changed.waves = Some(Box::new(Waves::new(schedule, None, 0)));
    changed.id = 6;
    standing.apply(&Entry::End { ids: vec![5] });
    standing.apply(&Entry::Rule {
        rule: changed,
        rules_max: 64,
    });
    let (mut from, mut told) = (Share::NONE, 0);
    for (wave, open) in (0_u64..).zip(shares) {
        let at_ms = wave * 20_000;
        standing.apply(&Entry::Wave { rule: 6, open, at_ms });
        shard.tabs().now_ms = at_ms;
        assert_eq!(shard.stand_from(standing.clone(), position, from), 200);
        shard.deliver();
        while let Some(next_ms) = shard.connections.deliveries.next_moment_ms() {
            assert!(
                (at_ms..=at_ms + u64::from(SPREAD_MS)).contains(&next_ms),
                "{next_ms}"
            );
            shard.tabs().now_ms = next_ms;
            shard.deliver();
        }
        let rule = Arc::clone(standing.rule(position).unwrap());
        for (lot, tab) in &tabs {
            let is_told = tab.told().contains(r#""id":6"#);
            assert_eq!(is_told, (from.parts()..open.parts()).contains(&rule.place(*lot)));
            told += usize::from(is_told);
        }
        from = open;
    }
    assert_eq!(told, 200);
}

#[test]
fn a_release_reaches_those_that_were_there_when_it_came() {
    let mut shard = Shard::new();
    let (before, leaves) = (shard.open("/a"), shard.open("/a"));
    let Connections { tabs, deliveries, .. } = &mut shard.connections;
    deliveries.broadcast(tabs, "overtaken");
    deliveries.broadcast(tabs, "released");
    shard.tabs().close(leaves.key.slot, Cause::Peer);
    let after = shard.open("/a");
    assert_eq!(after.key.slot, leaves.key.slot, "it comes by its place");
    shard.deliver();
    assert_eq!(before.told(), "data: released\n\n");
    assert_eq!(after.told(), "");
}
