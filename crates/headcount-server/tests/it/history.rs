//! `GET history`: counts by version over time, over a restart too.

use std::path::Path;

use headcount_server::Limits;
use headcount_server::{Config, clock};
use redb::{Database, TableDefinition};
use serde_json::{Value, json};

use crate::client::{Ask, BOTH, Visit, ask, eventually};
use crate::server::{Door, Server, config};

/// As fast as it goes.
fn hasty() -> Config {
    config().with(|config| config.limits = Limits::default().with(|limits| limits.history_step_ms = 100))
}

fn on_disk(directory: &Path) -> Server {
    Server::on_disk(Some(directory), Door::Own, hasty(), |builder| builder)
}

fn history(server: &Server, query: &str) -> Value {
    let answer = server.admin(Ask::get(format!("/api/admin/history{query}")));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn samples(server: &Server, query: &str) -> Vec<Value> {
    history(server, query)["samples"].as_array().unwrap().clone()
}

fn at(sample: &Value) -> u64 {
    sample["at"].as_u64().unwrap()
}

/// The first sample that is so.
fn await_sample(server: &Server, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || samples(server, "").into_iter().find(&so))
}

/// Ends a server, so that its directory may be used by another.
fn end(mut server: Server) {
    server.stop();
    server.join();
}

#[test]
fn what_is_counted_is_sampled() {
    let began = clock::unix_ms();
    let server = Server::start(hasty());
    let mut tabs: Vec<_> = ["v0", "v1", "v1"]
        .iter()
        .enumerate()
        .map(|(number, version)| {
            Visit::new(BOTH[number % 2], "/")
                .version(version)
                .open(server.address)
        })
        .collect();
    let full = await_sample(&server, "three tabs", |sample| sample["total"] == 3);
    assert_eq!(full["versions"], json!({"v0": 1, "v1": 2}));
    tabs.remove(0);
    let later = await_sample(&server, "one less", |sample| {
        sample["total"] == 2 && at(sample) > at(&full)
    });
    assert_eq!(later["versions"], json!({"v1": 2}));
    let answer = history(&server, "");
    let started = answer["startedAt"].as_u64().unwrap();
    assert!((began..=clock::unix_ms()).contains(&started), "{started}");
    let times: Vec<u64> = answer["samples"].as_array().unwrap().iter().map(at).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    drop(tabs);
}

#[test]
fn a_query_narrows_it_down() {
    let server = Server::start(hasty());
    let some = eventually("some samples", || {
        Some(samples(&server, "")).filter(|samples| samples.len() >= 3)
    });
    let from = at(&some[1]);
    // Each node has its own history, and they become the same.
    eventually("from the second on", || {
        (samples(&server, &format!("?from={from}")).first() == Some(&some[1])).then_some(())
    });
    assert_eq!(samples(&server, &format!("?from={}", u64::MAX)), [json!(null); 0]);
    let one_a_day = samples(&server, "?step=86400000");
    assert!((1..=2).contains(&one_a_day.len()), "the test may run at midnight");
    for query in ["?from=x", "?from=-1", "?step=0", "?step=x", "?until=5"] {
        let answer = server.admin(Ask::get(format!("/api/admin/history{query}")));
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "invalid-query"),
            "{query}"
        );
    }
    assert_eq!(ask(server.address, &Ask::get("/api/admin/history")).status, 401);
}

#[test]
fn rare_versions_have_no_name_in_it() {
    let mut config = hasty();
    config.limits.history_versions_max = 1;
    let server = Server::start(config);
    let tabs: Vec<_> = ["a", "b", "b", "c"]
        .map(|version| Visit::new(BOTH[0], "/").version(version).open(server.address))
        .into();
    let sample = await_sample(&server, "four tabs", |sample| sample["total"] == 4);
    assert_eq!(sample["versions"], json!({"b": 2, "(other)": 2}));
    drop(tabs);
}

#[test]
fn it_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    let first = await_sample(&server, "a first sample", |_| true);
    let started = history(&server, "")["startedAt"].clone();
    // What is kept is written after it was taken: another process that is killed here may lose it, one that ends may not.
    end(server);
    let server = on_disk(directory.path());
    let again = await_sample(&server, "it is there again", |sample| at(sample) == at(&first));
    assert_eq!(again, first);
    assert_ne!(history(&server, "")["startedAt"], started);
    await_sample(&server, "and it goes on", |sample| at(sample) > at(&first));
}

/// Also what the file of an earlier version of this server looks like.
#[test]
fn a_week_of_minutes_is_read_from_disk_and_older_ones_are_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    end(on_disk(directory.path()));
    let now = clock::unix_ms();
    let ago = |minutes: u64| now - minutes * 60_000;
    let kept: Vec<Value> = [8 * 1_440, 90, 65]
        .map(|minutes| json!({"at": ago(minutes), "total": minutes, "versions": {"v0": minutes}}))
        .into();
    {
        let file = Database::open(directory.path().join("headcount.redb")).unwrap();
        let write = file.begin_write().unwrap();
        let table: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("history");
        for sample in &kept {
            let text = sample.to_string();
            write
                .open_table(table)
                .unwrap()
                .insert(at(sample), text.as_bytes())
                .unwrap();
        }
        write.commit().unwrap();
    }
    let server = on_disk(directory.path());
    eventually(
        "the old one is gone, also at nodes that did not have them",
        || {
            let of_each = server.admin_of_each(&Ask::get("/api/admin/history"));
            let mut firsts = of_each.iter().map(|answer| answer.json()["samples"][0].clone());
            firsts.all(|first| first == kept[1]).then_some(())
        },
    );
    end(server);
    let server = on_disk(directory.path());
    assert_eq!(samples(&server, "")[..2], kept[1..]);
}

#[test]
fn without_a_history_there_is_none() {
    let mut none = config();
    none.limits.history_seconds = 0;
    let untracked = config().with(|config| {
        config.connection_tracking = false;
        config.route_tracking = false;
    });
    for config in [none, untracked] {
        let server = Server::start(config);
        let answer = server.admin(Ask::get("/api/admin/history"));
        assert_eq!((answer.status, &*answer.code()), (409, "tracking-off"));
    }
}
