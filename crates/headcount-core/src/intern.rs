//! Names (routes, versions) that many connections share: each text once, with its count.
//!
//! A table names at most `max` texts at a time. A further one is counted under [`OTHER`], so totals stay true and memory
//! stays bounded. The table remembers which counts changed since they were last reported; a name whose count fell to zero
//! keeps its place until that zero was reported, so that nobody is left believing the old number.

use std::collections::HashMap;
use std::sync::Arc;

/// What tabs on unnamed routes or versions are shown as.
pub const OTHER_TEXT: &str = "(other)";

/// The id of [`OTHER_TEXT`] in every table.
pub(crate) const OTHER: u32 = 0;

/// Marks the end of a list of slots.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// One text and what is known about it.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) text: Arc<str>,
    /// Connections that bear it.
    pub(crate) count: u32,
    /// The first of those connections, for routes.
    pub(crate) first: u32,
    /// Which standing rules concern it, valid while `mask_generation` is that of the rules.
    pub(crate) mask: u64,
    pub(crate) mask_generation: u32,
    /// Whether the last report said a count above zero.
    reported: bool,
    changed: bool,
}

/// A bounded table of names.
#[derive(Debug)]
pub(crate) struct Names {
    by_id: Vec<Name>,
    by_text: HashMap<Arc<str>, u32>,
    free: Vec<u32>,
    changed: Vec<u32>,
    max: usize,
}

impl Names {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            by_id: vec![Name::new(OTHER_TEXT.into())],
            by_text: HashMap::from([(OTHER_TEXT.into(), OTHER)]),
            free: Vec::new(),
            changed: Vec::new(),
            max: max as usize,
        }
    }

    pub(crate) fn get(&self, id: u32) -> &Name {
        &self.by_id[id as usize]
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> &mut Name {
        &mut self.by_id[id as usize]
    }

    /// Every name in the table, with its id.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Name)> {
        self.by_text.values().map(|id| (*id, self.get(*id)))
    }

    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.by_text.get(text).copied()
    }

    /// One more connection bears `text`. Says under which id, and whether that is a new name.
    pub(crate) fn acquire(&mut self, text: &str) -> (u32, bool) {
        let (id, new) = match self.by_text.get(text) {
            Some(id) => (*id, false),
            None => self.insert(text),
        };
        self.by_id[id as usize].count += 1;
        self.mark(id);
        (id, new)
    }

    /// One connection less bears the name. Gives the text back if the name is gone for good.
    pub(crate) fn release(&mut self, id: u32) -> Option<Arc<str>> {
        let name = &mut self.by_id[id as usize];
        debug_assert!(name.count > 0, "released more often than acquired");
        name.count = name.count.saturating_sub(1);
        let forget = name.count == 0 && !name.reported && id != OTHER;
        self.mark(id);
        forget.then(|| self.remove(id))
    }

    /// Hands `each` every count that changed since the last call, and forgets the names that are gone.
    pub(crate) fn report(&mut self, mut each: impl FnMut(&Arc<str>, u32), mut gone: impl FnMut(&Arc<str>)) {
        for id in std::mem::take(&mut self.changed) {
            let name = &mut self.by_id[id as usize];
            if !std::mem::take(&mut name.changed) {
                continue;
            }
            if name.count > 0 || name.reported {
                each(&name.text, name.count);
            }
            name.reported = name.count > 0;
            if name.count == 0 && id != OTHER {
                gone(&self.remove(id));
            }
        }
    }

    /// Every name that some connection bears, with how many do.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        let borne = self.by_id.iter().filter(|name| name.count > 0);
        borne.map(|name| (&name.text, name.count))
    }

    pub(crate) fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    fn insert(&mut self, text: &str) -> (u32, bool) {
        if self.by_text.len() > self.max {
            return (OTHER, false);
        }
        let text: Arc<str> = text.into();
        let name = Name::new(Arc::clone(&text));
        let id = if let Some(id) = self.free.pop() {
            self.by_id[id as usize] = name;
            id
        } else {
            self.by_id.push(name);
            // `max` is a u32 and bounds the table, so its length fits.
            u32::try_from(self.by_id.len() - 1).unwrap_or(OTHER)
        };
        self.by_text.insert(text, id);
        (id, true)
    }

    fn remove(&mut self, id: u32) -> Arc<str> {
        let text = Arc::clone(&self.by_id[id as usize].text);
        self.by_id[id as usize].changed = false;
        self.by_text.remove(&text);
        self.free.push(id);
        text
    }

    fn mark(&mut self, id: u32) {
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
    fn new(text: Arc<str>) -> Self {
        Self {
            text,
            count: 0,
            first: NO_SLOT,
            mask: 0,
            mask_generation: 0,
            reported: false,
            changed: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(names: &mut Names) -> Vec<(String, u32)> {
        let mut changes = Vec::new();
        names.report(|text, count| changes.push((text.to_string(), count)), |_| {});
        changes.sort();
        changes
    }

    #[test]
    fn what_does_not_fit_counts_under_other() {
        let mut names = Names::new(2);
        let (a, _) = names.acquire("a");
        names.acquire("b");
        assert_eq!(names.acquire("c"), (OTHER, false));
        assert_eq!(
            report(&mut names),
            [("(other)".into(), 1), ("a".into(), 1), ("b".into(), 1)]
        );
        names.release(a);
        assert_eq!(report(&mut names), [("a".into(), 0)]);
        assert_ne!(names.acquire("c").0, OTHER);
    }

    #[test]
    fn a_name_that_came_and_went_unreported_leaves_nothing() {
        let mut names = Names::new(4);
        for round in 0..1_000 {
            let (id, new) = names.acquire(&format!("/{round}"));
            assert!(new);
            assert!(names.release(id).is_some());
        }
        assert!(names.changed.len() < 100 && names.by_id.len() < 4);
        assert_eq!(report(&mut names), []);
    }

    #[test]
    fn a_zero_is_reported_before_the_name_is_forgotten() {
        let mut names = Names::new(4);
        let (id, _) = names.acquire("/a");
        report(&mut names);
        assert_eq!(names.release(id), None);
        assert_eq!(names.acquire("/a"), (id, false));
        names.release(id);
        assert_eq!(report(&mut names), [("/a".into(), 0)]);
        assert_eq!(names.find("/a"), None);
    }

    #[test]
    fn keys_of_javascript_objects_are_ordinary() {
        let mut names = Names::new(8);
        for text in ["constructor", "__proto__", "hasOwnProperty", ""] {
            assert!(names.acquire(text).1);
        }
        assert_eq!(report(&mut names).len(), 4);
    }
}
