//! The node of this server, with its bus and with those who wait for what it asks.

use std::collections::HashMap;
use std::sync::Arc;

use headcount_core::cluster::{
    Message, NodeAnswer, NodeAnswers, NodeQuestion, Notice, Relay, RelayOutcome, RequestId, SignOuts, To,
};
use headcount_core::command_log::LogIndex;
use headcount_core::connection::NodeId;
use headcount_core::limits::Limits;
use headcount_core::node::{About, Action, Node, Whom};
use headcount_core::protocol::cluster::{Reader, Writer};
use tokio::sync::oneshot;

use super::Link;
use super::agreement::{Agreement, Disagreements};
use super::asking::{BridgeEvent, Claims, NodeEvent, OwnerEnds, Said};
use super::clock_check;
use super::due::Due;
use super::lost::{self, Lost};
use super::sign_outs::Tellers;
use crate::authorize::ticket::Tickets;
use crate::clock;
use crate::metrics::ClusterNumbers;
use crate::secrets::Keyring;

/// What the owner of the node hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Of other nodes.
    Notice(Notice),
    /// Of this server.
    Event(NodeEvent),
    /// The bridges of this server changed.
    Claims(Claims),
}

/// Who waits for answers of nodes.
#[derive(Debug)]
struct Asked {
    /// The nodes that were lost when the question was put, if it was put to all: one that is heard again meanwhile was not asked.
    lost: Vec<NodeId>,
    whom: Whom,
    reply: oneshot::Sender<Said>,
}

/// The node, and what it needs to speak.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) node: Node,
    pub(crate) tickets: Arc<Tickets>,
    link: Link,
    reader: Reader,
    writer: Writer,
    ends: OwnerEnds,
    pub(super) cluster: Arc<str>,
    asked: HashMap<RequestId, Asked>,
    relays: HashMap<RequestId, oneshot::Sender<RelayOutcome>>,
    tellers: Tellers,
    pub(super) lost: Lost,
    agreement: Agreement,
    disagreements: Disagreements,
    /// What is counted here; the rest is filled in when it is said.
    numbers: ClusterNumbers,
}

impl Joined {
    /// A node of this cluster that begins to speak on this link. `ends` are those of what the rest of the server asks and tells it.
    pub(crate) fn new(
        here: NodeId,
        about: About,
        limits: &Limits,
        (cluster, link): (Arc<str>, Link),
        agreement: Agreement,
        ends: OwnerEnds,
        tickets: Arc<Tickets>,
    ) -> Self {
        Self {
            node: Node::new(here, about, limits, clock::steady_ms()),
            tickets,
            link,
            reader: Reader::default(),
            writer: Writer::new(here),
            ends,
            cluster,
            asked: HashMap::new(),
            relays: HashMap::new(),
            tellers: Tellers::default(),
            lost: Lost::default(),
            agreement,
            disagreements: Disagreements::default(),
            numbers: ClusterNumbers::default(),
        }
    }

    /// What is heard next. Dropping the future loses nothing. `None`: the bus has ended.
    pub(crate) async fn heard(&mut self) -> Option<Heard> {
        tokio::select! {
            notice = self.link.heard() => notice.map(Heard::Notice),
            Some(event) = self.ends.events.recv() => Some(Heard::Event(event)),
            Ok(()) = self.ends.claims.changed() => {
                Some(Heard::Claims(self.ends.claims.borrow_and_update().clone()))
            }
        }
    }

    /// Takes in what was heard.
    pub(crate) fn hear(&mut self, notice: &Notice) {
        let now_ms = clock::steady_ms();
        match notice {
            Notice::Message(bytes) => {
                self.numbers.received += 1;
                if let Some((from, message)) = self.reader.read(bytes, now_ms) {
                    self.node.hear(from, message, now_ms);
                }
            }
            Notice::Away => {
                tracing::warn!("the cluster's broker is not reached");
                self.lost.away();
                self.say_numbers();
            }
            Notice::Back => {
                tracing::info!("the cluster's broker is reached again");
                self.lost.back(now_ms);
                self.node.back(now_ms);
                self.say_numbers();
            }
        }
    }

