//! Names (routes, versions) that many connections share: each text once, with its count.
//!
//! A table shows at most `max` texts at a time, and besides those every text that is reserved for the site's own
//! releases. A further text *waits*: it is counted under [`OTHER`], so that totals stay correct and a reader's memory
//! stays bounded. But it has its own id, so rules match it like any other. When a place becomes free, the text that has
//! waited longest takes it. The bytes of waiting texts are bounded; a text beyond that is not kept, and its connections
//! have the name [`OTHER`] itself.
//!
//! A name is forgotten with its last connection. The zero that a watcher must still be told is kept apart until it is
//! reported. Only names of the last report leave one, so there are never more zeros than there were names then.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// What tabs on unnamed routes or versions are shown as.
pub const OTHER_TEXT: &str = "(other)";

/// The id of [`OTHER_TEXT`] in every table: of texts that are not known.
pub(crate) const OTHER: u32 = 0;

/// Marks the end of a list of slots.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// What a text that waits costs besides its own bytes: its entry in the table, in the two maps, and in the order of routes.
const WAITING_BYTES: usize = 192;

/// One text and what is known about it.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) text: Arc<str>,
    /// Connections with this name.
    pub(crate) count: u32,
    /// The first of those connections, for routes.
    pub(crate) first: u32,
    /// Which standing rules concern it, valid while `mask_generation` is that of the rules.
    pub(crate) mask: u64,
    pub(crate) mask_generation: u32,
    place: NameState,
    /// Whether the last report said a count above zero.
    reported: bool,
    changed: bool,
}

/// What a name is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NameState {
    /// Itself, also if the table is full.
    Reserved,
    /// Itself, as one of at most `max`.
    Shown,
    /// [`OTHER`], until its turn comes: the lowest number is next.
    Waiting(u64),
}

/// What the end of one connection did to a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Released {
    /// The text that was forgotten.
    pub(crate) gone: Option<Arc<str>>,
    /// The name that is shown from now on.
    pub(crate) shown: Option<u32>,
}

/// A bounded table of names.
#[derive(Debug)]
pub(crate) struct Names {
    by_id: Vec<Name>,
    by_text: HashMap<Arc<str>, u32>,
    free: Vec<u32>,
    changed: Vec<u32>,
    /// Names that have gone since a report said that they are there.
    zeros: HashSet<Arc<str>>,
    max: usize,
    /// Names in [`NameState::Shown`].
    shown: usize,
    waiting: BTreeMap<u64, u32>,
    waited: u64,
    waiting_bytes: usize,
    waiting_bytes_max: usize,
    /// Connections whose names wait.
    waiting_count: u32,
}

impl Names {
    pub(crate) fn new(max: u32, waiting_bytes_max: u32) -> Self {
        Self {
            by_id: vec![Name::new(OTHER_TEXT.into(), NameState::Reserved)],
            by_text: HashMap::from([(OTHER_TEXT.into(), OTHER)]),
            free: Vec::new(),
            changed: Vec::new(),
            zeros: HashSet::new(),
            max: max as usize,
            shown: 0,
            waiting: BTreeMap::new(),
            waited: 0,
            waiting_bytes: 0,
            waiting_bytes_max: waiting_bytes_max as usize,
            waiting_count: 0,
        }
    }

