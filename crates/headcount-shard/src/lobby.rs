//! Where guests wait: their sockets are heard, and those whose time is over or for which there is no room leave.

use std::io::{ErrorKind, Read};

use mio::net::TcpStream;

use crate::guests::{Guest, Request, Visit};
use crate::meters::Count;
use crate::tabs::Tabs;

const TIMEOUT_ANSWER: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Lets a new socket wait.
pub(super) fn receive(tabs: &mut Tabs, guest: Guest) {
    trim(tabs, 1);
    let deadline_ms = request_deadline_ms(tabs);
    let visit = tabs.guests.insert(guest, deadline_ms);
    tabs.watch_guest(visit);
}

/// Lets the oldest requests leave until there is room for so many `more`.
fn trim(tabs: &mut Tabs, more: usize) {
    let max = tabs.guests_max();
    while tabs.guests.requests() + more > max
        && let Some(left) = tabs.guests.evict_request()
    {
        if let Guest::Arriving(_) = left {
            tabs.meters.one(Count::RefusedHeadsFull);
        }
    }
}

/// Lets a socket that was taken out wait again. Its deadline stays that of its arrival while its request does: a slow
/// request is not faster for sending a byte at a time.
pub(super) fn keep(tabs: &mut Tabs, visit: Visit, was_arriving: bool, guest: Guest) {
    if was_arriving && matches!(guest, Guest::Arriving(_)) {
        tabs.guests.put_back(visit, guest);
        return;
    }
    let deadline_ms = request_deadline_ms(tabs);
    tabs.guests.begin(visit.place, guest, deadline_ms);
}

/// A guest that had its last word is ready: drops what it still sends.
pub(super) fn discard(tabs: &mut Tabs, visit: Visit, mut stream: TcpStream, scratch: &mut [u8]) {
    if has_more_to_discard(&mut stream, scratch) {
        tabs.guests.put_back(visit, Guest::Lingering(stream));
    } else {
        tabs.guests.leave(visit.place);
    }
}

fn request_deadline_ms(tabs: &Tabs) -> u64 {
    tabs.now_ms + u64::from(tabs.limits().head_ms)
}

/// Drops the guests whose time is over.
pub(super) fn end_visits(tabs: &mut Tabs) {
    trim(tabs, 0);
    while let Some(guest) = tabs.guests.take_due(tabs.now_ms) {
        let Guest::Arriving(request) = guest else { continue };
        // Browsers open sockets ahead of need; one that never asked anything is not refused anything.
        if !request.read.is_empty() {
            refuse_slow(tabs, request);
        }
    }
}

/// Refuses a request that does not come to its end.
pub(super) fn refuse_slow(tabs: &mut Tabs, request: Request) {
    tabs.meters.one(Count::RefusedSlowHead);
    tabs.linger(request.stream, TIMEOUT_ANSWER);
}

/// Reads and drops what a peer still sends. Whether there may be more later.
fn has_more_to_discard(stream: &mut TcpStream, scratch: &mut [u8]) -> bool {
    loop {
        match stream.read(scratch) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
