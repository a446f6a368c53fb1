//! Questions and relays: each is done once, and always answered.

use super::*;
use crate::cluster::{
    Absent, Errand, Hits, NodeAnswer, NodeAnswers, NodeQuestion, Relay, RelayOutcome, RequestId,
};
use crate::connection::ConnectionKey;

const COUNTS: NodeQuestion = NodeQuestion::Counts;

fn relay() -> Relay {
    Relay {
        connection: ConnectionKey {
            shard: 0,
            slot: 3,
            generation: 1,
        },
        errand: Errand::Alive,
    }
}

impl World {
    fn ask(&mut self, whom: Whom, question: NodeQuestion) -> RequestId {
        let now_ms = self.now_ms;
        let request = self.node(1).ask(whom, question, 1_000, now_ms);
        self.carry();
        request
    }

    /// The questions that a node is to answer.
    fn asked(&mut self, id: u32) -> Vec<(NodeId, RequestId, NodeQuestion)> {
        let asked = |action| match action {
            Action::Asked {
                from,
                request,
                question,
                ..
            } => Some((from, request, question)),
            _ => None,
        };
        self.done(id).into_iter().filter_map(asked).collect()
    }

    /// Lets a node answer what it counts, if it is asked.
    fn answer_counts(&mut self, id: u32) {
        for (from, request, question) in self.asked(id) {
            assert_eq!(question, COUNTS);
            let node = self.node(id);
            let answer = NodeAnswer::Counts(node.counts());
            node.answer(from, request, answer);
        }
        self.carry();
    }

    fn answers(&mut self, expected: RequestId) -> Option<NodeAnswers> {
        self.done(1).into_iter().find_map(|action| match action {
            Action::Answered { request, answers } if request == expected => Some(answers),
            _ => None,
        })
    }

    fn pass_on(&mut self, node: NodeId) -> RequestId {
        let now_ms = self.now_ms;
        let request = self.node(1).relay(node, relay(), 1_000, now_ms);
        self.carry();
        request
    }

    fn outcome(&mut self, expected: RequestId) -> Option<RelayOutcome> {
        self.done(1).into_iter().find_map(|action| match action {
            Action::Relayed { request, outcome } if request == expected => Some(outcome),
            _ => None,
        })
    }
}

#[test]
fn all_nodes_are_asked_and_their_counts_add_up() {
    let mut world = World::new(3);
    for id in 1..=3 {
        world.count(id, id.into());
    }
    let request = world.ask(Whom::All, COUNTS);
    world.answer_counts(2);
    world.answer_counts(1);
    assert_eq!(world.answers(request), None);
    world.answer_counts(3);
    let answers = world.answers(request).unwrap();
    assert_eq!((answers.answered(), answers.of()), (3, 3));
    assert_eq!(answers.counts().total(), 6);
}

#[test]
fn one_node_is_asked_and_it_may_be_this_one() {
    let mut world = World::new(3);
    world.done.clear();
    for id in [3, 1] {
        let request = world.ask(Whom::Node(NodeId(id)), COUNTS);
        if id == 3 {
            assert_eq!(world.asked(2), []);
        }
        world.answer_counts(id);
        let answers = world.answers(request).unwrap();
        assert_eq!((answers.answered[0].0, answers.of()), (NodeId(id), 1));
    }
    let request = world.ask(Whom::Node(NodeId(77)), COUNTS);
    let missing = [(NodeId(77), Absent::Lost)];
    assert_eq!(world.answers(request).unwrap().missing, missing);
}

