mod links;
mod node;

use super::*;
use crate::stats::{Digest, Reporter};

const NODE: SourceId = SourceId(3);

fn changes(total: u64, versions: &[(&str, u64)]) -> Changes {
    let versions = versions
        .iter()
        .map(|(name, count)| ((*name).into(), *count))
        .collect();
    Changes {
        total,
        versions,
        ..Changes::default()
    }
}

fn versions(sum: &Sum) -> Vec<(&str, u64)> {
    sum.versions()
        .iter()
        .map(|(name, count)| (&**name, *count))
        .collect()
}

#[test]
fn sources_add_up_and_a_repeated_report_changes_nothing() {
    let mut sum = Sum::default();
    let mut reporters = [0, 1].map(|_| Reporter::new(Incarnation(0)));
    let mut says = |source: u16, changes| (source.into(), reporters[usize::from(source)].changes(changes));
    let mut apply = |(source, report): (SourceId, Report)| {
        let changed = sum.apply(source, report);
        (changed.map(|changed| changed.versions.len()), sum.clone())
    };
    assert_eq!(apply(says(0, changes(3, &[("v1", 3)]))).0, Ok(1));
    let second = says(1, changes(2, &[("v1", 1), ("v2", 1)]));
    let (changed, sum) = apply(second.clone());
    assert_eq!((changed, sum.total()), (Ok(2), 5));
    assert_eq!(versions(&sum), [("v1", 4), ("v2", 1)]);
    assert_eq!(apply(second).0, Err(NotApplied::Repeated));
    let (changed, sum) = apply(says(0, changes(0, &[("v1", 0)])));
    assert_eq!((changed, sum.total()), (Ok(1), 2));
    assert_eq!(versions(&sum), [("v1", 1), ("v2", 1)]);
}

#[test]
fn what_a_whole_report_does_not_name_is_gone() {
    let (mut sum, mut reporter) = (Sum::default(), Reporter::new(Incarnation(1)));
    sum.apply(NODE, reporter.changes(changes(3, &[("v1", 2), ("v2", 1)])))
        .unwrap();
    let changed = sum
        .apply(NODE, reporter.everything(changes(2, &[("v1", 2)])))
        .unwrap();
    assert_eq!(changed.versions, ["v2".into()]);
    assert_eq!(versions(&sum), [("v1", 2)]);
}

#[test]
fn a_source_that_counts_more_hidden_tabs_than_tabs_takes_nothing_from_others() {
    let (mut sum, mut reporter) = (Sum::default(), Reporter::new(Incarnation(1)));
    let wrong = Changes {
        hidden: 9,
        ..changes(2, &[("v1", 2)])
    };
    sum.apply(NODE, reporter.changes(wrong)).unwrap();
    assert_eq!((sum.total(), sum.visible()), (2, 0));
    assert!(sum.lose(NODE).total);
    assert_eq!((sum.total(), sum.visible()), (0, 0));
}

#[test]
fn a_source_that_leaves_is_said_name_by_name_and_is_told_no_more() {
    let (mut sum, mut reporter) = (Sum::default(), Reporter::new(Incarnation(1)));
    sum.apply(NODE, reporter.changes(changes(3, &[("v1", 3)])))
        .unwrap();
    let changed = sum.leave(NODE, Incarnation(1));
    assert_eq!((changed.total, changed.versions), (true, vec!["v1".into()]));
    assert_eq!((sum.total(), sum.sources().count()), (0, 0));
    let late = sum.apply(NODE, reporter.whole(changes(3, &[("v1", 3)])));
    assert_eq!(late, Err(NotApplied::Late));
    assert!(sum.lose(NODE).is_empty() && sum.leave(NODE, Incarnation(1)).is_empty());
}

#[test]
fn what_is_remembered_of_sources_that_left_is_bounded() {
    let mut sum = Sum::default();
    let stays = Reporter::new(Incarnation(1)).changes(changes(1, &[("v1", 1)]));
    sum.apply(SourceId(0), stays).unwrap();
    for id in 1..3_000 {
        let report = Reporter::new(Incarnation(1)).changes(changes(1, &[("v1", 1)]));
        sum.apply(SourceId(id), report).unwrap();
        sum.lose(SourceId(id));
        sum.heartbeat(SourceId(id + 3_000), Stamp::default());
    }
    assert_eq!((sum.total(), sum.sources().count()), (1, 1));
    assert_eq!(sum.sources.len(), 1 + ABSENT_MAX);
    assert_eq!(sum.absent.len(), ABSENT_MAX);
}

#[test]
fn many_names_that_came_and_went_are_a_whole_report() {
    let (mut sum, mut reporter) = (Sum::default(), Reporter::new(Incarnation(0)));
    let mut digest = Digest::new(Incarnation(1), 10);
    let mut step = |digest: &mut Digest, name: &str, count| {
        let changed = sum
            .apply(NODE, reporter.changes(changes(count, &[(name, count)])))
            .unwrap();
        digest.follow(&sum, &changed);
        sum.clone()
    };
    let sum = step(&mut digest, "v1", 0);
    assert!(digest.report(&sum).whole && !digest.has_changes());
    step(&mut digest, "v1", 1);
    let sum = step(&mut digest, "v1", 0);
    let report = digest.report(&sum);
    assert_eq!(
        (report.whole, report.changes.versions),
        (false, vec![("v1".into(), 0)])
    );
    for number in 0..200 {
        step(&mut digest, &format!("v{number}"), 1);
        step(&mut digest, &format!("v{number}"), 0);
    }
    let sum = step(&mut digest, "v", 2);
    let report = digest.report(&sum);
    assert_eq!(
        (report.whole, report.changes.versions),
        (true, vec![("v".into(), 2)])
    );
    digest.forget_changes();
    assert!(digest.has_changes() && digest.report(&sum).whole);
}
