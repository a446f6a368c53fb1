//! Admin tickets: the admin secret, shown once, exchanged for a cookie that ends by itself.
//!
//! A ticket is 256 random bits, so it cannot be guessed. Only its SHA-256 is kept, so leaked memory admits no one, and
//! the time of a look-up by hash tells an attacker nothing. Tickets are kept in memory: after a restart, admins sign in
//! again. A ticket ends with the secret that it was given for.
//!
//! The admin secret itself does not admit to a stream: browsers cannot set `Authorization` on `EventSource` or `WebSocket`,
//! and a page that could would have to hold the secret.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::authorizer::{AuthorizeRequest, Authorizer, Verdict, VerdictFuture};
use super::credentials::Reads;
use super::ticket_cookie::is_ticket_cookie;
use crate::head::{Head, cookie, each_cookie_name};

pub use super::ticket_cookie::TICKET_COOKIE;

/// How long a ticket holds unless told otherwise, milliseconds: 12 hours, a working day.
pub const TICKET_MS: u64 = 12 * 3_600 * 1_000;
/// Bytes of a ticket: 256 bits in base64.
const TICKET_BYTES: usize = 43;
/// Cookies of other servers on the same host that signing in leaves alone.
const OTHERS_MAX: usize = 8;
/// Tickets that hold at once; the oldest ends for a new one.
const TICKETS_MAX: usize = 1_000;

/// The tickets that hold. Shared between the endpoint that issues them and the [`Authorizer`] that reads them.
#[derive(Debug)]
pub struct Tickets {
    cookie: String,
    lifetime_ms: u64,
    /// Oldest first. Never more than [`TICKETS_MAX`].
    held: Mutex<VecDeque<Held>>,
}

/// A ticket as handed to its owner. Its `Debug` does not show the value.
#[non_exhaustive]
pub struct Ticket {
    /// The value of the cookie [`TICKET_COOKIE`]: 43 characters that need no encoding. A browser that sends it is admitted.
    pub cookie_value: String,
    /// When it ends, milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

/// The system gave no random bits, so no ticket was issued.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system has no random numbers for a ticket")]
pub struct TicketError(#[source] getrandom::Error);

#[derive(Debug)]
struct Held {
    hash: [u8; 32],
    expires_ms: u64,
    had_for: u64,
}

impl Tickets {
    /// No tickets yet; each will hold for `lifetime_ms`. [`Tickets::default`] takes [`TICKET_MS`]. Their cookie is [`TICKET_COOKIE`].
    pub fn new(lifetime_ms: u64) -> Self {
        Self {
            cookie: TICKET_COOKIE.to_owned(),
            lifetime_ms,
            held: Mutex::default(),
        }
    }

    /// Names the cookie after `server`, a text that tells this server apart from others on its host and is the same after a restart.
    #[must_use]
    pub fn of(mut self, server: &str) -> Self {
        let [a, b, c, d, ..] = hash(server);
        self.cookie = format!("{TICKET_COOKIE}_{a:02x}{b:02x}{c:02x}{d:02x}");
        self
    }

    /// The name of the cookie that carries a ticket.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The value of that cookie in a request, whether it holds or not.
    pub fn shown<'head>(&self, head: &'head dyn Head) -> Option<&'head str> {
        cookie(head, &self.cookie)
    }

