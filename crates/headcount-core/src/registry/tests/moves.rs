//! A tab between the tables of two servers: wherever it goes, the books of both together are those of one table.

use super::*;
use crate::registry::RuleOutcomes;

const TAB: u64 = 7;
/// The number of the only rule.
const RULE: u32 = 9;

struct Two {
    tables: [Registry<()>; 2],
}

impl Two {
    fn new() -> Self {
        let mut standing = Standing::new(released(&["v1", "v2"]));
        let pattern = RoutePattern::exact("/", &Limits::default()).unwrap();
        standing.add(outdated_rule(pattern), 64);
        let table = || Registry::new(0, true, &Limits::default(), Arc::new(standing.clone()));
        Self {
            tables: [table(), table()],
        }
    }

    /// The tab opens a connection at this server, which tells the other one. Its slot.
    fn open(&mut self, at: usize, resumes: Option<&[u32]>, reloaded: &[u32]) -> u32 {
        self.tables[at].note_reloaded(Some(TAB), reloaded);
        let opening = Opening {
            version: "v1",
            route: "/",
            tab: Some(TAB),
            since: resumes.map(|_| 2),
            told: resumes.unwrap_or_default(),
            ..Opening::default()
        };
        self.tables[at].open(&opening, ()).slot
    }

    fn tell(&mut self, at: usize, slot: u32) {
        self.tables[at].note_matched(0);
        self.tables[at].note_told(slot, 0);
    }

    /// The other server has heard of it: the books come over.
    fn move_to(&mut self, at: usize, reloaded: &[u32]) {
        let before = &mut self.tables[1 - at];
        if let Some(slot) = before.slot_of_tab(TAB) {
            before.close(slot);
        }
        let ids = before.hand_over(TAB, reloaded);
        self.tables[at].take_over(TAB, &ids);
    }

    fn book(&self) -> [u64; 5] {
        let of = |table: &Registry<()>| table.outcomes(&[0; 64]);
        let sum: RuleOutcomes = self.tables.iter().map(of).sum();
        let book = sum.of(RULE);
        [book.matched, book.told, book.reloaded, book.here, book.gone()]
    }
}

#[test]
fn a_tab_that_reloads_to_another_server_has_reloaded() {
    let mut two = Two::new();
    let slot = two.open(0, None, &[]);
    two.tell(0, slot);
    two.tables[0].close(slot);
    assert_eq!(two.book(), [1, 1, 0, 0, 1]);
    two.open(1, None, &[RULE]);
    two.move_to(1, &[RULE]);
    assert_eq!(two.book(), [1, 1, 1, 0, 0]);
    // It is believed once.
    two.move_to(1, &[RULE]);
    two.move_to(0, &[RULE]);
    assert_eq!(two.book(), [1, 1, 1, 0, 0]);
}

#[test]
fn a_tab_that_reconnects_to_another_server_is_told_once() {
    for was_noticed in [true, false] {
        let mut two = Two::new();
        let slot = two.open(0, None, &[]);
        two.tell(0, slot);
        if was_noticed {
            two.tables[0].close(slot);
        }
        let slot = two.open(1, Some(&[RULE]), &[]);
        two.move_to(1, &[]);
        assert_eq!(two.book(), [1, 1, 0, 1, 0]);
        two.tables[1].close(slot);
        assert_eq!(two.book(), [1, 1, 0, 0, 1]);
        // And back again, after the reload.
        two.open(0, None, &[RULE]);
        two.move_to(0, &[RULE]);
        assert_eq!(two.book(), [1, 1, 1, 0, 0]);
    }
}

#[test]
fn a_tab_that_did_not_read_what_it_was_told_is_told_again_and_counts_once() {
    for told_first in [true, false] {
        let mut two = Two::new();
        let slot = two.open(0, None, &[]);
        two.tell(0, slot);
        two.tables[0].close(slot);
        let slot = two.open(1, None, &[]);
        if told_first {
            two.tell(1, slot);
            two.move_to(1, &[]);
        } else {
            two.move_to(1, &[]);
            two.tell(1, slot);
        }
        assert_eq!(two.book(), [1, 1, 0, 1, 0]);
    }
}

#[test]
fn a_tab_that_comes_back_without_a_reload_stays_gone() {
    let mut two = Two::new();
    let slot = two.open(0, None, &[]);
    two.tell(0, slot);
    two.tables[0].close(slot);
    two.open(1, None, &[]);
    two.move_to(1, &[]);
    assert_eq!(two.book(), [1, 1, 0, 0, 1]);
    // Until it reloads, at whichever server.
    two.open(0, None, &[RULE]);
    two.move_to(0, &[RULE]);
    assert_eq!(two.book(), [1, 1, 1, 0, 0]);
}
