//! Sign-outs: at once at all nodes, and at those that missed one as soon as they are heard again.

use super::*;
use crate::cluster::{Absent, EndedCookie, EndedTicket, NodeAnswer, NodeAnswers, NodeQuestion, RequestId};
use crate::node::untold::{FLUSH_MS, WAITING_MAX};

fn cookies(hashes: impl IntoIterator<Item = u64>) -> SignOuts {
    let cookie = |hash| EndedCookie {
        hash,
        ended_ms: 0,
        admitted: false,
    };
    SignOuts {
        cookies: hashes.into_iter().map(cookie).collect(),
        ..SignOuts::default()
    }
}

fn ticket(number: u64) -> SignOuts {
    SignOuts {
        tickets: vec![EndedTicket {
            expires_ms: 9,
            number,
        }],
        ..SignOuts::default()
    }
}

impl World {
    fn end(&mut self, id: u32, ended: SignOuts) {
        let now_ms = self.now_ms;
        self.node(id).sign_out(ended, 1_000, (1_795_320_200_000, now_ms));
        self.carry();
    }

    /// What a node was told to end since the last call: numbers of tickets, and hashes of cookies.
    fn ended(&mut self, id: u32) -> (Vec<u64>, Vec<u64>) {
        let (mut tickets, mut cookies) = (Vec::new(), Vec::new());
        for action in self.done(id) {
            if let Action::SignOut(ended) = action {
                tickets.extend(ended.tickets.iter().map(|ticket| ticket.number));
                cookies.extend(ended.cookies.iter().map(|cookie| cookie.hash));
            }
        }
        (tickets, cookies)
    }

    /// The answers to the questions by which a node told of sign-outs.
    fn told(&mut self, id: u32) -> Vec<NodeAnswers> {
        let mut telling: Vec<RequestId> = Vec::new();
        let mut told = Vec::new();
        for action in self.done(id) {
            match action {
                Action::Telling(request) => telling.push(request),
                Action::Answered { request, answers } if telling.contains(&request) => told.push(answers),
                _ => {}
            }
        }
        told
    }

    fn asked_since(&mut self) -> usize {
        let said = self.said();
        let is_ask = |message: &&Message| {
            matches!(
                message,
                Message::Ask {
                    question: NodeQuestion::SignOutsSince { .. },
                    ..
                }
            )
        };
        said.iter().filter(is_ask).count()
    }

    fn assert_all_know_the_same(&mut self) {
        let digests: BTreeSet<u64> = self
            .nodes
            .iter()
            .map(|node| node.sign_out_mark().digest)
            .collect();
        assert_eq!(digests.len(), 1);
    }
}

#[test]
fn a_sign_out_is_at_all_nodes_before_it_is_answered_and_is_told_once() {
    let mut world = World::new(3);
    world.done.clear();
    world.end(1, ticket(7));
    for id in [2, 3] {
        assert_eq!(world.ended(id), (vec![7], vec![]));
    }
    let told = world.told(1);
    assert_eq!((told[0].answered(), told[0].of()), (3, 3));
    world.said();
    world.pass(10_000);
    assert_eq!(world.said(), [], "all know the same, and nobody asks");
    world.end(2, cookies([1, 2]));
    assert_eq!(world.ended(3), (vec![], vec![1, 2]));
    world.pass(10_000);
    assert_eq!(world.asked_since(), 0);
    world.assert_all_know_the_same();
}

#[test]
fn a_server_alone_has_told_all() {
    let mut world = World::new(1);
    world.end(1, ticket(7));
    let told = world.told(1);
    assert_eq!((told[0].answered(), told[0].of()), (1, 1));
}

#[test]
fn many_sign_outs_are_few_messages_and_each_is_answered() {
    let mut world = World::new(3);
    world.done.clear();
    world.said();
    for hash in 0..500 {
        world.end(1, cookies([hash]));
        world.pass(1);
    }
    world.pass(FLUSH_MS);
    let said = world.said();
    let asks = said
        .iter()
        .filter(|message| matches!(message, Message::Ask { .. }));
    assert_eq!(
        asks.count(),
        6,
        "one at once, and then one each tenth of a second"
    );
    assert_eq!(world.ended(3).1, (0..500).collect::<Vec<_>>());
    let told = world.told(1);
    assert!(told.iter().all(|answers| answers.answered() == 3), "{told:?}");
    assert_eq!(told.len(), 6);
    // So many do not wait.
    world.end(1, cookies([1_000]));
    world.end(1, cookies(2_000..2_000 + WAITING_MAX as u64));
    assert_eq!(world.told(1).len(), 2);
}

