//! A store that is lost takes its numbers along, and pages that knew it come back.

use std::path::Path;

use serde_json::json;

use crate::client::{BOTH, Visit};
use crate::server::{Door, Server, config};

fn start(directory: Option<&Path>) -> Server {
    let directory = directory.map(Path::to_owned);
    Server::build(Door::Own, config(), |builder| builder.data_dir(directory))
}

/// Numbers begin anew; what a page knows by the old ones says nothing about the new ones.
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
