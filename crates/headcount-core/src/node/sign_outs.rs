//! The sign-outs that a node remembers for the others.
//!
//! Each has a number: the how many-th it is that this node learned. Another node that has read up to a number asks for what came after it, so it
//! never asks for the same twice, whatever was forgotten since.
//!
//! What is remembered depends on what was ended, and not on the order in which a node learned it: of tickets those that end last, of cookies
//! the newest. So nodes that learned the same remember the same, and their digests say so without a question.
//!
//! Cookies that admitted a subscriber at any node are remembered apart from all others. Only such cookies push them out, so visitors who have
//! the app end cookies of theirs never make a node forget the sign-out of an admin.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::cluster::{EndedCookie, EndedTicket, SignOutMark, SignOuts, TIME_MS_MAX};

/// Tickets that are remembered. Beyond that, the one that would end first is forgotten, and every ticket that ends by then counts as ended.
pub(super) const TICKETS_MAX: usize = 1_000;

/// Cookies that are remembered of those that admitted a subscriber, and as many others. About 100 bytes each.
pub(super) const COOKIES_MAX: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Each with the number under which it was learned.
    tickets: BTreeMap<EndedTicket, u64>,
    /// All tickets that end by then were ended, and the number under which that was learned.
    all_until: (u64, u64),
    /// By hash, each with its number.
    cookies: HashMap<u64, (EndedCookie, u64)>,
    /// Time and hash of the cookies that admitted nobody, and of those that admitted a subscriber.
    in_order: [BTreeSet<(u64, u64)>; 2],
    /// When the newest cookie was ended.
    newest_ms: u64,
    mark: SignOutMark,
}

impl Remembered {
    pub(super) fn mark(&self) -> SignOutMark {
        self.mark
    }

    /// When something counts as ended that is ended now: after all that is known, whatever the clock says.
    pub(super) fn time(&self, unix_ms: u64) -> u64 {
        unix_ms.max(self.newest_ms.saturating_add(1)).min(TIME_MS_MAX)
    }

    /// Takes in what was ended. The part of it that is news, also where it is too old to be remembered.
    pub(super) fn add(&mut self, told: SignOuts) -> SignOuts {
        let mut news = SignOuts::default();
        if self.end_all_until(told.all_until_ms) {
            news.all_until_ms = told.all_until_ms;
        }
        for ticket in told.tickets {
            if self.add_ticket(ticket) {
                news.tickets.push(ticket);
            }
        }
        for cookie in told.cookies {
            if self.add_cookie(cookie) {
                news.cookies.push(cookie);
            }
        }
        news
    }

    /// What was learned after the one with this number, as far as it is remembered.
    pub(super) fn since(&self, number: u64) -> SignOuts {
        let is_later = |learned: &u64| *learned > number;
        let tickets = self.tickets.iter().filter(|(_, learned)| is_later(learned));
        let cookies = self.cookies.values().filter(|(_, learned)| is_later(learned));
        let (all_until_ms, learned) = self.all_until;
        SignOuts {
            tickets: tickets.map(|(ticket, _)| *ticket).collect(),
            all_until_ms: if is_later(&learned) { all_until_ms } else { 0 },
            cookies: cookies.map(|(cookie, _)| *cookie).collect(),
        }
    }

    fn add_ticket(&mut self, ticket: EndedTicket) -> bool {
        if ticket.expires_ms <= self.all_until.0 || self.tickets.contains_key(&ticket) {
            return false;
        }
        let number = self.learn(of_ticket(ticket));
        self.tickets.insert(ticket, number);
        if self.tickets.len() > TICKETS_MAX
            && let Some((first, _)) = self.tickets.first_key_value()
        {
            self.end_all_until(first.expires_ms);
        }
        true
    }

    fn end_all_until(&mut self, until_ms: u64) -> bool {
        let (before_ms, _) = self.all_until;
        if until_ms <= before_ms {
            return false;
        }
        if before_ms > 0 {
            self.forget(of_time(before_ms));
        }
        self.all_until = (until_ms, self.learn(of_time(until_ms)));
        while let Some(first) = self.tickets.first_entry()
            && first.key().expires_ms <= until_ms
        {
            let (ticket, _) = first.remove_entry();
            self.forget(of_ticket(ticket));
        }
        true
    }

