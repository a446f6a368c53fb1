//! Rules in waves on disk.

use headcount_core::invalidation::waves::{Schedule, Share, Waves};

use super::*;

fn in_waves(id: u32) -> Entry {
    let schedule = Schedule::even(600_000, 100).unwrap();
    let rule = Rule {
        id,
        pattern: RoutePattern::exact("/a", &limits()).unwrap(),
        versions: None,
        audience: Audience::All,
        mode: Mode::Force,
        release: "v1".into(),
        created_ms: 1,
        expires_ms: u64::MAX,
        spread_ms: 0,
        waves: Some(Box::new(Waves::new(schedule, None, 1))),
        continues: None,
    };
    Entry::Rule { rule, rules_max: 64 }
}

/// The format that the file says.
fn format(directory: &Path) -> String {
    let facts: redb::TableDefinition<'_, &str, &str> = redb::TableDefinition::new("facts");
    let file = directory.join(private::COMMANDS_FILE);
    let database = redb::Database::open(file).unwrap();
    let read = redb::ReadableDatabase::begin_read(&database).unwrap();
    let table = read.open_table(facts).unwrap();
    table.get("format").unwrap().unwrap().value().to_owned()
}

/// An older version would tell all tabs of such a rule at once, so it must not open the store.
#[tokio::test]
async fn how_far_a_rule_is_open_is_kept_and_stops_older_versions() {
    let directory = tempfile::tempdir().unwrap();
    let mut standing = Standing::default();
    let wave = Entry::Wave {
        rule: 1,
        open: Share::new(1_250).unwrap(),
        at_ms: 50,
    };
    let halt = Entry::Halt { rule: 1, why: None };
    let end = Entry::End { ids: vec![1] };
    for (entries, expected) in [(&[in_waves(1)][..], "2"), (&[wave, halt], "2"), (&[end], "1")] {
        let (store, _) = open(directory.path()).await;
        for entry in entries {
            let change = standing.apply(entry);
            let step = Transaction::of(entry, &change, standing.head);
            store.commit(step).await.unwrap();
        }
        drop(store);
        let (store, stored) = open(directory.path()).await;
        let stood: Vec<Rule> = standing.rules().map(|(_, rule)| Rule::clone(rule)).collect();
        assert_eq!(stored.rules, stood);
        store.release().await;
        drop(store);
        assert_eq!(format(directory.path()), expected);
    }
}

/// The place of a tab in a rule depends on it.
#[tokio::test]
async fn the_key_of_tabs_is_as_old_as_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let mut keys = Vec::new();
    for _ in 0..3 {
        let (store, stored) = open(directory.path()).await;
        keys.push(stored.tabs.unwrap());
        drop(store);
    }
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let (_store, other) = open(tempfile::tempdir().unwrap().path()).await;
    assert_ne!(other.tabs, Some(keys[0]));
    assert_eq!(Store::in_memory().unwrap().1.tabs, None);
}
