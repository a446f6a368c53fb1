//! Admin tickets: the admin secret, shown once, exchanged for a cookie that ends by itself.
//!
//! A ticket is sealed (`ticket_seal`): it says until when it holds and which secret it was had for, under a key that only servers have. So no list of
//! tickets is kept, and one that a server of a cluster issued holds on all of them. A server alone draws the key when it starts: after a
//! restart, admins sign in again. What was ended before its time is remembered (`ticket_ends`). A ticket ends with the secret that it was given for.
//!
//! The admin secret itself does not admit to a stream: browsers cannot set `Authorization` on `EventSource` or `WebSocket`,
//! and a page that could would have to hold the secret.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::authorizer::{AuthorizeRequest, Authorizer, Verdict, VerdictFuture};
use super::credentials::Reads;
use super::ticket_cookie::is_ticket_cookie;
use super::ticket_ends::Ends;
use super::ticket_seal::{EXPIRES_BITS, Said, SealKey, TICKET_BYTES};
use crate::head::{Head, cookie, each_cookie_name};
use crate::keys::{Keys, Purpose};

pub use super::ticket_cookie::TICKET_COOKIE;
pub use super::ticket_ends::EndedTicket;

/// How long a ticket holds unless told otherwise, milliseconds: 12 hours, a working day.
pub const TICKET_MS: u64 = 12 * 3_600 * 1_000;
/// Cookies of other servers on the same host that signing in leaves alone.
const OTHERS_MAX: usize = 8;
/// Corrections of the clock that are told apart. Later ones move no ticket.
const CORRECTIONS_MAX: usize = u16::MAX as usize;

/// What tells the tickets that hold. Shared between the endpoint that issues them and the [`Authorizer`] that reads them.
#[derive(Debug)]
pub struct Tickets {
    cookie: String,
    lifetime_ms: u64,
    /// `None`: the system gave no random bits for one, so no ticket is issued and none holds.
    key: Option<SealKey>,
    /// Which process this is.
    issuer: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ends: Ends,
    /// The marks of the secrets that hold; `None`: all do.
    marks: Option<Vec<u64>>,
    /// The marks of tickets that were seen here.
    seen: HashSet<u64>,
    /// What the clock of this process was corrected by, in all, after each correction.
    corrections: Vec<i64>,
}

