//! Pages that come from a server which has read the log further.

use super::*;
use crate::command_log::Entry;
use crate::invalidation::in_order;

/// What stands after so many commands: the first is a release, the others are rules for all tabs.
fn standing(head: u32) -> Arc<Standing> {
    let mut standing = Standing::default();
    let release = Release {
        id: 1,
        version: "v1".into(),
        announced_ms: 0,
    };
    standing.apply(&Entry::Release {
        release,
        releases_max: 9,
    });
    for id in 2..=head {
        let rule = Rule {
            id,
            pattern: RoutePattern::prefix("/", &Limits::default()).unwrap(),
            // So that none replaces another.
            versions: Some(in_order(vec!["v0".to_owned(), id.to_string()])),
            audience: Audience::All,
            mode: Mode::Force,
            release: "v1".into(),
            created_ms: 0,
            expires_ms: u64::MAX,
            spread_ms: 0,
            waves: None,
            continues: None,
        };
        standing.apply(&Entry::Rule { rule, rules_max: 64 });
    }
    Arc::new(standing)
}

fn table(head: u32) -> Registry<()> {
    Registry::new(0, true, &Limits::default(), standing(head))
}

/// A page that was loaded after `since` commands, and was told these.
fn open(table: &mut Registry<()>, since: u32, told: &[u32]) -> u32 {
    let opening = Opening {
        version: "v0",
        route: "/",
        since: Some(since),
        told,
        ..Opening::default()
    };
    let slot = table.open(&opening, ()).slot;
    table.note_ahead(slot, since, told);
    slot
}

/// The rules that a connection must be told.
fn due(table: &mut Registry<()>, slot: u32) -> Vec<u32> {
    let due = table.due(slot, &mut 0);
    let rule = |position| table.standing().rule(position).map(|rule| rule.id);
    let mut due: Vec<u32> = crate::invalidation::positions(due).filter_map(rule).collect();
    due.sort_unstable();
    due
}

fn told(table: &Registry<()>, slot: u32) -> Vec<u32> {
    let mut told: Vec<u32> = table.told(slot).collect();
    told.sort_unstable();
    told
}

#[test]
fn what_a_page_was_told_elsewhere_it_is_not_told_again() {
    let mut table = table(3);
    let slot = open(&mut table, 1, &[2, 5, 6]);
    assert!(due(&mut table, slot).is_empty());
    assert_eq!(told(&table, slot), [2, 5, 6], "it is told what it knew");
    for (head, caught_up, expected) in [(4, &[][..], &[][..]), (5, &[], &[]), (7, &[slot], &[3, 4, 7])] {
        assert_eq!(table.set_standing(standing(head)), caught_up, "{head}");
        assert_eq!(due(&mut table, slot), expected, "{head}");
        assert_eq!(told(&table, slot), [2, 5, 6]);
        assert_eq!(table.since(slot), Some(1));
    }
}

/// Regression: rule 3 had been replaced by rule 4, so the page named only that one, and was told rule 3 again by a table that had read less.
#[test]
fn a_page_that_knows_more_is_told_nothing_until_the_table_knows_that_too() {
    let replaced = |head: u32| {
        let mut standing = Standing::clone(&standing(head));
        if head >= 4 {
            standing.apply(&Entry::End { ids: vec![3] });
        }
        Arc::new(standing)
    };
    let mut table = table(3);
    let slot = open(&mut table, 1, &[2, 4]);
    assert!(due(&mut table, slot).is_empty());
    assert_eq!(table.set_standing(replaced(4)), [slot]);
    assert!(due(&mut table, slot).is_empty());
    table.set_standing(replaced(5));
    assert_eq!(due(&mut table, slot), [5]);
}

#[test]
fn a_page_that_was_loaded_after_a_command_is_not_told_it() {
    let mut table = table(3);
    let slot = open(&mut table, 6, &[]);
    assert_eq!(table.since(slot), Some(6));
    for (head, expected) in [(5, &[][..]), (6, &[]), (8, &[7, 8])] {
        table.set_standing(standing(head));
        assert_eq!(due(&mut table, slot), expected, "{head}");
        assert_eq!(table.since(slot), Some(6));
    }
}

#[test]
fn what_a_page_knew_ends_with_its_connection() {
    let mut table = table(3);
    let slot = open(&mut table, 9, &[8]);
    table.close(slot);
    assert_eq!(open(&mut table, 1, &[]), slot);
    assert_eq!((told(&table, slot), table.since(slot)), (vec![], Some(1)));
    table.set_standing(standing(9));
    assert_eq!(due(&mut table, slot), [2, 3, 4, 5, 6, 7, 8, 9]);
}

/// The outcomes count it as a page load that was told.
#[test]
fn what_a_page_was_told_elsewhere_is_counted_once_the_rule_stands() {
    let mut table = table(3);
    let slot = open(&mut table, 1, &[4]);
    table.set_standing(standing(4));
    table.set_standing(standing(5));
    let outcomes = table.outcomes(&[0; 64]);
    assert_eq!((outcomes.of(4).told, outcomes.of(4).here), (1, 1));
    table.close(slot);
    let outcomes = table.outcomes(&[0; 64]);
    assert_eq!((outcomes.of(4).told, outcomes.of(4).here), (1, 0));
}

#[test]
fn a_page_that_claims_thousands_of_commands_takes_little_memory() {
    let mut table = table(3);
    let claimed: Vec<u32> = (4..20_000).collect();
    let slot = open(&mut table, 1, &claimed);
    assert_eq!(told(&table, slot).len(), 64);
}
