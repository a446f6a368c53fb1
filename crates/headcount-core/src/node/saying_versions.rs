//! What a node says of its tabs by version, and what it has heard of those of the others.

use super::Node;
use super::versions::{ByVersion, Said};
use crate::cluster::{Message, To};
use crate::intern::OTHER_TEXT;

impl Node {
    /// Tells the others how many tabs of this node run which version. To be called once per step of the history; the word holds for `holds_ms`.
    pub fn say_versions(&mut self, counts: ByVersion, holds_ms: u32, now_ms: u64) {
        if self.ended {
            return;
        }
        let number = self.versions.own.as_ref().map_or(0, |said| said.number) + 1;
        self.versions.own = Some(Said {
            number,
            until_ms: now_ms + u64::from(holds_ms),
            counts,
        });
        self.send_versions(To::All, now_ms);
    }

    /// How many tabs of all other nodes run which version. A version may come more than once.
    pub fn versions_of_others(&self) -> ByVersion {
        let mut sum = Vec::new();
        for (node, member) in self.members.iter() {
            match self.versions.others.get(&node) {
                Some(said) => sum.extend(said.counts.iter().cloned()),
                None => sum.push((OTHER_TEXT.into(), member.heartbeat.tabs)),
            }
        }
        sum
    }

    /// The last word of this node, as long as it holds.
    pub(super) fn send_versions(&mut self, to: To, now_ms: u64) {
        let Some(said) = &self.versions.own else { return };
        let holds_ms = said.until_ms.saturating_sub(now_ms);
        if holds_ms > 0 {
            let message = Message::Versions {
                number: said.number,
                holds_ms: u32::try_from(holds_ms).unwrap_or(u32::MAX),
                counts: said.counts.clone(),
            };
            self.send(to, message);
        }
    }
}
