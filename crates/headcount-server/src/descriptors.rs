//! How many sockets there is room for.
//!
//! Every socket is a file descriptor, and a process has only so many of them (`RLIMIT_NOFILE`). Connections leave some
//! free: without them there would be no answers, not even for health checks and admins. While there are few
//! connections, their places serve requests.

use headcount_core::limits::Limits;
use rustix::process::{Resource, getrlimit};

use crate::system;

/// Of the descriptors that are free at start, one in so many is kept from connections.
const RESERVED: u32 = 8;

/// How many that are, at the least and at the most.
const RESERVE: (u32, u32) = (32, 1_024);

/// One in so many of these is for other files and sockets: the store, and questions to authorizers.
const OTHERS: u32 = 4;

/// Connections served at once on a listener beside those of the shards, at the most.
const APART_MAX: u32 = 1_024;

/// Descriptors taken for open where the system does not tell.
const OPEN: u64 = 64;

/// The sockets of one server that there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    connections: u32,
    /// Sockets of clients besides connections, at least.
    doors: u32,
    heads_pending_max: u32,
    http_connections_max: u32,
    shards: u32,
}

impl Room {
    /// Of this process, now.
    pub(crate) fn find(limits: &Limits, shards: usize) -> Self {
        Self::new(limits, free(), u32::try_from(shards).unwrap_or(1).max(1))
    }

    fn new(limits: &Limits, free: Option<u32>, shards: u32) -> Self {
        let room = |connections, doors| Self {
            connections,
            doors,
            heads_pending_max: limits.heads_pending_max,
            http_connections_max: limits.http_connections_max,
            shards,
        };
        let Some(free) = free else {
            return room(limits.connections_max, u32::MAX);
        };
        let reserve = (free / RESERVED).clamp(RESERVE.0, RESERVE.1).min(free / 2);
        let connections = limits.connections_max.min(free - reserve).max(1);
        let rest = free.saturating_sub(connections);
        room(connections, rest - rest / OTHERS)
    }

    /// Connections that may be open at once.
    pub(crate) fn connections(&self) -> u32 {
        self.connections
    }

    /// Sockets of the generic door that may be open at once while so many connections are.
    pub(crate) fn http_connections(&self, open: u32) -> u32 {
        self.http_connections_max.min(self.share(open)).max(1)
    }

    /// Sockets of a listener beside those of the shards that may be open at once while so many connections are.
    pub(crate) fn apart_connections(&self, open: u32) -> u32 {
        let share = self.share_of(open, 8);
        APART_MAX.min(self.http_connections_max).min(share).max(1)
    }

    /// Sockets of one shard whose request is incomplete or that are kept for another, and so many again that linger.
    pub(crate) fn guests(&self, open: u32) -> u32 {
        self.heads_pending_max.min(self.share(open) / self.shards).max(1)
    }

    /// A quarter of what connections cannot have, and of what they have not taken.
    fn share(&self, open: u32) -> u32 {
        self.share_of(open, 4)
    }

    /// A quarter of what connections cannot have, and such a part of what they have not taken.
    fn share_of(&self, open: u32, part: u32) -> u32 {
        (self.doors / 4).saturating_add(self.connections.saturating_sub(open) / part)
    }
}

/// Descriptors that this process may open yet; `None` where nothing limits them.
fn free() -> Option<u32> {
    let max = getrlimit(Resource::Nofile).current?;
    let open = system::open_descriptors().unwrap_or(OPEN);
    Some(u32::try_from(max.saturating_sub(open)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(free: u32) -> Room {
        Room::new(&Limits::default(), Some(free), 2)
    }

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        for (free, connections) in [(230, 198), (960, 840), (19_970, 18_946), (1_048_500, 1_000_000)] {
            let room = room(free);
            assert_eq!(room.connections(), connections, "of {free}");
            let guests = 2 * 2 * room.guests(connections);
            let apart = room.apart_connections(connections);
            let all = connections + guests + room.http_connections(connections) + apart;
            assert!(all < free, "{all} of {free}");
            // However many connections there are, others can take no more than what is free.
            for open in (0..connections).step_by(7) {
                let doors = room.http_connections(open) + room.apart_connections(open);
                let all = open + 2 * 2 * room.guests(open) + doors;
                assert!(all < free, "{all} of {free} at {open}");
            }
        }
    }

    #[test]
    fn with_plenty_the_limits_decide() {
        let limits = Limits::default();
        for room in [room(u32::MAX), Room::new(&limits, None, 2)] {
            assert_eq!(room.connections(), limits.connections_max);
            assert_eq!(room.guests(limits.connections_max), limits.heads_pending_max);
            assert_eq!(
                room.http_connections(limits.connections_max),
                limits.http_connections_max
            );
        }
    }

    #[test]
    fn with_next_to_nothing_there_is_room_for_one_of_each() {
        for free in 0..4 {
            let room = room(free);
            assert_eq!(
                (room.connections() >= 1, room.guests(9), room.http_connections(9)),
                (true, 1, 1)
            );
        }
    }
}
