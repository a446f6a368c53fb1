//! Tabs that come back after their connection ended.
//!
//! A load balancer knows which servers are there and gives a new connection to the one with the fewest. Here the parent says which are there, and
//! each loader counts its own tabs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::connection::Connection;

/// The longest pause of a tab that was not told when to come back.
const PAUSE_MS: u64 = 1_000;

/// Which tabs come back, when, and where to.
#[derive(Debug, Default)]
pub(super) struct Returns {
    /// The servers that are there, with the tabs that this loader has or opens at each.
    at: BTreeMap<SocketAddr, usize>,
    /// Tabs that wait, by when they come.
    due: BTreeSet<(Duration, usize)>,
}

impl Returns {
    /// From now on, tabs come back to these servers.
    pub(super) fn go(&mut self, at: &[SocketAddr], connections: &[Connection], now: Duration) {
        self.at = at.iter().map(|server| (*server, 0)).collect();
        let waiting: BTreeSet<usize> = self.due.iter().map(|(_, index)| *index).collect();
        for (index, connection) in connections.iter().enumerate() {
            if !connection.ended {
                self.at.entry(connection.server).and_modify(|tabs| *tabs += 1);
            } else if !waiting.contains(&index) {
                self.wait_for(index, connection, now);
            }
        }
        if at.is_empty() {
            self.due.clear();
        }
    }

    /// A connection has ended, or was not opened.
    pub(super) fn ended(&mut self, index: usize, connection: &Connection, now: Duration) {
        self.at
            .entry(connection.server)
            .and_modify(|tabs| *tabs = tabs.saturating_sub(1));
        self.wait_for(index, connection, now);
    }

    fn wait_for(&mut self, index: usize, connection: &Connection, now: Duration) {
        if self.at.is_empty() {
            return;
        }
        let pause = Duration::from_millis(index as u64 * 7_919 % PAUSE_MS);
        let when = connection.return_at.map_or(now + pause, |when| when.max(now));
        self.due.insert((when, index));
    }

    /// How long until the next tab comes back.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        self.due.first().map(|(when, _)| when.saturating_sub(now))
    }

    /// The next tab that comes back now, and where to.
    pub(super) fn next(&mut self, now: Duration) -> Option<(usize, SocketAddr)> {
        self.due.first().filter(|(when, _)| *when <= now)?;
        let (server, tabs) = self.at.iter_mut().min_by_key(|(_, tabs)| **tabs)?;
        *tabs += 1;
        let (_, index) = self.due.pop_first()?;
        Some((index, *server))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::client::command::{Setup, Transport};
    use crate::client::connection::{Connecting, connect};

    fn tab(server: SocketAddr) -> Connection {
        let socket = connect(server, Ipv4Addr::LOCALHOST, Connecting::Begun).unwrap();
        Connection::new((socket, server), Transport::WebSocket, Setup::Tabs, 0)
    }

    #[test]
    fn tabs_come_back_to_the_server_that_has_the_fewest_and_not_before_they_are_due() {
        let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let [gone, full, empty] = listeners
            .each_ref()
            .map(|listener| listener.local_addr().unwrap());
        let mut tabs = [tab(full), tab(gone), tab(gone)];
        tabs[1].ended = true;
        let now = Duration::from_secs(100);
        let mut returns = Returns::default();
        returns.ended(1, &tabs[1], now);
        assert_eq!(
            returns.wait(now),
            None,
            "where no server is there, tabs stay away"
        );
        returns.go(&[full, empty], &tabs, now);
        tabs[2].return_at = Some(now + Duration::from_secs(5));
        tabs[2].ended = true;
        returns.ended(2, &tabs[2], now);
        assert_eq!(returns.next(now), None);
        let soon = now + Duration::from_millis(PAUSE_MS);
        assert_eq!(returns.next(soon), Some((1, empty)));
        assert_eq!(returns.next(soon), None);
        assert_eq!(returns.wait(soon), Some(Duration::from_secs(4)));
        let late = now + Duration::from_secs(5);
        let back = returns.next(late).map(|(index, _)| index);
        assert_eq!((back, returns.next(late)), (Some(2), None));
    }
}