    /// The cookies to take away from a browser that signs in here: the one that carried tickets before they were named after their
    /// server, and the oldest of other servers. [`OTHERS_MAX`] stay, because those servers may still run.
    pub(crate) fn stale<'head>(&self, head: &'head dyn Head) -> Vec<&'head str> {
        let mut plain = None;
        let mut others = Vec::new();
        each_cookie_name(head, &mut |name| {
            if name == TICKET_COOKIE {
                plain = Some(name);
            } else if is_ticket_cookie(name) && !others.contains(&name) {
                others.push(name);
            }
        });
        plain = plain.filter(|name| *name != self.cookie);
        others.retain(|name| *name != self.cookie);
        // Browsers send the cookie first that they have had for longest.
        others.truncate(others.len().saturating_sub(OTHERS_MAX));
        others.extend(plain);
        others
    }

    /// A new ticket for the secret with the mark `had_for`. If there are 1,000 already, the oldest ends.
    pub fn issue(&self, now_ms: u64, had_for: u64) -> Result<Ticket, TicketError> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(TicketError)?;
        let ticket = Ticket {
            cookie_value: URL_SAFE_NO_PAD.encode(random),
            expires_ms: now_ms.saturating_add(self.lifetime_ms),
        };
        let mut held = self.held();
        held.retain(|other| other.expires_ms > now_ms);
        while held.len() >= TICKETS_MAX {
            held.pop_front();
        }
        held.push_back(Held {
            hash: hash(&ticket.cookie_value),
            expires_ms: ticket.expires_ms,
            had_for,
        });
        Ok(ticket)
    }

    /// When the ticket with this cookie value ends, milliseconds since the Unix epoch; `None` where it does not hold.
    pub fn check(&self, cookie_value: &str, now_ms: u64) -> Option<u64> {
        let hash = hash(cookie_value);
        let expires_ms = self
            .held()
            .iter()
            .find(|held| held.hash == hash)
            .map(|held| held.expires_ms)?;
        (expires_ms > now_ms).then_some(expires_ms)
    }

    /// Call it when the time of day is corrected by `delta_ms`: tickets then end as long from now as before.
    pub(crate) fn shift(&self, delta_ms: i64) {
        for held in &mut *self.held() {
            held.expires_ms = held.expires_ms.saturating_add_signed(delta_ms);
        }
    }

    /// Ends the ticket with this cookie value. Streams it admitted end when they are asked for again, within
    /// `limits.admission_ms`; `DELETE session` has them asked for at once.
    pub fn revoke(&self, cookie_value: &str) {
        let hash = hash(cookie_value);
        self.held().retain(|held| held.hash != hash);
    }

    /// Ends the tickets that were had for other secrets than those with these marks. Whether any ended.
    pub fn end_all_but(&self, marks: &[u64]) -> bool {
        let mut held = self.held();
        let before = held.len();
        held.retain(|ticket| marks.contains(&ticket.had_for));
        held.len() < before
    }

    /// A panic elsewhere leaves the list whole: every change to it is one call.
    fn held(&self) -> MutexGuard<'_, VecDeque<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verdict(&self, request: &AuthorizeRequest) -> Verdict {
        self.shown(&*request.credentials)
            .and_then(|value| self.check(value, request.now_ms))
            .map_or(Verdict::Refused, |expires_ms| Verdict::Admitted {
                until_ms: expires_ms,
            })
    }
}

impl Default for Tickets {
    fn default() -> Self {
        Self::new(TICKET_MS)
    }
}

impl Authorizer for Tickets {
    fn reads(&self) -> Reads {
        Reads::cookie_like(&*self.cookie, can_be_ticket)
    }

    fn at_once(&self, request: &AuthorizeRequest) -> Option<Verdict> {
        Some(self.verdict(request))
    }

    fn ignores_connection(&self) -> bool {
        true
    }

    fn authorize<'a>(&'a self, request: &'a AuthorizeRequest) -> VerdictFuture<'a> {
        Box::pin(std::future::ready(self.verdict(request)))
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("expires_ms", &self.expires_ms)
            .finish_non_exhaustive()
    }
}

/// Whether a text has the form of a ticket.
fn can_be_ticket(cookie_value: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    cookie_value.len() == TICKET_BYTES && cookie_value.bytes().all(is_letter)
}

