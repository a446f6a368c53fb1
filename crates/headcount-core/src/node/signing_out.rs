//! Sign-outs that hold at every node.
//!
//! A node that is told of one tells all others at once by a question, and says who has answered. Those that come within a tenth of a second of such a
//! question are told together by the next one, so that many of them are few messages.
//!
//! A message may be lost, and a node may be away. So each heartbeat says which sign-outs its node knows ([`SignOutMark`]). A node that knows
//! others, and has not read that far, asks for what came since it read.

use super::readings::ANSWER_MS;
use super::{Action, Node, Whom};
use crate::cluster::{Message, NodeAnswer, NodeQuestion, RequestId, SignOutMark, SignOuts, To};
use crate::connection::NodeId;

impl Node {
    /// Tells all other nodes of sign-outs that this one was told of, at once or soon. [`Action::Telling`] says by which question; its
    /// [`Action::Answered`] says which nodes have taken them in. Cookies count as ended now, `unix_ms` by the clock of the wall.
    pub fn sign_out(&mut self, mut ended: SignOuts, within_ms: u32, (unix_ms, now_ms): (u64, u64)) {
        let ended_ms = self.signed_out.remembered.time(unix_ms);
        for cookie in &mut ended.cookies {
            cookie.ended_ms = ended_ms;
        }
        self.signed_out.remembered.add(ended.clone());
        self.signed_out.untold.add(ended, within_ms);
        self.send_sign_outs(now_ms);
    }

    /// Tells what waits, if that is due.
    pub(super) fn send_sign_outs(&mut self, now_ms: u64) {
        let Some((ended, within_ms)) = self.signed_out.untold.take_due(now_ms) else {
            return;
        };
        // It comes before what the question leads to.
        let at = self.actions.len();
        let request = self.ask(Whom::All, NodeQuestion::SignOut(ended), within_ms, now_ms);
        self.actions.insert(at, Action::Telling(request));
    }

    /// Tells what waits, before this node says goodbye.
    pub(super) fn send_last_sign_outs(&mut self) {
        if let Some(due_ms) = self.signed_out.untold.next_ms() {
            self.send_sign_outs(due_ms);
        }
    }

    /// A node was told of sign-outs.
    pub(super) fn hear_sign_out(&mut self, from: NodeId, request: RequestId, ended: SignOuts) {
        self.take_in(ended);
        self.answer(from, request, NodeAnswer::SignedOut);
    }

    /// A node asks for what this one has learned since.
    pub(super) fn hear_sign_outs_since(&mut self, from: NodeId, request: RequestId, number: u64) {
        let remembered = &self.signed_out.remembered;
        let answer = NodeAnswer::SignOuts {
            number: remembered.mark().number,
            ended: remembered.since(number),
        };
        self.answer(from, request, answer);
    }

    /// Another node says what it knows.
    pub(super) fn hear_sign_outs(
        &mut self,
        from: NodeId,
        request: RequestId,
        (number, ended): (u64, SignOuts),
        now_ms: u64,
    ) {
        if self.signed_out.readings.answered(from, request, number) {
            self.take_in(ended);
            self.catch_up(now_ms);
        }
    }

    /// Which sign-outs this node knows.
    pub(super) fn sign_out_mark(&self) -> SignOutMark {
        self.signed_out.remembered.mark()
    }

    /// Asks a node that knows of sign-outs that this one does not, if there is one.
    pub(super) fn catch_up(&mut self, now_ms: u64) {
        let digest = self.sign_out_mark().digest;
        let Some((node, number)) = self.signed_out.readings.next(&self.members, digest, now_ms) else {
            return;
        };
        let request = self.asks.next();
        self.signed_out.readings.ask(node, request, now_ms);
        self.send(
            To::Node(node),
            Message::Ask {
                request,
                within_ms: ANSWER_MS,
                question: NodeQuestion::SignOutsSince { number },
            },
        );
    }

    fn take_in(&mut self, ended: SignOuts) {
        let news = self.signed_out.remembered.add(ended);
        if !news.is_empty() {
            self.actions.push_back(Action::SignOut(news));
        }
    }
}
