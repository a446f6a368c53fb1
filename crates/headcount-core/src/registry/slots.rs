//! The table itself: slots in pages of a fixed size.
//!
//! A slot keeps its number as long as its connection lives. Pages never move, so growing costs one page, not a copy of
//! everything, and wastes at most one page, not half the table.

const PAGE: usize = 1_024;

#[derive(Debug)]
enum Slot<T> {
    Taken(T),
    /// Free, with the number of the next free slot.
    Free(Option<u32>),
}

/// A table of `T` by slot number.
#[derive(Debug)]
pub(super) struct Slots<T> {
    pages: Vec<Vec<Slot<T>>>,
    free: Option<u32>,
    len: usize,
    /// Slots ever used; all pages before the last are full.
    used: u32,
}

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        Self {
            pages: Vec::new(),
            free: None,
            len: 0,
            used: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// One past the highest slot ever used.
    pub(super) fn end(&self) -> u32 {
        self.used
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        match self.pages.get(slot as usize / PAGE)?.get(slot as usize % PAGE)? {
            Slot::Taken(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        match self
            .pages
            .get_mut(slot as usize / PAGE)?
            .get_mut(slot as usize % PAGE)?
        {
            Slot::Taken(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    pub(super) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if let Some(slot) = self.free
            && let Some(place) = self
                .pages
                .get_mut(slot as usize / PAGE)
                .and_then(|page| page.get_mut(slot as usize % PAGE))
        {
            if let Slot::Free(next) = std::mem::replace(place, Slot::Taken(value)) {
                self.free = next;
            }
            return slot;
        }
        if (self.used as usize).is_multiple_of(PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        if let Some(page) = self.pages.last_mut() {
            page.push(Slot::Taken(value));
        }
        self.used += 1;
        self.used - 1
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let place = self
            .pages
            .get_mut(slot as usize / PAGE)?
            .get_mut(slot as usize % PAGE)?;
        if matches!(place, Slot::Free(_)) {
            return None;
        }
        let Slot::Taken(value) = std::mem::replace(place, Slot::Free(self.free)) else {
            return None;
        };
        self.free = Some(slot);
        self.len -= 1;
        Some(value)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pages.iter_mut().flatten().filter_map(|slot| match slot {
            Slot::Taken(value) => Some(value),
            Slot::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_and_pages_stay() {
        let mut slots = Slots::new();
        for value in 0..3_000_u32 {
            assert_eq!(slots.insert(value), value);
        }
        for slot in (0..3_000).step_by(2) {
            assert_eq!(slots.remove(slot), Some(slot));
            assert_eq!(slots.remove(slot), None);
        }
        assert_eq!((slots.len(), slots.pages.len()), (1_500, 3));
        for value in 0..1_500 {
            assert!(slots.insert(value) < 3_000);
        }
        assert_eq!((slots.len(), slots.end(), slots.pages.len()), (3_000, 3_000, 3));
        assert_eq!(slots.get(3_000), None);
    }
}