fn hash(cookie_value: &str) -> [u8; 32] {
    Sha256::digest(cookie_value).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::request;

    const NOW: u64 = 1_795_320_200_000;

    #[test]
    fn a_ticket_holds_for_its_lifetime() {
        let tickets = Tickets::default();
        let ticket = tickets.issue(NOW, 1).unwrap();
        let end = NOW + TICKET_MS;
        assert_eq!(ticket.expires_ms, end);
        assert_eq!(tickets.check(&ticket.cookie_value, NOW), Some(end));
        assert_eq!(tickets.check(&ticket.cookie_value, end - 1), Some(end));
        assert_eq!(tickets.check(&ticket.cookie_value, end), None);
    }

    #[test]
    fn a_revoked_ticket_holds_no_longer_and_others_do() {
        let tickets = Tickets::default();
        let [ours, theirs] = [tickets.issue(NOW, 1).unwrap(), tickets.issue(NOW, 1).unwrap()];
        tickets.revoke(&ours.cookie_value);
        assert_eq!(tickets.check(&ours.cookie_value, NOW), None);
        assert!(tickets.check(&theirs.cookie_value, NOW).is_some());
    }

    #[test]
    fn a_ticket_ends_with_the_secret_that_it_was_had_for() {
        let tickets = Tickets::default();
        let [old, new] = [1, 2].map(|mark| tickets.issue(NOW, mark).unwrap());
        assert!(!tickets.end_all_but(&[2, 1]));
        assert!(tickets.check(&old.cookie_value, NOW).is_some());
        assert!(tickets.end_all_but(&[2, 3]));
        assert_eq!(tickets.check(&old.cookie_value, NOW), None);
        assert!(tickets.check(&new.cookie_value, NOW).is_some());
    }

    #[test]
    fn values_that_were_never_issued_do_not_hold() {
        let tickets = Tickets::default();
        let ticket = tickets.issue(NOW, 1).unwrap();
        assert_eq!(ticket.cookie_value.len(), 43);
        let shorter = &ticket.cookie_value[..42];
        for value in ["", "headcount", shorter, &ticket.cookie_value.to_lowercase()] {
            assert_eq!(tickets.check(value, NOW), None, "{value}");
        }
    }

    #[test]
    fn the_oldest_ends_when_there_are_too_many() {
        let tickets = Tickets::default();
        let issued: Vec<Ticket> = (0..=TICKETS_MAX)
            .map(|_| tickets.issue(NOW, 1).unwrap())
            .collect();
        let holds = |ticket: &Ticket| tickets.check(&ticket.cookie_value, NOW).is_some();
        assert!(!holds(&issued[0]));
        assert!(issued[1..].iter().all(holds));
    }

    #[test]
    fn expired_tickets_make_room_first() {
        let tickets = Tickets::new(1_000);
        let last_of_old = (0..TICKETS_MAX)
            .map(|_| tickets.issue(NOW, 1).unwrap())
            .last()
            .unwrap();
        let fresh = tickets.issue(NOW + 1_000, 1).unwrap();
        assert_eq!(tickets.held().len(), 1);
        assert_eq!(tickets.check(&last_of_old.cookie_value, NOW + 1_000), None);
        assert!(tickets.check(&fresh.cookie_value, NOW + 1_000).is_some());
    }

    #[test]
    fn a_stream_is_admitted_by_the_cookie_alone() {
        let tickets = Tickets::default();
        let ticket = tickets.issue(NOW, 1).unwrap();
        let shown = |headers: &[(&str, &str)], now_ms| tickets.verdict(&request(headers, now_ms));
        let pair = format!("a=1; {TICKET_COOKIE}={}", ticket.cookie_value);
        let last = ticket.expires_ms - 1;
        let end = Verdict::Admitted {
            until_ms: ticket.expires_ms,
        };
        assert_eq!(shown(&[("cookie", &pair)], NOW), end);
        assert_eq!(shown(&[("cookie", &pair)], last), end);
        assert_eq!(shown(&[("cookie", &pair)], last + 1), Verdict::Refused);
        let bearer = format!("Bearer {}", ticket.cookie_value);
        assert_eq!(shown(&[("authorization", &bearer)], NOW), Verdict::Refused);
    }

    #[test]
    fn servers_on_one_host_read_only_their_own_cookie() {
        let [ours, theirs] = ["one", "two"].map(|server| Tickets::default().of(server));
        assert_eq!(ours.cookie(), Tickets::default().of("one").cookie());
        assert_ne!(ours.cookie(), theirs.cookie());
        assert!(is_ticket_cookie(ours.cookie()) && is_ticket_cookie(TICKET_COOKIE));
        for other in [
            "headcount_tickets",
            "headcount_ticket_",
            "headcount_ticket_office",
            "headcount_ticket_0123456G",
        ] {
            assert!(!is_ticket_cookie(other), "{other}");
        }
        let [ticket, other] = [&ours, &theirs].map(|tickets| tickets.issue(NOW, 1).unwrap());
        let pair = format!(
            "{}={}; {}={}",
            theirs.cookie(),
            other.cookie_value,
            ours.cookie(),
            ticket.cookie_value
        );
        let request = request(&[("cookie", &pair)], NOW);
        for tickets in [&ours, &theirs] {
            assert_ne!(tickets.verdict(&request), Verdict::Refused);
        }
        assert_eq!(Tickets::default().of("three").verdict(&request), Verdict::Refused);
    }

    #[test]
    fn who_signs_in_loses_the_oldest_cookies_of_other_servers_only() {
        let tickets = Tickets::default().of("here");
        let names: Vec<String> = (0..OTHERS_MAX + 2)
            .map(|number| Tickets::default().of(&number.to_string()).cookie().to_owned())
            .collect();
        let line = |names: &[String]| format!("sid=1; {}=x; {}=y", tickets.cookie(), names.join("=x; "));
        let stale = |line: &str| -> Vec<String> {
            let request = request(&[("cookie", line)], NOW);
            let stale = tickets.stale(&*request.credentials);
            stale.into_iter().map(str::to_owned).collect()
        };
        assert_eq!(stale(&line(&names[..OTHERS_MAX])), [""; 0]);
        assert_eq!(stale(&line(&names)), names[..2]);
        assert_eq!(stale("a=1; headcount_ticket=old"), [TICKET_COOKIE]);
    }

    #[test]
    fn a_ticket_does_not_print_itself() {
        let ticket = Tickets::default().issue(NOW, 1).unwrap();
        assert!(!format!("{ticket:?}").contains(&ticket.cookie_value));
    }
}
