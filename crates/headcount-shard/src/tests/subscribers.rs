//! Who gets stats, and when.

use headcount_core::feed::Feed;
use headcount_core::stats::{Changes, Form, Incarnation, Reporter, SourceId};

use super::*;
use crate::meters::Count;
use crate::peer::Subscription;
use crate::{stats, subscribe};

impl Shard {
    fn subscribe(&mut self, tab: &Tab) {
        subscribe::by_post(self.tabs(), tab.key.slot, Form::Counts, None, Mark::NONE);
    }

    fn subscription(&self, tab: &Tab) -> Subscription {
        self.connections.tabs.table.peer(tab.key.slot).unwrap().stats
    }
}

#[test]
fn a_subscriber_is_asked_about_and_gets_stats_when_it_is_admitted() {
    let mut shard = Shard::new();
    let tab = shard.open("/a");
    shard.subscribe(&tab);
    let Ok(Subscribing::Asks(job)) = shard.subscribing.try_recv() else {
        panic!("the authorizers are asked")
    };
    assert_eq!((job.key, job.turn), (tab.key, 1));
    assert_eq!(shard.subscription(&tab), Subscription::Asked(Form::Counts));
    subscribe::admit(shard.tabs(), tab.key, job.credentials);
    assert!(matches!(shard.reports.try_recv(), Ok(ShardEvent::Wants { key, .. }) if key == tab.key));

    let cipher = shard.tabs().terms.cipher.clone();
    let (mut feed, mut source) = (Feed::new(200), Reporter::new(Incarnation(0)));
    let change = |total| Changes {
        total,
        ..Changes::default()
    };
    feed.apply(SourceId(0), source.changes(change(3))).unwrap();
    let whole = feed.snapshot(Form::Counts, &cipher);
    stats::on_snapshot(shard.tabs(), &whole, vec![tab.key]);
    assert!(tab.told().contains(r#""type":"stats","seq":1,"total":3"#));
    feed.forget_news();
    feed.apply(SourceId(0), source.changes(change(4))).unwrap();
    let tick = feed.tick(|_| true, &cipher);
    stats::on_tick(shard.tabs(), &tick);
    assert!(tab.told().contains(r#""type":"stats-delta","seq":2"#));

    subscribe::suspend(shard.tabs(), tab.key);
    feed.forget_news();
    feed.apply(SourceId(0), source.changes(change(5))).unwrap();
    let tick = feed.tick(|_| true, &cipher);
    stats::on_tick(shard.tabs(), &tick);
    assert_eq!(tab.told(), "", "until it is admitted again");
    shard.tabs().close(tab.key.slot, crate::cause::Cause::Peer);
    assert!(matches!(
        shard.subscribing.try_recv(),
        Ok(Subscribing::Left { turn: 1, .. })
    ));
}

#[test]
fn one_that_is_refused_at_once_is_told_so_and_asks_nobody() {
    let mut shard = Shard::with(&Limits::default(), Some(Decision::Refused));
    let tab = shard.open("/a");
    shard.subscribe(&tab);
    assert!(tab.told().contains("stats-unauthorized"));
    assert_eq!(shard.subscription(&tab), Subscription::None);
    assert!(shard.subscribing.try_recv().is_err() && shard.reports.try_recv().is_err());
    assert_eq!(shard.tabs().meters.get(Count::SubscribeRefused), 1);
}

#[test]
fn a_reader_that_is_behind_misses_ticks_and_gets_a_whole_message_when_it_has_caught_up() {
    let limits = Limits::default();
    let mut shard = Shard::with(&limits, None);
    let tab = shard.open("/a");
    shard.subscribe(&tab);
    subscribe::admit(shard.tabs(), tab.key, Arc::default());
    assert!(shard.reports.try_recv().is_ok());
    let text = "x".repeat(limits.outbox_bytes_max as usize / 2);
    assert!(shard.tabs().send_text(tab.key.slot, &text));
    let cipher = shard.tabs().terms.cipher.clone();
    let whole = Feed::new(200).snapshot(Form::Counts, &cipher);
    stats::on_snapshot(shard.tabs(), &whole, vec![tab.key]);
    assert!(shard.tabs().readers.has_missed());
    assert_eq!(shard.tabs().meters.get(Count::StatsSkipped), 1);
    stats::catch_up(shard.tabs());
    assert!(shard.reports.try_recv().is_err(), "it is still behind");
    assert!(!tab.told().contains(r#""type":"stats""#));
    stats::catch_up(shard.tabs());
    assert!(matches!(shard.reports.try_recv(), Ok(ShardEvent::Wants { .. })));
    assert!(!shard.tabs().readers.has_missed());
}
