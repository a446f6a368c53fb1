//! Routes said by POST over sockets of any shard.

use headcount_server::Limits;
use serde_json::json;

use crate::client::{Transport, Visit};
use crate::server::{Server, config};

/// Without tab ids, tabs and sockets are spread over both shards by the kernel: with this many, one shard is all but never
/// left out.
const TABS: usize = 8;

/// A route left for another shard is applied a little later than one said to the shard itself, but never after it.
#[test]
fn the_route_said_last_stands_whichever_sockets_said_it() {
    let limits = Limits::default().with(|limits| limits.messages_burst = 8_000);
    let server = Server::start(config().with(|config| config.limits = limits));
    let visit = || Visit::new(Transport::Sse, "/").open(server.address);
    let mut tabs: Vec<_> = (0..TABS).map(|_| visit()).collect();
    // Each browser's socket is now where its own tab is, or stays where it came.
    for tab in &mut tabs {
        tab.navigate("/elsewhere");
    }
    for (first, last) in (0..TABS * TABS).map(|pair| (pair / TABS, pair % TABS)) {
        // The first of these wakes the other shard, if it is for one; the others are left.
        for (number, browser) in [first, first, first, last].into_iter().enumerate() {
            let body = json!({"connectionId": tabs[0].id, "route": format!("/{first}/{last}/{number}")});
            assert_eq!(tabs[browser].post("route", &body).json(), json!({"ok": true}));
        }
        let stats = server.stats();
        let stands = stats.routes.get(&format!("/{first}/{last}/3"));
        assert_eq!(stands, Some(&1), "{:?}", stats.routes);
    }
}
