//! The taps of other nodes at this one.

use std::collections::{BTreeMap, BTreeSet};

use super::BridgeAction;
use crate::cluster::{RequestId, Slice, TapMessage};
use crate::connection::NodeId;
use crate::happening::Happening;

/// Taps of all other nodes. A further one is not opened.
const TAPS_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Tapped(BTreeMap<(NodeId, RequestId), Sent>);

#[derive(Debug)]
struct Sent {
    /// The number of the last message.
    number: u64,
    /// Slices that were sent, or are about to be.
    slices: u32,
}

impl Tapped {
    /// Takes in what an owner says. What is to be done about it.
    pub(super) fn hear(&mut self, owner: NodeId, message: &TapMessage, is_new: bool) -> Option<BridgeAction> {
        match *message {
            TapMessage::Open { tap, wants } if is_new && self.0.len() < TAPS_MAX => {
                let sent = Sent { number: 0, slices: 1 };
                self.0.insert((owner, tap), sent);
                Some(BridgeAction::Open { owner, tap, wants })
            }
            TapMessage::Next { tap, slice } => {
                let known = self.0.get_mut(&(owner, tap))?;
                if known.slices.checked_add(1) != Some(slice) {
                    return None;
                }
                known.slices = slice;
                Some(BridgeAction::Next { owner, tap })
            }
            TapMessage::End { tap } => {
                self.0.remove(&(owner, tap))?;
                Some(BridgeAction::End { owner, tap })
            }
            _ => None,
        }
    }

    /// What an owner is told next; `None`: it needs the tap no more.
    pub(super) fn news(
        &mut self,
        owner: NodeId,
        tap: RequestId,
        news: Vec<Happening>,
        slice: Option<Slice>,
    ) -> Option<TapMessage> {
        let sent = self.0.get_mut(&(owner, tap))?;
        sent.number += 1;
        let number = sent.number;
        Some(TapMessage::News {
            tap,
            number,
            news,
            slice,
        })
    }

    /// A tap has ended here. Whether its owner still needed it.
    pub(super) fn lag(&mut self, owner: NodeId, tap: RequestId) -> bool {
        self.0.remove(&(owner, tap)).is_some()
    }

    /// An owner has ended, or is not heard any more. What is to be done about it.
    pub(super) fn lose(&mut self, node: NodeId) -> Vec<BridgeAction> {
        let mut ended = Vec::new();
        self.0.retain(|(owner, tap), _| {
            let (owner, tap) = (*owner, *tap);
            if owner == node {
                ended.push(BridgeAction::End { owner, tap });
            }
            owner != node
        });
        ended
    }

    /// How far the taps are, by owner.
    pub(super) fn at(&self) -> Vec<(NodeId, TapMessage)> {
        let owners: BTreeSet<NodeId> = self.0.keys().map(|(owner, _)| *owner).collect();
        let at = |node| {
            let taps = self.0.iter().filter(|((owner, _), _)| *owner == node);
            let taps = taps.map(|((_, tap), sent)| (*tap, sent.number));
            TapMessage::At { taps: taps.collect() }
        };
        owners.into_iter().map(|owner| (owner, at(owner))).collect()
    }
}