/// Regression: a question that was lost, because a node had not yet come back to its broker, held up its asker for the whole time.
#[test]
fn a_question_that_is_lost_is_put_again_and_so_is_one_whose_answer_is() {
    for loses in [
        (|message: &Message| matches!(message, Message::Ask { .. })) as fn(&Message) -> bool,
        |message| matches!(message, Message::Answer { .. }),
    ] {
        let mut world = World::new(3);
        let now_ms = world.now_ms;
        world.loses = loses;
        let request = world.node(1).ask(Whom::All, COUNTS, 10_000, now_ms);
        world.carry();
        for id in 1..=3 {
            world.answer_counts(id);
        }
        world.pass(900);
        assert_eq!(world.answers(request), None);
        world.loses = |_| false;
        world.pass(200);
        assert_eq!(world.asked(1), [], "its own answer was not lost");
        for id in 2..=3 {
            world.answer_counts(id);
        }
        assert_eq!(world.answers(request).unwrap().answered(), 3);
        world.pass(20_000);
        assert!(world.asked(2).is_empty() && world.asked(3).is_empty());
    }
}

#[test]
fn a_node_that_does_not_answer_is_asked_less_and_less_often() {
    let mut world = World::new(2);
    let now_ms = world.now_ms;
    let request = world.node(1).ask(Whom::All, COUNTS, 10_000, now_ms);
    world.pass(9_999);
    assert_eq!(world.asked(2).len(), 1 + 3, "after one, three and seven seconds");
    world.pass(1);
    let missing = [(NodeId(1), Absent::Late), (NodeId(2), Absent::Late)];
    assert_eq!(world.answers(request).unwrap().missing, missing);
}

#[test]
fn what_is_missing_is_said_with_the_reason() {
    let mut world = World::new(6);
    let request = world.ask(Whom::All, COUNTS);
    world.answer_counts(1);
    world.answer_counts(2);
    let (from, number, _) = world.asked(3)[0].clone();
    world.node(3).answer(from, number, NodeAnswer::Unable);
    world.node(4).goodbye();
    world.carry();
    world.pass(999);
    assert_eq!(world.answers(request), None);
    world.pass(1);
    let answers = world.answers(request).unwrap();
    assert_eq!((answers.answered(), answers.of()), (2, 5));
    let expected = [
        (NodeId(3), Absent::Unable),
        (NodeId(4), Absent::Ended),
        (NodeId(5), Absent::Late),
        (NodeId(6), Absent::Late),
    ];
    assert_eq!(answers.missing, expected);
    world.answer_counts(5);
    assert_eq!(world.answers(request), None, "it is over");

    let now_ms = world.now_ms;
    let request = world.node(1).ask(Whom::Node(NodeId(6)), COUNTS, 60_000, now_ms);
    world.cut_off.insert(NodeId(6));
    world.pass(5_000);
    let missing = [(NodeId(6), Absent::Lost)];
    assert_eq!(world.answers(request).unwrap().missing, missing);
}

#[test]
fn a_question_that_a_node_does_not_know_is_answered_by_that() {
    let mut world = World::new(2);
    let request = world.ask(Whom::Node(NodeId(2)), NodeQuestion::Unknown);
    let missing = [(NodeId(2), Absent::Unable)];
    assert_eq!(world.answers(request).unwrap().missing, missing);
    let now_ms = world.now_ms;
    let unknown = Relay {
        errand: Errand::Unknown,
        ..relay()
    };
    let request = world.node(1).relay(NodeId(2), unknown, 1_000, now_ms);
    world.carry();
    assert_eq!(world.outcome(request), Some(RelayOutcome::NotTaken));
}

#[test]
fn a_question_about_an_entry_waits_until_that_is_read() {
    let mut world = World::new(3);
    world.done.clear();
    world.node(1).set_read(LogIndex(5));
    world.node(2).set_read(LogIndex(4));
    let index = LogIndex(5);
    let request = world.ask(Whom::All, NodeQuestion::Hits { index });
    assert_eq!((world.asked(1).len(), world.asked(2).len()), (1, 0));
    world
        .node(1)
        .answer(NodeId(1), request, NodeAnswer::Hits(Hits::default()));
    world.node(2).set_read(LogIndex(6));
    world.carry();
    let (from, number, _) = world.asked(2)[0].clone();
    assert_eq!((from, number), (NodeId(1), request));
    world
        .node(2)
        .answer(from, number, NodeAnswer::Hits(Hits::default()));
    world.carry();
    world.pass(1_000);
    let answers = world.answers(request).unwrap();
    assert_eq!((answers.answered(), answers.of()), (2, 3));
    world.node(3).set_read(LogIndex(6));
    world.carry();
    assert_eq!(world.asked(3), [], "nobody waits any more");
}

