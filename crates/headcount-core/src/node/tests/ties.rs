//! A tab that opens at two nodes: one of the connections stays, whatever becomes of the messages about them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const TAB: u64 = 77;

/// What becomes of the messages about moves, in the order in which they are sent. Later ones take 1 ms.
#[derive(Clone, Copy, Debug)]
struct Fate {
    /// How long each copy takes; none: it is lost.
    copies_ms: [Option<u64>; 2],
}

/// Two nodes whose clocks began at different moments. Heartbeats take 1 to 5 ms.
struct Two {
    nodes: [Node; 2],
    began_ms: [u64; 2],
    now_ms: u64,
    /// By the moment of arrival.
    under_way: BTreeMap<(u64, u64), (usize, Message)>,
    sent: u64,
    fates: std::vec::IntoIter<Fate>,
    /// Which node has a connection of the tab.
    holds: [bool; 2],
}

impl Two {
    fn new(ids: [u32; 2], began_ms: [u64; 2], fates: Vec<Fate>) -> Self {
        let mut two = Self {
            nodes: [0, 1].map(|one| node(NodeId(ids[one]), began_ms[one])),
            began_ms,
            now_ms: 0,
            under_way: BTreeMap::new(),
            sent: 0,
            fates: fates.into_iter(),
            holds: [false; 2],
        };
        two.run_until(3_000);
        two
    }

    fn opens(&mut self, one: usize) {
        self.holds[one] = true;
        let clock = self.began_ms[one] + self.now_ms;
        self.nodes[one].came(TAB, Arc::default(), clock);
        self.act(one);
    }

    fn run_until(&mut self, end_ms: u64) {
        loop {
            let looks = [0, 1].map(|one| self.nodes[one].next_look_ms() - self.began_ms[one]);
            let arrives = self.under_way.first_key_value().map(|((at_ms, _), _)| *at_ms);
            let next_ms = looks.into_iter().chain(arrives).min().unwrap();
            if next_ms > end_ms {
                break;
            }
            self.now_ms = self.now_ms.max(next_ms);
            while let Some(first) = self.under_way.first_entry() {
                if first.key().0 > self.now_ms {
                    break;
                }
                let (to, message) = first.remove();
                let (from, clock) = (self.nodes[1 - to].id(), self.began_ms[to] + self.now_ms);
                self.nodes[to].hear(from, message, clock);
                self.act(to);
            }
            for one in [0, 1] {
                self.nodes[one].look(self.began_ms[one] + self.now_ms);
                self.act(one);
            }
        }
        self.now_ms = end_ms;
    }

    fn act(&mut self, one: usize) {
        while let Some(action) = self.nodes[one].next_action() {
            match action {
                Action::Send { message, .. } => self.send(one, &message),
                Action::LetGo { tabs, .. } => {
                    assert!(tabs.iter().all(|moved| moved.tab == TAB));
                    self.holds[one] = false;
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, from: usize, message: &Message) {
        let copies_ms = if matches!(message, Message::Moved { .. }) {
            let usual = Fate {
                copies_ms: [Some(1), None],
            };
            self.fates.next().unwrap_or(usual).copies_ms
        } else {
            [Some(1 + self.now_ms % 5), None]
        };
        for takes_ms in copies_ms.into_iter().flatten() {
            self.sent += 1;
            let arrives = (self.now_ms + takes_ms, self.sent);
            self.under_way.insert(arrives, (1 - from, message.clone()));
        }
    }
}

fn a_fate() -> impl Strategy<Value = Fate> {
    let takes_ms = || prop_oneof![1_u64..6, 90_u64..110, 900_u64..1_100, 2_000_u64..3_000];
    let copy = || prop::option::of(takes_ms());
    [copy(), copy()].prop_map(|copies_ms| Fate { copies_ms })
}

fn a_start() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(3), Just(1 << 40), 0_u64..10_000_000]
}

proptest! {
    /// Regression: both connections were closed if both were opened within the time of a message.
    #[test]
    fn of_two_openings_at_one_time_one_stays(
        is_first_smaller: bool,
        starts in [a_start(), a_start()],
        gap_ms in 0_u64..30,
        // Of the three messages that are sent in any case when both have opened, one arrives at least.
        fates in prop::collection::vec(a_fate(), 4),
        arrives in 1_usize..4,
    ) {
        let ids = if is_first_smaller { [1, 2] } else { [2, 1] };
        let mut fates = fates;
        fates[arrives].copies_ms[0].get_or_insert(1);
        let mut two = Two::new(ids, starts, fates);
        two.opens(0);
        two.run_until(3_000 + gap_ms);
        two.opens(1);
        two.run_until(12_000);
        prop_assert_ne!(two.holds[0], two.holds[1]);
        // Heartbeats take 5 ms at the most: what is further apart has an order.
        prop_assert!(gap_ms <= 6 || two.holds[1], "the later one");
        // It stays so, and is not told without end.
        let (holds, sent) = (two.holds, two.sent);
        two.run_until(22_000);
        prop_assert_eq!(two.holds, holds);
        prop_assert_eq!(two.sent - sent, 20, "heartbeats");
    }

    /// Nodes that have said nothing but who they are, and of which one does not know it of the other.
    #[test]
    fn the_later_opening_stays_at_nodes_that_have_just_met(
        starts in [a_start(), a_start()],
        unheard in 0_usize..2,
        takes_ms in 1_u64..500,
    ) {
        let mut two = Two::new([1, 2], starts, Vec::new());
        // Its memory of the time that all have begins with what it hears next.
        two.nodes[unheard].order = Order::default();
        two.nodes[unheard].clocks = Clocks::default();
        two.fates = vec![Fate { copies_ms: [Some(takes_ms), None] }; 4].into_iter();
        two.opens(0);
        two.run_until(3_700);
        two.opens(1);
        two.run_until(12_000);
        prop_assert_eq!(two.holds, [false, true]);
    }
}