    fn add_cookie(&mut self, cookie: EndedCookie) -> bool {
        self.newest_ms = self.newest_ms.max(cookie.ended_ms);
        if let Some((known, _)) = self.cookies.get(&cookie.hash).copied() {
            if rank(known) >= rank(cookie) {
                return false;
            }
            self.remove(known);
        }
        let order = &mut self.in_order[usize::from(cookie.admitted)];
        order.insert((cookie.ended_ms, cookie.hash));
        let number = self.learn(of_cookie(cookie));
        self.cookies.insert(cookie.hash, (cookie, number));
        self.forget_oldest(cookie.admitted);
        true
    }

    fn forget_oldest(&mut self, admitted: bool) {
        let order = &self.in_order[usize::from(admitted)];
        if order.len() > COOKIES_MAX
            && let Some((_, hash)) = order.first()
            && let Some((oldest, _)) = self.cookies.get(hash).copied()
        {
            self.remove(oldest);
        }
    }

    fn remove(&mut self, cookie: EndedCookie) {
        self.cookies.remove(&cookie.hash);
        self.in_order[usize::from(cookie.admitted)].remove(&(cookie.ended_ms, cookie.hash));
        self.forget(of_cookie(cookie));
    }

    /// The number of something that is learned now.
    fn learn(&mut self, checksum: u64) -> u64 {
        self.mark.number += 1;
        self.mark.digest = self.mark.digest.wrapping_add(checksum);
        self.mark.number
    }

    fn forget(&mut self, checksum: u64) {
        self.mark.digest = self.mark.digest.wrapping_sub(checksum);
    }
}

/// Which of two reports about one cookie counts.
fn rank(cookie: EndedCookie) -> (bool, u64) {
    (cookie.admitted, cookie.ended_ms)
}

fn of_ticket(ticket: EndedTicket) -> u64 {
    checksum([1, ticket.expires_ms, ticket.number])
}

fn of_time(all_until_ms: u64) -> u64 {
    checksum([2, all_until_ms, 0])
}

fn of_cookie(cookie: EndedCookie) -> u64 {
    checksum([3 + u64::from(cookie.admitted), cookie.ended_ms, cookie.hash])
}