/// A ticket as handed to its owner. Its `Debug` does not show the value.
#[non_exhaustive]
pub struct Ticket {
    /// The value of the cookie [`TICKET_COOKIE`]: 80 characters that need no encoding. A browser that sends it is admitted.
    pub cookie_value: String,
    /// When it ends, milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

/// The system gave no random bits, so no ticket was issued.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system has no random numbers for a ticket")]
pub struct TicketError(#[source] getrandom::Error);

impl Tickets {
    /// No tickets yet; each will hold for `lifetime_ms`. [`Tickets::default`] takes [`TICKET_MS`]. Their cookie is [`TICKET_COOKIE`].
    ///
    /// ```
    /// use headcount_server::authorize::ticket::Tickets;
    ///
    /// let tickets = Tickets::new(60_000);
    /// assert_eq!(tickets.issue(1_000, 7)?.expires_ms, 61_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(lifetime_ms: u64) -> Self {
        let keys = Keys::random();
        Self {
            cookie: TICKET_COOKIE.to_owned(),
            lifetime_ms,
            key: keys.ok().and_then(|keys| key_of(&keys)),
            issuer: getrandom::u32().unwrap_or_default(),
            state: Mutex::default(),
        }
    }

    /// Seals with one of these keys, so that tickets of other servers with the same keys hold here, too.
    #[must_use]
    pub(crate) fn sealed_with(mut self, keys: &Keys) -> Self {
        self.key = key_of(keys);
        self
    }

    /// Names the cookie after `server`, a text that tells this server apart from others on its host and is the same after a restart.
    ///
    /// ```
    /// use headcount_server::authorize::ticket::Tickets;
    ///
    /// assert_eq!(Tickets::default().cookie(), "headcount_ticket");
    /// let named = Tickets::default().of("shop-1");
    /// assert!(named.cookie().starts_with("headcount_ticket_"));
    /// assert_eq!(named.cookie(), Tickets::default().of("shop-1").cookie());
    /// ```
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
    ///
    /// ```
    /// use headcount_server::authorize::Credentials;
    /// use headcount_server::authorize::ticket::Tickets;
    ///
    /// let browser = Credentials::of(&[("cookie", "headcount_ticket=a-ticket")]);
    /// assert_eq!(Tickets::default().shown(&browser), Some("a-ticket"));
    /// ```
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

    /// A new ticket for the secret with the mark `had_for`.
    ///
    /// ```
    /// use headcount_server::authorize::ticket::Tickets;
    ///
    /// let tickets = Tickets::default();
    /// let ticket = tickets.issue(1_000, 7)?;
    /// assert_eq!(tickets.check(&ticket.cookie_value, 2_000), Some(ticket.expires_ms));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issue(&self, now_ms: u64, had_for: u64) -> Result<Ticket, TicketError> {
        let number = getrandom::u64().map_err(TicketError)?;
        let key = self
            .key
            .as_ref()
            .ok_or(TicketError(getrandom::Error::UNSUPPORTED))?;
        let mut state = self.state();
        state.seen.insert(had_for);
        let said = Said {
            expires_ms: now_ms.saturating_add(self.lifetime_ms) & EXPIRES_BITS,
            issuer: self.issuer,
            clock: u16::try_from(state.corrections.len()).unwrap_or(u16::MAX),
            number,
            had_for,
        };
        Ok(Ticket {
            cookie_value: key.seal(&said),
            expires_ms: said.expires_ms,
        })
    }

