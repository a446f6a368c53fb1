//! Pages of a list of connections.

use super::Registry;
use crate::stats::Row;

/// Slots looked at for one page of a list; a page may thus be short, or empty, with more behind it.
const PAGE_SCAN_MAX: u32 = 16_384;

/// Which connections a list shows, by what they are counted under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this route.
    pub route: Option<String>,
    /// Only this version.
    pub version: Option<String>,
}

/// A page of a list of connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionsPage {
    /// The rows, by slot.
    pub rows: Vec<Row>,
    /// The slot to go on from; `None` at the end of the table.
    pub next: Option<u32>,
}

impl<P> Registry<P> {
    /// A page of connections, from slot `from` on, `max` rows at most.
    pub fn page(&self, from: u32, max: usize, filter: &Filter) -> ConnectionsPage {
        let mut page = ConnectionsPage::default();
        let version = filter
            .version
            .as_ref()
            .map(|version| self.counted_version(version));
        let route = filter.route.as_ref().map(|route| self.counted_route(route));
        if version == Some(None) || route == Some(None) {
            return page;
        }
        let end = self.end().min(from.saturating_add(PAGE_SCAN_MAX));
        for slot in from..end {
            let Some(entry) = self.slots.get(slot) else {
                continue;
            };
            if page.rows.len() >= max {
                page.next = Some(slot);
                return page;
            }
            let wanted = version.is_none_or(|version| version == Some(self.versions.counted(entry.version)))
                && route.is_none_or(|route| route == Some(self.routes.counted(entry.route)));
            if wanted {
                page.rows.extend(self.row(slot));
            }
        }
        page.next = (end < self.end()).then_some(end);
        page
    }

    /// The id of a version that connections are counted under.
    fn counted_version(&self, version: &str) -> Option<u32> {
        let id = self.versions.find(version)?;
        (self.versions.counted(id) == id).then_some(id)
    }

    /// The id of a route that connections are counted under.
    fn counted_route(&self, route: &str) -> Option<u32> {
        let id = self.routes.find(route)?;
        (self.routes.counted(id) == id).then_some(id)
    }
}
