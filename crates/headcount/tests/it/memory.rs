//! What tabs cost whose browsers show large cookies, in the process that people run.

use crate::client::{BOTH, Tab, Transport, Visit, eventually};
use crate::process::Process;

const TABS: u64 = 600;

/// The least memory that a tab would take if what its browser showed were kept.
const KEPT: u64 = 7_000;

/// Memory of the process once so many tabs show these cookies, a tab.
fn bytes_a_tab(words: &[&str], transport: Transport, cookie: &str) -> u64 {
    let server = Process::start(
        &[
            words,
            &[
                "--ephemeral",
                "--limit",
                "handshake_credentials_ms=50",
                "--limit",
                "handshake_credentials_bytes_max=65536",
            ],
        ]
        .concat(),
        &[],
    );
    let open = |count: u64| -> Vec<Tab> {
        (0..count)
            .map(|_| Visit::new(transport, "/").cookie(cookie).open(server.address))
            .collect()
    };
    // Pools and buffers exist before anything is measured.
    drop(open(TABS / 4));
    server.await_total(0);
    let before = server.resident_bytes();
    let tabs = open(TABS);
    server.await_total(TABS);
    let bound = before + TABS * KEPT / 3;
    eventually("what was shown is dropped", || {
        (server.resident_bytes() < bound).then_some(())
    });
    let bytes = server.resident_bytes().saturating_sub(before) / TABS;
    drop(tabs);
    bytes
}

#[test]
fn a_tab_at_rest_holds_nothing_of_what_its_browser_showed() {
    let ticket = format!("headcount_ticket={}", "a".repeat(KEPT.try_into().unwrap()));
    let session = format!("sid={}; theme={}", "s".repeat(3_000), "x".repeat(4_500));
    let sealed = format!("nuxt-session=Fe26.2*{}", "a".repeat(7_000));
    for transport in BOTH {
        for (words, cookie) in [
            (&["--authorize-bridge"][..], &session),
            (&["--forward-auth", "http://127.0.0.1:1/"], &session),
            (&[], &ticket),
            (&["--authorize-bridge"], &sealed),
        ] {
            let bytes = bytes_a_tab(words, transport, cookie);
            assert!(
                bytes < KEPT / 3,
                "{bytes} bytes a tab: {words:?} over {transport:?}"
            );
        }
    }
}
