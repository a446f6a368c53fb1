//! The memory of tabs whose browsers send large cookies, in the real binary.

use crate::client::{BOTH, Tab, Transport, Visit, eventually};
use crate::process::Process;

const TABS: u64 = 600;

/// The least memory that a tab would take if what its browser showed were kept.
const KEPT: u64 = 7_000;

/// Memory of the process once so many tabs show these cookies, a tab.
fn bytes_a_tab(server: &Process, transport: Transport, cookie: &str) -> u64 {
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

/// A server that keeps what handshakes showed for so long, and this much of it.
fn keeping(words: &[&str], [ms, bytes_max]: [u32; 2], variables: &[(&str, &str)]) -> Process {
    let time = format!("handshake_credentials_ms={ms}");
    let room = format!("handshake_credentials_bytes_max={bytes_max}");
    let limits = ["--ephemeral", "--limit", &time, "--limit", &room];
    Process::start(&[words, &limits].concat(), variables)
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
            let bytes = bytes_a_tab(&keeping(words, [50, 65_536], &[]), transport, cookie);
            assert!(
                bytes < KEPT / 3,
                "{bytes} bytes a tab: {words:?} over {transport:?}"
            );
        }
    }
}

#[test]
fn what_was_shown_goes_back_to_the_system_while_the_server_is_at_rest() {
    // All handshakes have room. The allocator gives back sooner than it does by itself, so that the test is short.
    let soon = [("_RJEM_MALLOC_CONF", "dirty_decay_ms:500")];
    let server = keeping(&["--authorize-bridge"], [2_000, 16_777_216], &soon);
    let session = format!("sid={}", "s".repeat(KEPT.try_into().unwrap()));
    bytes_a_tab(&server, Transport::WebSocket, &session);
}
