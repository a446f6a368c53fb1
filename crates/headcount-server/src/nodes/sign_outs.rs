//! What was ended here ends at all nodes, and what was ended at another node ends here.

use std::collections::HashMap;

use headcount_core::cluster::{EndedCookie, RequestId, SignOuts};
use headcount_core::connection::NodeId;
use tokio::sync::oneshot;

use super::asking::Said;
use crate::authorize::ended::Before;
use crate::authorize::ticket::Tickets;
use crate::clock;
use crate::site::Site;

/// Ends these tickets and cookies. The cookies that had admitted a subscriber here until now: the authorizers must be asked again about them.
pub(crate) fn end_too(site: &Site, tickets: &Tickets, told: SignOuts) -> Vec<EndedCookie> {
    let now_ms = clock::unix_ms();
    tickets.end_all_until(told.all_until_ms);
    for ticket in told.tickets {
        tickets.end(ticket, now_ms);
    }
    let ended = site.authorizers.ended();
    let mut cookies = told.cookies;
    // All of them, without stopping at the first.
    cookies.retain(|cookie| ended.end_too(*cookie) == Before::Admits);
    cookies
}

/// Hears which nodes have ended what was ended here.
type Reply = oneshot::Sender<Said>;

/// Those who wait until all nodes have ended what was ended here.
#[derive(Debug, Default)]
pub(super) struct Tellers {
    untold: Vec<Reply>,
    /// By the question that told it, with the nodes that were lost then.
    told: HashMap<RequestId, (Vec<NodeId>, Vec<Reply>)>,
}

impl Tellers {
    pub(super) fn add(&mut self, reply: Option<Reply>) {
        self.untold.extend(reply);
    }

    /// Everything that was added is told by this question.
    pub(super) fn telling(&mut self, request: RequestId, lost: Vec<NodeId>) {
        self.told
            .insert(request, (lost, std::mem::take(&mut self.untold)));
    }

    /// Those who waited for this question, if it told of sign-outs, and the nodes that were lost when it was put.
    pub(super) fn answered(&mut self, request: RequestId) -> Option<(Vec<NodeId>, Vec<Reply>)> {
        self.told.remove(&request)
    }
}
