//! What a node does about what it hears.

use super::{Action, Node};
use crate::cluster::{
    Absent, Errand, Heard, Heartbeat, Message, NodeAnswer, NodeQuestion, Relay, RequestId, To,
};
use crate::connection::NodeId;
use crate::stats::{Incarnation, Report, Stamp};

impl Node {
    /// Takes in what another node said.
    pub fn hear(&mut self, from: NodeId, message: Message, now_ms: u64) {
        // What was heard before a long pause is forgotten before anything new counts.
        self.look(now_ms);
        if from == self.here {
            self.hear_itself(&message);
            return;
        }
        match message {
            Message::Heartbeat {
                heartbeat,
                last,
                sent_ms,
            } => self.hear_heartbeat(from, heartbeat, (last, sent_ms), now_ms),
            Message::Goodbye { incarnation } => self.hear_goodbye(from, incarnation, now_ms),
            _ if !self.members.knows(from) => self.ignored.strangers += 1,
            Message::Report(report) => self.hear_report(from, report, now_ms),
            Message::Versions {
                number,
                holds_ms,
                counts,
            } => {
                let until_ms = now_ms + u64::from(holds_ms);
                let is_new = self.versions.hear(from, number, until_ms, counts);
                self.ignored.repeated += u64::from(!is_new);
            }
            Message::WantWhole => self.wants.hear(from, now_ms),
            Message::Ask {
                request,
                within_ms,
                question,
            } => self.hear_ask(from, (request, within_ms), question, now_ms),
            Message::Answer {
                request,
                answer: NodeAnswer::SignOuts { number, ended },
            } => self.hear_sign_outs(from, request, (number, ended), now_ms),
            Message::Answer { request, answer } => {
                self.asks.answered(from, request, answer);
            }
            Message::Relay {
                request,
                within_ms,
                relay,
            } => self.hear_relay(from, (request, within_ms), relay),
            Message::Relayed { request, taken } => {
                self.asks.relayed(from, request, taken);
            }
            Message::Moved {
                sent_ms,
                ahead_ms,
                tabs,
            } => self.hear_moved(from, (sent_ms, ahead_ms), tabs, now_ms),
            Message::Books { tabs } => self.actions.push_back(Action::TakeOver { tabs }),
            Message::Tap(message) => self.hear_tap(from, message, now_ms),
        }
        self.actions.extend(self.asks.take_ended());
        self.follow_watchers();
    }

    /// A message with the id of this node: an echo, or of another node with that id.
    fn hear_itself(&mut self, message: &Message) {
        match message {
            Message::Heartbeat {
                heartbeat, sent_ms, ..
            } if !self.echo.is_own(heartbeat.number, *sent_ms) => {
                self.actions.push_back(Action::Double);
            }
            _ => self.ignored.echoes += 1,
        }
    }

    fn hear_heartbeat(
        &mut self,
        from: NodeId,
        heartbeat: Heartbeat,
        (last, sent_ms): (Stamp, u64),
        now_ms: u64,
    ) {
        let unix_ms = heartbeat.unix_ms;
        let knows_taps = heartbeat.bridges.is_some();
        match self.members.hear(from, heartbeat, now_ms) {
            Heard::New => {
                self.actions.push_back(Action::Joined(from));
                // So a node that starts knows the others at once.
                self.say_heartbeat(To::Node(from), now_ms);
                if knows_taps {
                    self.tap_joined(from, now_ms);
                }
                self.send_versions(To::Node(from), now_ms);
            }
            Heard::Known => {}
            Heard::Late | Heard::Double => return,
            Heard::Full => {
                self.ignored.full += 1;
                return;
            }
        }
        self.note_clock(from, (sent_ms, 0), now_ms);
        self.wall_clocks
            .hear(from, unix_ms, self.clocks.here_ms(from, sent_ms));
        self.counting.heartbeat(from, last);
        self.follow_bridges(now_ms);
        self.want(now_ms);
        self.catch_up(now_ms);
    }

    fn hear_goodbye(&mut self, from: NodeId, incarnation: Incarnation, now_ms: u64) {
        let known = self.members.leave(from);
        self.counting.leave(from, incarnation);
        self.versions.forget(from);
        self.forget(from, Absent::Ended);
        self.seen.forget(from);
        self.bridges.seen.forget(from);
        self.signed_out.readings.forget(from);
        if known {
            self.actions.push_back(Action::Left(from));
            self.follow_bridges(now_ms);
        }
    }

    fn hear_report(&mut self, from: NodeId, report: Report, now_ms: u64) {
        if !self.counting.hear(from, report) {
            self.ignored.reports += 1;
        }
        self.want(now_ms);
    }

    fn hear_ask(
        &mut self,
        from: NodeId,
        (request, within_ms): (RequestId, u32),
        question: NodeQuestion,
        now_ms: u64,
    ) {
        if !self.seen.is_new(from, request) {
            self.ignored.repeated += 1;
        } else if question == NodeQuestion::Unknown {
            self.answer(from, request, NodeAnswer::Unable);
        } else {
            self.put(from, request, within_ms, question, now_ms);
        }
    }

    fn hear_relay(&mut self, from: NodeId, (request, within_ms): (RequestId, u32), relay: Relay) {
        if !self.seen.is_new(from, request) {
            self.ignored.repeated += 1;
        } else if relay.errand == Errand::Unknown {
            self.relayed(from, request, false);
        } else {
            self.actions.push_back(Action::Relay {
                from,
                request,
                within_ms,
                relay,
            });
        }
    }

    /// Nothing is heard of a node any more.
    pub(super) fn lose(&mut self, node: NodeId, heard_ms: u64) {
        self.counting.lose(node);
        self.forget(node, Absent::Lost);
        self.actions.push_back(Action::Lost { node, heard_ms });
    }

    fn forget(&mut self, node: NodeId, why: Absent) {
        self.wants.forget(node);
        self.clocks.forget(node);
        self.wall_clocks.forget(node);
        self.later.forget(node);
        self.asks.lose(node, why);
        self.untap_lost(node);
    }
}