#[test]
fn a_node_that_reads_no_more_lets_no_question_wait() {
    let mut world = World::new(2);
    world.node(1).set_read(LogIndex(9));
    world.done.clear();
    world.ask(Whom::All, NodeQuestion::Hits { index: LogIndex(8) });
    assert_eq!(world.asked(2), []);
    world.node(2).set_reads_no_more();
    world.carry();
    assert_eq!(world.asked(2).len(), 1);
    world.ask(Whom::All, NodeQuestion::Hits { index: LogIndex(9) });
    assert_eq!(world.asked(2).len(), 1, "the next one, at once");
}

#[test]
fn a_relay_is_done_once_and_what_became_of_it_is_said() {
    let mut world = World::new(2);
    for (taken, outcome) in [(true, RelayOutcome::Taken), (false, RelayOutcome::NotTaken)] {
        world.done.clear();
        let request = world.pass_on(NodeId(2));
        let again = world.sent.last().unwrap().2.clone();
        let now_ms = world.now_ms;
        world.node(2).hear(NodeId(1), again, now_ms);
        world.carry();
        let expected = Action::Relay {
            from: NodeId(1),
            request,
            within_ms: 1_000,
            relay: relay(),
        };
        assert_eq!(world.done(2), [expected], "once");
        world.node(2).relayed(NodeId(1), request, taken);
        world.carry();
        assert_eq!(world.outcome(request), Some(outcome));
    }
    assert_eq!(world.node(2).ignored().repeated, 2);
    let late = world.pass_on(NodeId(2));
    world.pass(1_000);
    assert_eq!(world.outcome(late), Some(RelayOutcome::Late));
    let gone = world.pass_on(NodeId(9));
    assert_eq!(world.outcome(gone), Some(RelayOutcome::Gone));
}

#[test]
fn answers_of_others_do_not_count() {
    let mut world = World::new(3);
    let asked = world.ask(Whom::Node(NodeId(2)), COUNTS);
    let relayed = world.pass_on(NodeId(2));
    world.node(3).answer(NodeId(1), asked, NodeAnswer::Unable);
    world.node(3).relayed(NodeId(1), relayed, true);
    world.node(2).answer(NodeId(1), relayed, NodeAnswer::Unable);
    world.node(2).relayed(NodeId(1), asked, true);
    world.carry();
    assert_eq!(world.answers(asked), None);
    world.pass(1_000);
    assert_eq!(world.outcome(relayed), Some(RelayOutcome::Late));
}

#[test]
fn what_waits_is_bounded_and_the_first_to_end_makes_room() {
    let mut world = World::new(2);
    world.done.clear();
    let first = world.node(1).relay(NodeId(2), relay(), 1_000, 0);
    for _ in 0..65_536 {
        world.node(1).relay(NodeId(2), relay(), 2_000, 0);
    }
    let mut ended = Vec::new();
    while let Some(action) = world.node(1).next_action() {
        if let Action::Relayed { request, outcome } = action {
            ended.push((request, outcome));
        }
    }
    assert_eq!(ended, [(first, RelayOutcome::Late)]);

    for index in 1..=1_000 {
        let question = NodeQuestion::Hits {
            index: LogIndex(index),
        };
        world.node(1).ask(Whom::Node(NodeId(1)), question, 5_000, 0);
    }
    world.node(1).set_read(LogIndex(1_000));
    let mut asked = 0;
    while let Some(action) = world.node(1).next_action() {
        asked += u32::from(matches!(action, Action::Asked { .. }));
    }
    assert_eq!(asked, 256);
}