/// The same on every machine. Mixes as `SplitMix64` does (Steele, Lea and Flood, OOPSLA 2014), so that sums of checksums tell sets apart.
fn checksum(numbers: [u64; 3]) -> u64 {
    numbers.into_iter().fold(0, |sum, number| {
        let mixed = (sum ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticket(number: u64) -> EndedTicket {
        EndedTicket {
            expires_ms: number,
            number,
        }
    }

    fn cookie(hash: u64, ended_ms: u64, admitted: bool) -> EndedCookie {
        EndedCookie {
            hash,
            ended_ms,
            admitted,
        }
    }

    fn of(tickets: Vec<EndedTicket>, cookies: Vec<EndedCookie>) -> SignOuts {
        SignOuts {
            tickets,
            all_until_ms: 0,
            cookies,
        }
    }

    #[test]
    fn what_was_learned_after_a_number_is_told_once() {
        let mut kept = Remembered::default();
        let first = of(vec![ticket(1)], vec![cookie(1, 5, false)]);
        assert_eq!(kept.add(first.clone()), first);
        let read = kept.mark();
        assert!(kept.add(first).is_empty());
        assert_eq!(kept.mark(), read);
        assert!(kept.since(read.number).is_empty());
        let later = of(vec![ticket(2)], vec![cookie(1, 5, true)]);
        assert_eq!(
            kept.add(later.clone()),
            later,
            "that it admitted somebody is news"
        );
        assert!(kept.add(of(Vec::new(), vec![cookie(1, 9, false)])).is_empty());
        assert_eq!(kept.since(read.number), later);
        assert_eq!(kept.since(0), of(vec![ticket(1), ticket(2)], later.cookies));
    }

    #[test]
    fn junk_does_not_push_out_a_sign_out_and_what_is_too_old_is_news_all_the_same() {
        let mut kept = Remembered::default();
        kept.add(of(vec![ticket(1)], vec![cookie(0, 1, true), cookie(1, 1, false)]));
        let junk = |number| cookie(10 + number, 10 + number, false);
        for number in 0..2 * COOKIES_MAX as u64 {
            kept.add(of(Vec::new(), vec![junk(number)]));
        }
        let told = kept.since(0);
        assert_eq!(told.cookies.len(), 1 + COOKIES_MAX);
        assert!(told.cookies.contains(&cookie(0, 1, true)));
        assert!(!told.cookies.contains(&cookie(1, 1, false)));
        assert_eq!(told.tickets, [ticket(1)]);
        let late = of(Vec::new(), vec![cookie(2, 2, false)]);
        assert_eq!(kept.add(late.clone()), late);
        assert!(!kept.since(0).cookies.contains(&late.cookies[0]));
    }

    /// Two servers whose clocks differ.
    #[test]
    fn what_is_ended_now_is_newer_than_all_that_is_known() {
        let mut kept = Remembered::default();
        assert_eq!(kept.time(7), 7);
        kept.add(of(Vec::new(), vec![cookie(1, 90, false)]));
        assert_eq!((kept.time(7), kept.time(200)), (91, 200));
        kept.add(of(Vec::new(), vec![cookie(1, TIME_MS_MAX, false)]));
        assert_eq!(kept.time(7), TIME_MS_MAX);
    }

    #[test]
    fn of_too_many_tickets_the_first_to_end_are_ended_all_together() {
        let mut kept = Remembered::default();
        let most = TICKETS_MAX as u64;
        kept.add(of((1..=most).map(ticket).collect(), Vec::new()));
        assert_eq!(kept.since(0).all_until_ms, 0);
        let read = kept.mark().number;
        kept.add(of((most + 1..=most + 3).map(ticket).collect(), Vec::new()));
        let told = kept.since(read);
        assert_eq!((told.tickets.len(), told.all_until_ms), (3, 3));
        assert_eq!(kept.since(0).tickets.len(), TICKETS_MAX);
        let mut other = Remembered::default();
        other.add(of(vec![ticket(2)], Vec::new()));
        other.add(kept.since(0));
        assert_eq!(other.mark().digest, kept.mark().digest);
        assert!(
            other.add(of(vec![ticket(3)], Vec::new())).is_empty(),
            "it is ended"
        );
    }

    /// Sign-outs of few tickets and cookies, so that many concern the same.
    fn some() -> impl Strategy<Value = Vec<SignOuts>> {
        let tickets = prop::collection::vec((0_u64..6).prop_map(ticket), 0..3);
        let cookies = prop::collection::vec((0_u64..5, 0_u64..5, any::<bool>()), 0..4);
        let one = (tickets, cookies, 0_u64..3).prop_map(|(tickets, cookies, all_until_ms)| SignOuts {
            tickets,
            all_until_ms,
            cookies: cookies
                .into_iter()
                .map(|(hash, ended_ms, admitted)| cookie(hash, ended_ms, admitted))
                .collect(),
        });
        prop::collection::vec(one, 0..12)
    }

    proptest! {
        /// In any order, repeated or handed on by another node.
        #[test]
        fn nodes_that_learned_the_same_remember_the_same(told in some(), read in 0_usize..12) {
            let [mut one, mut two, mut three] = [(); 3].map(|()| Remembered::default());
            for (at, sign_outs) in told.iter().enumerate() {
                one.add(sign_outs.clone());
                if at == read {
                    three.add(one.since(0));
                }
            }
            let number = if read < told.len() { one.mark().number } else { 0 };
            for sign_outs in told.iter().rev().chain(&told) {
                two.add(sign_outs.clone());
            }
            prop_assert_eq!(one.mark().digest, two.mark().digest);
            three.add(one.since(0));
            prop_assert_eq!(one.mark().digest, three.mark().digest);
            prop_assert!(one.since(number).is_empty() || number < one.mark().number);
            let empty = Remembered::default();
            prop_assert_eq!(one.mark().digest == empty.mark().digest, one.since(0).is_empty());
        }
    }
}