    /// When the ticket with this cookie value ends, milliseconds since the Unix epoch; `None` where it does not hold.
    ///
    /// ```
    /// use headcount_server::authorize::ticket::Tickets;
    ///
    /// let tickets = Tickets::new(60_000);
    /// let ticket = tickets.issue(1_000, 7)?;
    /// assert_eq!(tickets.check(&ticket.cookie_value, 60_999), Some(61_000));
    /// assert_eq!(tickets.check(&ticket.cookie_value, 61_000), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, cookie_value: &str, now_ms: u64) -> Option<u64> {
        let said = self.key.as_ref()?.open(cookie_value)?;
        let mut state = self.state();
        let expires_ms = said
            .expires_ms
            .saturating_add_signed(self.moved_ms(&state, &said));
        let is_of_valid = state
            .marks
            .as_ref()
            .is_none_or(|marks| marks.contains(&said.had_for));
        if expires_ms <= now_ms || !is_of_valid || state.ends.has(ended(&said)) {
            return None;
        }
        state.seen.insert(said.had_for);
        Some(expires_ms)
    }

    /// Call it when the time of day is corrected by `delta_ms`: tickets that this process issued then end as long from now as before. Those of
    /// other servers keep their end, because this correction says nothing about their clocks.
    pub(crate) fn shift(&self, delta_ms: i64) {
        let mut state = self.state();
        if state.corrections.len() < CORRECTIONS_MAX {
            let all_ms = state.moved_ms().saturating_add(delta_ms);
            state.corrections.push(all_ms);
        }
    }

    /// Ends the ticket with this cookie value, and returns it for the other servers that it would hold on. Streams it admitted end when they
    /// are asked for again, within `limits.admission_ms`; `DELETE session` has them asked for at once.
    ///
    /// ```
    /// use headcount_server::authorize::ticket::Tickets;
    ///
    /// let tickets = Tickets::default();
    /// let ticket = tickets.issue(1_000, 7)?;
    /// assert!(tickets.revoke(&ticket.cookie_value, 2_000).is_some());
    /// assert_eq!(tickets.check(&ticket.cookie_value, 2_000), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revoke(&self, cookie_value: &str, now_ms: u64) -> Option<EndedTicket> {
        let said = self.key.as_ref()?.open(cookie_value)?;
        let ended = ended(&said);
        self.end(ended, now_ms);
        Some(ended)
    }

    /// Ends a ticket that was ended on another server.
    ///
    /// ```
    /// use headcount_server::authorize::ticket::Tickets;
    ///
    /// let tickets = Tickets::default();
    /// let ticket = tickets.issue(1_000, 7)?;
    /// # let elsewhere = &tickets;
    /// if let Some(ended) = elsewhere.revoke(&ticket.cookie_value, 2_000) {
    ///     tickets.end(ended, 2_000);
    /// }
    /// assert_eq!(tickets.check(&ticket.cookie_value, 2_000), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn end(&self, ended: EndedTicket, now_ms: u64) {
        let mut state = self.state();
        // The end of one from before a correction may be later than it says.
        let later_ms = state
            .corrections
            .iter()
            .fold(0, |most, all_ms| all_ms.abs().max(most));
        state
            .ends
            .add(ended, now_ms.saturating_sub(later_ms.unsigned_abs()));
    }

    /// Ends every ticket that ends by then, because another server remembers no more which of them were ended.
    pub(crate) fn end_all_until(&self, until_ms: u64) {
        self.state().ends.add_all_until(until_ms);
    }

    /// Ends the tickets that were had for other secrets than those with these marks. Whether any that were seen here ended.
    ///
    /// ```
    /// use headcount_server::authorize::ticket::Tickets;
    ///
    /// let tickets = Tickets::default();
    /// let (old, new) = (tickets.issue(1_000, 7)?, tickets.issue(1_000, 8)?);
    /// assert!(tickets.end_all_but(&[8]));
    /// assert_eq!(tickets.check(&old.cookie_value, 2_000), None);
    /// assert!(tickets.check(&new.cookie_value, 2_000).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn end_all_but(&self, marks: &[u64]) -> bool {
        let mut state = self.state();
        let before = state.seen.len();
        state.seen.retain(|mark| marks.contains(mark));
        state.marks = Some(marks.to_vec());
        state.seen.len() < before
    }

    /// By how much the clock was corrected since this ticket was issued, if it was issued here.
    fn moved_ms(&self, state: &State, said: &Said) -> i64 {
        if said.issuer != self.issuer {
            return 0;
        }
        let then = usize::from(said.clock).checked_sub(1);
        let then_ms = then.and_then(|at| state.corrections.get(at)).copied();
        state.moved_ms() - then_ms.unwrap_or_default()
    }

    /// A panic elsewhere leaves it whole: every change to it is one call.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verdict(&self, request: &AuthorizeRequest) -> Verdict {
        self.shown(&*request.credentials)
            .and_then(|value| self.check(value, request.now_ms))
            .map_or(Verdict::Refused, |expires_ms| Verdict::Admitted {
                until_ms: expires_ms,
            })
    }
}

impl State {
    /// By how much the clock was corrected in all.
    fn moved_ms(&self) -> i64 {
        self.corrections.last().copied().unwrap_or_default()
    }
}

fn key_of(keys: &Keys) -> Option<SealKey> {
    SealKey::new(&keys.key(Purpose::Tickets))
}

