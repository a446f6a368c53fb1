//! A store that is lost takes its numbers along, and pages that knew it come back.

use std::path::Path;

use serde_json::json;

use crate::client::{Ask, BOTH, Visit};
use crate::server::{Door, Server, config};

fn start(directory: Option<&Path>) -> Server {
    Server::on_disk(directory, Door::Own, config(), |builder| builder)
}

/// Numbers begin at 1 again; the old numbers that a page knows are unrelated to the new ones.
#[test]
fn a_page_from_before_the_store_was_lost_is_told_commands_with_numbers_that_it_knows() {
    for with_disk in [true, false] {
        for transport in BOTH {
            let kept = tempfile::tempdir().unwrap();
            let before = with_disk.then_some(kept.path());
            let visit = || Visit::new(transport, "/checkout").version("v1");
            let body = json!({"match": {"exact": "/checkout"}, "audience": "all"});
            let server = start(before);
            let mut tab = visit().open(server.address);
            let known = server.invalidate(&body);
            assert_eq!(tab.next_of("version")["id"], known["id"]);
            for number in 0..5 {
                server.release(&format!("v{}", number + 2));
            }
            let (resume, epoch) = (tab.resume.clone(), tab.epoch.clone());
            assert!(resume.starts_with(&format!("{epoch}.")), "{resume}");
            drop((tab, server));
            let server = start(None);
            let rule = server.invalidate(&body);
            assert_eq!(rule["id"], known["id"], "as is intended here");
            let mut back = visit().query(&format!("since={resume}")).open(server.address);
            assert_ne!(back.epoch, epoch);
            assert_eq!(back.next_of("version")["id"], rule["id"]);
        }
    }
}

#[test]
fn a_restart_changes_no_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let epochs: Vec<_> = (0..2)
        .map(|_| {
            let mut server = start(Some(directory.path()));
            let tab = Visit::new(BOTH[0], "/").open(server.address);
            server.stop();
            server.join();
            tab.epoch.clone()
        })
        .collect();
    assert_eq!(epochs[0], epochs[1]);
}

/// Numbers of another store are not those of this one, also where both gave the same.
#[test]
fn a_reload_for_a_command_of_a_lost_store_counts_for_no_command_of_the_next() {
    for transport in BOTH {
        let server = start(None);
        let visit = || Visit::new(transport, "/checkout").version("v1").query("tab=7f3a");
        let mut tab = visit().open(server.address);
        let id =
            server.invalidate(&json!({"match": {"exact": "/checkout"}, "audience": "all"}))["id"].clone();
        tab.next_of("version");
        let epoch = tab.epoch.clone();
        drop(tab);
        server.await_total(0);
        for (epoch, reloaded) in [("0123456789ab", 0), (epoch.as_str(), 1)] {
            drop(
                visit()
                    .query(&format!("reloaded={epoch}.{id}"))
                    .open(server.address),
            );
            server.await_total(0);
            let rules = server.admin(Ask::get("/api/admin/invalidations")).json();
            assert_eq!(
                rules["invalidations"][0]["outcomes"]["reloaded"], reloaded,
                "{epoch}"
            );
        }
    }
}

#[test]
fn a_tab_whose_build_is_no_release_is_told_so() {
    for transport in BOTH {
        let server = start(None);
        server.release("v1");
        server.release("v2");
        let told = |visit: Visit| visit.open(server.address).connected["announced"].clone();
        assert_eq!(told(Visit::new(transport, "/").version("v1")), json!(null));
        assert_eq!(
            told(Visit::new(transport, "/")),
            json!(null),
            "it counts as the current release"
        );
        assert_eq!(told(Visit::new(transport, "/").version("3f9a0c2")), json!(false));
    }
}