    /// Does what is due by the clock.
    pub(crate) fn look(&mut self, tabs: u32, keyring: &Keyring) {
        let now_ms = clock::steady_ms();
        if now_ms >= self.node.next_look_ms() {
            self.node.set_tabs(tabs.into());
            self.node.set_settings(self.agreement.settings(keyring));
            self.node.set_clock(clock::offset_ms());
            self.reader.look(now_ms);
            self.node.look(now_ms);
            self.lost.look(now_ms);
            let others = self.node.members().iter();
            let others = others.map(|(id, member)| (id, &member.heartbeat));
            self.disagreements.look(&self.node.heartbeat(), others);
            clock_check::say(&self.node, &self.ends.clock);
            self.say_numbers();
        }
    }

    /// Says what this node counts about the cluster.
    fn say_numbers(&mut self) {
        self.numbers = ClusterNumbers {
            nodes: self.node.members().len() as u64 + 1,
            missing: self.lost.len() as u64,
            broker_reached: !self.lost.is_away(),
            log_lag: self.node.behind(self.node.heartbeat().read),
            losses: self.link.losses(),
            unread: self.reader.counts(),
            ignored: self.node.ignored(),
            ..self.numbers
        };
        self.ends.numbers.send_replace(self.numbers);
    }

    /// Whether this server has read the log up to this entry.
    pub(crate) fn has_read(&self, index: LogIndex) -> bool {
        self.node.heartbeat().read >= index
    }

    /// Asks nodes; what was answered within the time goes to `reply`.
    pub(crate) fn ask(
        &mut self,
        whom: Whom,
        question: NodeQuestion,
        within_ms: u32,
        reply: oneshot::Sender<Said>,
    ) {
        self.asked.retain(|_, waiting| !waiting.reply.is_closed());
        let request = self.node.ask(whom, question, within_ms, clock::steady_ms());
        let lost = self.lost.nodes().collect();
        self.asked.insert(request, Asked { lost, whom, reply });
    }

    /// Tells all nodes of what was ended here. Which of them have ended it goes to `reply`, where that is waited for.
    pub(crate) fn sign_out(&mut self, told: SignOuts, within_ms: u32, reply: Option<oneshot::Sender<Said>>) {
        self.tellers.add(reply);
        let clocks = (clock::unix_ms(), clock::steady_ms());
        self.node.sign_out(told, within_ms, clocks);
    }

    /// What this server answers to another node, or to itself.
    pub(crate) fn answer(&mut self, to: NodeId, request: RequestId, answer: NodeAnswer) {
        self.node.answer(to, request, answer);
    }

    /// Says whether a connection took what was passed on for it.
    pub(crate) fn relayed(&mut self, to: NodeId, request: RequestId, taken: bool) {
        self.node.relayed(to, request, taken);
    }

    /// The bridges of this server are these from now on.
    pub(crate) fn claim(&mut self, claims: Claims) {
        let Claims {
            authorizes_ms,
            shared,
        } = claims;
        let (unix_ms, now_ms) = (clock::unix_ms(), clock::steady_ms());
        self.node.set_bridges(authorizes_ms, shared, unix_ms, now_ms);
    }

    /// Takes in what bridges need.
    pub(crate) fn on_bridge(&mut self, event: BridgeEvent) {
        let now_ms = clock::steady_ms();
        match event {
            BridgeEvent::Tap { bridge, wants } => self.node.tap(bridge, wants, now_ms),
            BridgeEvent::Untap { bridge } => self.node.untap(bridge),
            BridgeEvent::Read { bridge, node } => self.node.read(bridge, node, now_ms),
            BridgeEvent::Tell {
                owner,
                tap,
                news,
                slice,
            } => self.node.tell(owner, tap, news, slice),
            BridgeEvent::Lagged { owner, tap } => self.node.lag(owner, tap),
        }
    }

    /// Says that this server ends; `said` hears when that has left the process. To be called when all else that the node says is sent.
    pub(crate) fn end(&mut self, said: oneshot::Sender<()>) {
        self.node.goodbye();
        let left_over = self.next_due();
        debug_assert!(left_over.is_none(), "{left_over:?}");
        let flush = self.link.flush();
        tokio::spawn(async move {
            flush.await;
            let _nobody_waits = said.send(());
        });
    }

    /// Passes something on to another node; what became of it goes to `reply`.
    pub(crate) fn relay(
        &mut self,
        node: NodeId,
        relay: Relay,
        within_ms: u32,
        reply: oneshot::Sender<RelayOutcome>,
    ) {
        self.relays.retain(|_, waiting| !waiting.is_closed());
        let request = self.node.relay(node, relay, within_ms, clock::steady_ms());
        self.relays.insert(request, reply);
    }