fn ended(said: &Said) -> EndedTicket {
    EndedTicket {
        expires_ms: said.expires_ms,
        number: said.number,
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
    use crate::authorize::ticket_ends::ENDS_MAX;

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
        let ended = tickets.revoke(&ours.cookie_value, NOW).unwrap();
        assert_eq!(ended.expires_ms, ours.expires_ms);
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
        assert_eq!(ticket.cookie_value.len(), 80);
        let shorter = &ticket.cookie_value[..79];
        for value in ["", "headcount", shorter, &ticket.cookie_value.to_lowercase()] {
            assert_eq!(tickets.check(value, NOW), None, "{value}");
        }
    }

    #[test]
    fn tickets_that_end_first_end_when_too_many_were_ended() {
        let tickets = Tickets::default();
        let issued: Vec<Ticket> = (0..ENDS_MAX as u64 + 2)
            .map(|at| tickets.issue(NOW + at, 1).unwrap())
            .collect();
        let holds = |ticket: &Ticket| tickets.check(&ticket.cookie_value, NOW).is_some();
        for ticket in &issued[1..] {
            tickets.revoke(&ticket.cookie_value, NOW);
        }
        assert!(
            !issued.iter().any(holds),
            "none that was ended holds again, and the oldest ended for that"
        );
        let fresh = tickets.issue(NOW + 2_000, 1).unwrap();
        assert!(holds(&fresh));
        assert_eq!(tickets.state().ends.len(), ENDS_MAX);
    }

    #[test]
    fn expired_tickets_make_room_first() {
        let tickets = Tickets::new(1_000);
        for _ in 0..ENDS_MAX {
            let old = tickets.issue(NOW, 1).unwrap();
            tickets.revoke(&old.cookie_value, NOW);
        }
        let [ended, fresh] = [(); 2].map(|()| tickets.issue(NOW + 1_000, 1).unwrap());
        tickets.revoke(&ended.cookie_value, NOW + 1_000);
        assert_eq!(tickets.state().ends.len(), 1);
        assert_eq!(tickets.check(&ended.cookie_value, NOW + 1_000), None);
        assert!(tickets.check(&fresh.cookie_value, NOW + 1_000).is_some());
    }

    #[test]
    fn a_ticket_of_one_server_holds_on_all_with_its_keys_until_it_is_ended_there() {
        let keys = Keys::of(b"the secret of a cluster");
        let [here, there] = [(); 2].map(|()| Tickets::default().of("shop").sealed_with(&keys));
        let [ours, theirs] = [here.issue(NOW, 1).unwrap(), there.issue(NOW, 1).unwrap()];
        assert_eq!(there.check(&ours.cookie_value, NOW), Some(ours.expires_ms));
        assert_eq!(Tickets::default().check(&ours.cookie_value, NOW), None);
        let ended = here.revoke(&ours.cookie_value, NOW).unwrap();
        there.end(ended, NOW);
        assert_eq!(there.check(&ours.cookie_value, NOW), None);
        assert!(here.check(&theirs.cookie_value, NOW).is_some());
        there.end_all_but(&[2]);
        assert_eq!(
            there.check(&theirs.cookie_value, NOW),
            None,
            "it was had for another secret"
        );
        assert!(here.revoke("forged", NOW).is_none());
    }

    /// The clock was an hour behind: it is corrected, and the ticket holds as long as before.
    #[test]
    fn a_correction_of_the_clock_moves_the_tickets_that_were_issued_by_it() {
        const HOUR: u64 = 3_600_000;
        let keys = Keys::of(b"the secret of a cluster");
        let [here, there] = [(); 2].map(|()| Tickets::default().sealed_with(&keys));
        let before = here.issue(NOW, 1).unwrap();
        let theirs = there.issue(NOW, 1).unwrap();
        here.shift(3_600_000);
        let after = here.issue(NOW + HOUR, 1).unwrap();
        let end = NOW + TICKET_MS;
        let ends = |ticket: &Ticket| here.check(&ticket.cookie_value, NOW + HOUR);
        assert_eq!(ends(&before), Some(end + HOUR));
        assert_eq!(ends(&after), Some(end + HOUR));
        assert_eq!(ends(&theirs), Some(end), "their clock was right");
        here.shift(-3_600_000);
        assert_eq!((ends(&before), ends(&after)), (Some(end), Some(end)));
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