    pub(crate) fn get(&self, id: u32) -> &Name {
        &self.by_id[id as usize]
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> &mut Name {
        &mut self.by_id[id as usize]
    }

    /// One past the highest id.
    pub(crate) fn end(&self) -> usize {
        self.by_id.len()
    }

    /// Every name in the table, with its id.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Name)> {
        self.by_text.values().map(|id| (*id, self.get(*id)))
    }

    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.by_text.get(text).copied()
    }

    /// The text of a name; `None` where it is not known.
    pub(crate) fn known(&self, id: u32) -> Option<&str> {
        (id != OTHER).then(|| &*self.get(id).text)
    }

    /// The id under which a name is counted: its own, or [`OTHER`].
    pub(crate) fn counted(&self, id: u32) -> u32 {
        match self.get(id).place {
            NameState::Reserved | NameState::Shown => id,
            NameState::Waiting(_) => OTHER,
        }
    }

    /// What a name is counted under.
    pub(crate) fn counted_text(&self, id: u32) -> &Arc<str> {
        &self.get(self.counted(id)).text
    }

    /// Adds a connection with the name `text`. Returns the id, and whether the name is new.
    pub(crate) fn acquire(&mut self, text: &str, is_reserved: impl FnOnce(&str) -> bool) -> (u32, bool) {
        let (id, new) = match self.by_text.get(text) {
            Some(id) => (*id, false),
            None => self.insert(text, is_reserved),
        };
        let name = &mut self.by_id[id as usize];
        name.count += 1;
        if matches!(name.place, NameState::Waiting(_)) {
            self.waiting_count += 1;
        }
        self.mark(id);
        (id, new)
    }

    /// Removes a connection with this name.
    pub(crate) fn release(&mut self, id: u32) -> Released {
        let name = &mut self.by_id[id as usize];
        if matches!(name.place, NameState::Waiting(_)) {
            self.waiting_count -= 1;
        }
        debug_assert!(name.count > 0, "released more often than acquired");
        name.count = name.count.saturating_sub(1);
        let is_last = name.count == 0 && id != OTHER;
        self.mark(id);
        if !is_last {
            return Released::default();
        }
        Released {
            gone: Some(self.remove(id)),
            shown: self.show_next(),
        }
    }

    /// Reserves places for other texts than before. The names that are counted under themselves from now on.
    pub(crate) fn reserve(&mut self, is_reserved: impl Fn(&str) -> bool) -> Vec<u32> {
        let mut shown = Vec::new();
        let ids: Vec<u32> = self.by_text.values().copied().filter(|id| *id != OTHER).collect();
        for id in ids {
            let reserved = is_reserved(&self.get(id).text);
            match (self.get(id).place, reserved) {
                (NameState::Waiting(_), true) => {
                    self.show(id, NameState::Reserved);
                    shown.push(id);
                }
                (NameState::Shown, true) => {
                    self.shown -= 1;
                    self.by_id[id as usize].place = NameState::Reserved;
                }
                // It stays as it is shown; no further one takes a place until there are few enough.
                (NameState::Reserved, false) => {
                    self.shown += 1;
                    self.by_id[id as usize].place = NameState::Shown;
                }
                (NameState::Reserved, true) | (NameState::Shown | NameState::Waiting(_), false) => {}
            }
        }
        while let Some(id) = self.show_next() {
            shown.push(id);
        }
        shown
    }

    /// Hands `each` every count that changed since the last call.
    pub(crate) fn report(&mut self, mut each: impl FnMut(&Arc<str>, u32)) {
        for gone in self.zeros.drain() {
            each(&gone, 0);
        }
        for id in std::mem::take(&mut self.changed) {
            let count = self.count_shown(id);
            let name = &mut self.by_id[id as usize];
            if !std::mem::take(&mut name.changed) {
                continue;
            }
            if count > 0 || name.reported {
                each(&name.text, count);
            }
            name.reported = count > 0;
        }
    }

    /// Hands `each` every count above zero. If one is zero later, the next report says so.
    pub(crate) fn tell_all(&mut self, mut each: impl FnMut(&Arc<str>, u32)) {
        for id in (0..).take(self.by_id.len()) {
            let count = self.count_shown(id);
            if count > 0 && self.counted(id) == id {
                let name = &mut self.by_id[id as usize];
                name.reported = true;
                each(&name.text, count);
            }
        }
    }

    /// Every name that is shown and borne, with how many connections are counted under it.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        let all = self.by_id.iter().zip(0..);
        all.filter(|(_, id)| self.counted(*id) == *id)
            .map(|(name, id)| (&name.text, self.count_shown(id)))
            .filter(|(_, count)| *count > 0)
    }

    pub(crate) fn has_changes(&self) -> bool {
        !self.changed.is_empty() || !self.zeros.is_empty()
    }

    /// Connections that are counted under a name that is shown.
    fn count_shown(&self, id: u32) -> u32 {
        self.get(id).count + if id == OTHER { self.waiting_count } else { 0 }
    }

    fn insert(&mut self, text: &str, is_reserved: impl FnOnce(&str) -> bool) -> (u32, bool) {
        let place = if is_reserved(text) {
            NameState::Reserved
        } else if self.shown < self.max {
            self.shown += 1;
            NameState::Shown
        } else if self.waiting_bytes + waiting_cost(text) <= self.waiting_bytes_max {
            self.waiting_bytes += waiting_cost(text);
            self.waited += 1;
            NameState::Waiting(self.waited)
        } else {
            return (OTHER, false);
        };
        let text: Arc<str> = text.into();
        let mut name = Name::new(Arc::clone(&text), place);
        name.reported = !matches!(place, NameState::Waiting(_)) && self.zeros.remove(&text);
        let id = if let Some(id) = self.free.pop() {
            self.by_id[id as usize] = name;
            id
        } else {
            self.by_id.push(name);
            // Connections are counted by a u32, and so are their names.
            u32::try_from(self.by_id.len() - 1).unwrap_or(OTHER)
        };
        if let NameState::Waiting(turn) = place {
            self.waiting.insert(turn, id);
        }
        self.by_text.insert(text, id);
        (id, true)
    }

    fn remove(&mut self, id: u32) -> Arc<str> {
        let nothing = Arc::clone(&self.by_id[OTHER as usize].text);
        let name = &mut self.by_id[id as usize];
        let text = std::mem::replace(&mut name.text, nothing);
        name.changed = false;
        if name.reported {
            self.zeros.insert(Arc::clone(&text));
        }
        match name.place {
            NameState::Reserved => {}
            NameState::Shown => self.shown -= 1,
            NameState::Waiting(turn) => {
                self.waiting.remove(&turn);
                self.waiting_bytes -= waiting_cost(&text);
            }
        }
        name.place = NameState::Reserved;
        self.by_text.remove(&text);
        self.free.push(id);
        text
    }

    /// Shows the name that has waited longest, where there is a place for it.
    fn show_next(&mut self) -> Option<u32> {
        if self.shown >= self.max {
            return None;
        }
        let (_, id) = self.waiting.first_key_value()?;
        let id = *id;
        self.shown += 1;
        self.show(id, NameState::Shown);
        Some(id)
    }

    /// Counts a name that waited under itself.
    fn show(&mut self, id: u32, place: NameState) {
        let name = &mut self.by_id[id as usize];
        if let NameState::Waiting(turn) = std::mem::replace(&mut name.place, place) {
            self.waiting.remove(&turn);
            self.waiting_bytes -= waiting_cost(&name.text);
            self.waiting_count -= name.count;
            name.reported = self.zeros.remove(&name.text);
            self.mark(OTHER);
            self.mark(id);
        }
    }

    fn mark(&mut self, id: u32) {
        let name = &mut self.by_id[id as usize];
        if name.changed {
            return;
        }
        let id = self.counted(id);
        let name = &mut self.by_id[id as usize];
        if std::mem::replace(&mut name.changed, true) {
            return;
        }
        self.changed.push(id);
        // Names that come and go between two reports leave stale ids behind; keep the list no longer than the table.
        if self.changed.len() > 64 + 2 * self.by_id.len() {
            let names = &self.by_id;
            self.changed.sort_unstable();
            self.changed.dedup();
            self.changed.retain(|id| names[*id as usize].changed);
        }
    }
}

impl Name {
    fn new(text: Arc<str>, place: NameState) -> Self {
        Self {
            text,
            count: 0,
            first: NO_SLOT,
            mask: 0,
            mask_generation: 0,
            place,
            reported: false,
            changed: false,
        }
    }
}

/// Bytes that a text costs while it waits.
pub(crate) fn waiting_cost(text: &str) -> usize {
    text.len() + WAITING_BYTES
}