#[test]
fn an_answer_says_which_nodes_have_not_taken_a_sign_out_in() {
    let mut world = World::new(3);
    world.done.clear();
    world.cut_off.insert(NodeId(3));
    world.end(1, ticket(7));
    world.pass(1_000);
    let told = world.told(1);
    assert_eq!(told[0].missing, [(NodeId(3), Absent::Late)]);
    assert_eq!((told[0].answered(), told[0].of()), (2, 3));
}

#[test]
fn a_node_that_was_cut_off_learns_what_it_missed_also_of_a_node_that_is_gone() {
    let mut world = World::new(3);
    world.cut_off.insert(NodeId(3));
    world.pass(5_000);
    world.end(1, ticket(7));
    world.end(1, cookies([5]));
    world.pass(1_000);
    world.node(1).goodbye();
    world.pass(1_000);
    world.done.clear();
    world.cut_off = [NodeId(1)].into();
    world.pass(1_000);
    assert_eq!(world.ended(3), (vec![7], vec![5]));
    // And what it was told meanwhile.
    world.cut_off.insert(NodeId(3));
    world.end(3, cookies([6]));
    world.pass(5_000);
    world.cut_off.remove(&NodeId(3));
    world.pass(1_000);
    assert_eq!(world.ended(2), (vec![], vec![6]));
    world.said();
    world.pass(10_000);
    assert_eq!(world.said(), []);
}

#[test]
fn a_node_that_joins_later_asks_one_node_for_what_was_ended() {
    let mut world = World::new(4);
    world.end(1, ticket(7));
    world.end(2, cookies(0..100));
    world.pass(1_000);
    let now_ms = world.now_ms;
    world.nodes.push(node(NodeId(5), now_ms));
    world.said();
    world.done.clear();
    world.pass(1_000);
    let (tickets, mut hashes) = world.ended(5);
    hashes.sort_unstable();
    assert_eq!((tickets, hashes), (vec![7], (0..100).collect()));
    assert_eq!(world.asked_since(), 1);
    world.assert_all_know_the_same();
}

/// The question is lost, and its answer, and the node that has what others lack is silent to one that asks.
#[test]
fn what_is_lost_is_asked_for_again_and_a_node_that_does_not_answer_holds_up_nothing() {
    let mut world = World::new(3);
    world.done.clear();
    world.loses = |message| matches!(message, Message::Ask { .. });
    world.end(1, ticket(7));
    world.pass(3_000);
    assert_eq!(world.ended(2), (vec![], vec![]));
    world.loses = |message| matches!(message, Message::Answer { .. });
    world.pass(3_000);
    assert_eq!(world.ended(2), (vec![], vec![]));
    world.loses = |_| false;
    world.pass(4_000);
    assert_eq!(
        [world.ended(2), world.ended(3)],
        [(vec![7], vec![]), (vec![7], vec![])]
    );
}

#[test]
fn answers_that_nobody_asked_for_end_nothing() {
    let mut world = World::new(2);
    world.done.clear();
    let answer = NodeAnswer::SignOuts {
        number: 1,
        ended: ticket(7),
    };
    let request = RequestId(1);
    world
        .node(1)
        .hear(NodeId(2), Message::Answer { request, answer }, 0);
    world.carry();
    assert_eq!(world.ended(1), (vec![], vec![]));
}

/// A node that forgets, because there are too many, does not make the others ask for ever.
#[test]
fn sign_outs_that_are_forgotten_are_not_asked_for_again() {
    let mut world = World::new(3);
    for round in 0..3 {
        let from = round * 10_000;
        world.cut_off.insert(NodeId(3));
        world.end(1, cookies(from..from + 10_000));
        world.pass(5_000);
        world.cut_off.clear();
        world.end(3, cookies(100_000 + from..110_000 + from));
        world.pass(5_000);
    }
    world.said();
    world.pass(10_000);
    assert_eq!(world.said(), []);
    world.assert_all_know_the_same();
}

#[test]
fn a_node_that_ends_tells_first_what_waits() {
    let mut world = World::new(2);
    world.end(1, cookies([1]));
    world.end(1, cookies([2]));
    world.done.clear();
    world.node(1).goodbye();
    world.carry();
    assert_eq!(world.ended(2), (vec![], vec![2]));
}
