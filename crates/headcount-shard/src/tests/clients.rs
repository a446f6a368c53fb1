//! What clients say, and what the table knows then.

use super::*;
use crate::meters::Count;
use crate::receive::hear_by_post;

fn on(route: &str) -> String {
    format!(r#"{{"type":"route-update","route":"{route}"}}"#)
}

#[test]
fn a_navigation_moves_the_connection_in_the_table() {
    let mut shard = Shard::new();
    let tab = shard.open("/a");
    shard.hear(&tab, &on("/b"));
    assert_eq!(shard.route_of(&tab).as_deref(), Some("/b"));
    let Connections {
        tabs,
        deliveries,
        clients,
        ..
    } = &mut shard.connections;
    assert!(clients.navigate_by_post(tabs, deliveries, tab.key, "/c"));
    assert!(!clients.navigate_by_post(tabs, deliveries, tab.key, "no route"));
    assert!(hear_by_post(tabs, tab.key));
    assert_eq!(shard.route_of(&tab).as_deref(), Some("/c"));
    assert_eq!(shard.tabs().meters.get(Count::ReceivedNavigation), 2);
    assert_eq!(shard.tabs().meters.get(Count::ReceivedBadRoute), 1);
}

#[test]
fn beyond_the_rate_the_last_navigation_counts_once_the_client_may_speak_again() {
    let mut shard = Shard::new();
    let tab = shard.open("/a");
    let mut sent = 0;
    while shard.tabs().meters.get(Count::ReceivedFlood) < 2 {
        sent += 1;
        assert!(sent < 1_000, "there is a limit");
        shard.hear(&tab, &on(&format!("/{sent}")));
    }
    let last = format!("/{sent}");
    assert_ne!(shard.route_of(&tab).as_ref(), Some(&last));
    assert!(shard.connections.clients.has_deferred());
    shard.tabs().now_ms += 60_000;
    let Connections {
        tabs,
        deliveries,
        clients,
        ..
    } = &mut shard.connections;
    clients.apply_deferred(tabs, deliveries);
    assert!(!clients.has_deferred());
    assert_eq!(shard.route_of(&tab), Some(last));
}

#[test]
fn what_cannot_be_read_is_counted_and_changes_nothing() {
    let mut shard = Shard::new();
    let tab = shard.open("/a");
    shard.hear(&tab, "{");
    shard.hear(&tab, r#"{"type":"of a later revision"}"#);
    assert_eq!(shard.tabs().meters.get(Count::ReceivedMalformed), 1);
    assert_eq!(shard.tabs().meters.get(Count::ReceivedUnknown), 1);
    assert_eq!(shard.route_of(&tab).as_deref(), Some("/a"));
    assert!(!tab.is_ended());
}