    /// Carries out what the node says must be done. The first thing that its owner must do; to be called until nothing is left.
    pub(crate) fn next_due(&mut self) -> Option<Due> {
        while let Some(action) = self.node.next_action() {
            if let Some(due) = self.act(action) {
                return Some(due);
            }
        }
        None
    }

    fn act(&mut self, action: Action) -> Option<Due> {
        match action {
            Action::Send { to, message } => self.send(to, &message),
            Action::Listen(watches) => self.link.watch(watches),
            Action::Answered { request, answers } => self.pass_on(request, answers),
            Action::Telling(request) => {
                let lost = self.lost.nodes().collect();
                self.tellers.telling(request, lost);
            }
            Action::Relayed { request, outcome } => {
                self.numbers.relays.note(outcome);
                if let Some(asker) = self.relays.remove(&request) {
                    let _asker_gone = asker.send(outcome);
                }
            }
            Action::Joined(_) | Action::Left(_) | Action::Lost { .. } => self.note(&action),
            Action::Watched(watched) => return Some(Due::Watch(watched)),
            Action::Asked {
                from,
                request,
                within_ms,
                question,
            } => {
                return Some(Due::Answer {
                    to: from,
                    request,
                    within_ms,
                    question,
                });
            }
            Action::Relay {
                from, request, relay, ..
            } => {
                return Some(Due::Relay {
                    to: from,
                    request,
                    relay,
                });
            }
            Action::LetGo { to, tabs } => return Some(Due::LetGo { to, tabs }),
            Action::Bridge(action) => return Some(Due::Bridge(action)),
            Action::TakeOver { tabs } => return Some(Due::TakeOver { tabs }),
            Action::SignOut(told) => return Some(Due::SignOut(told)),
            Action::Double => return Some(Due::End),
        }
        None
    }

    fn send(&mut self, to: To, message: &Message) {
        self.numbers.whole_reports_asked += u64::from(matches!(message, Message::WantWhole));
        match self.writer.write(message, self.link.bytes_max()) {
            Ok(parts) => {
                // A part that is lost is a message that is lost, and the node takes care of that.
                let taken = parts
                    .into_iter()
                    .take_while(|part| self.link.send(to, part.clone()));
                self.numbers.sent += taken.count() as u64;
            }
            Err(error) => tracing::warn!(%error, "a message to other nodes cannot be sent"),
        }
    }

    /// Hands what nodes answered to those who wait for it.
    fn pass_on(&mut self, request: RequestId, mut answers: NodeAnswers) {
        if let Some((lost, replies)) = self.tellers.answered(request) {
            lost::add_to(&mut answers, lost.into_iter().chain(self.lost.nodes()));
            let said = Said::new(answers, |node| self.name_of(node).to_string());
            for reply in replies {
                let _teller_gone = reply.send(said.clone());
            }
        } else if let Some(Asked { lost, whom, reply }) = self.asked.remove(&request) {
            if whom == Whom::All {
                lost::add_to(&mut answers, lost.into_iter().chain(self.lost.nodes()));
            }
            let _asker_gone = reply.send(Said::new(answers, |node| self.name_of(node).to_string()));
        }
    }

    /// Says who came and who went.
    fn note(&mut self, action: &Action) {
        match *action {
            Action::Joined(node) => {
                let name = self.name_of(node);
                tracing::info!(%node, name = &*name, "a node joined the cluster");
                self.lost.joined(node, name, clock::steady_ms());
            }
            Action::Left(node) => {
                self.lost.left(node);
                tracing::info!(%node, "a node left the cluster");
            }
            Action::Lost { node, heard_ms } => {
                let clocks = (clock::unix_ms(), clock::steady_ms());
                self.lost.lost(node, heard_ms, clocks);
                tracing::warn!(%node, "nothing is heard of a node any more; its tabs are not counted");
            }
            _ => {}
        }
        self.say_numbers();
    }

    pub(super) fn name_of(&self, node: NodeId) -> Arc<str> {
        if node == self.node.id() {
            return self.node.heartbeat().name;
        }
        let member = self.node.members().iter().find(|(id, _)| *id == node);
        let name = member.map(|(_, member)| Arc::clone(&member.heartbeat.name));
        name.unwrap_or_else(|| self.lost.name_of(node))
    }
}
