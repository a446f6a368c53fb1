//! Tabs that open at two servers at one time: a copied tab, and one whose first attempt to connect was slow.

use super::tabs::Tab;
use super::world::World;

impl World {
    /// Two servers that run, if there are two.
    fn two_servers(&mut self) -> Option<[usize; 2]> {
        let running = (0..self.servers.len()).filter(|server| self.servers[*server].runs(self.now_ms));
        let mut running: Vec<usize> = running.collect();
        if running.len() < 2 {
            return None;
        }
        let first = running.swap_remove(self.chance.index(running.len()));
        Some([first, self.chance.pick(&running)])
    }

    /// A tab connects, gives that up, and connects elsewhere at once. The first server notices that at once or later.
    pub(super) fn connect_twice(&mut self, tab: usize) {
        if self.tabs[tab].connection.is_some()
            && let Some([first, second]) = self.two_servers()
        {
            let noticed = self.chance.percent(40);
            self.disconnect(tab, noticed);
            self.open(tab, first);
            let noticed = self.chance.percent(40);
            self.disconnect(tab, noticed);
            self.open(tab, second);
        }
    }

    /// Two tabs with one id open at two servers, so many milliseconds after each other. Returns the tabs.
    pub(super) fn open_copies(&mut self, apart_ms: u64) -> Option<[usize; 2]> {
        let servers = self.two_servers()?;
        let first = self.tabs.len();
        let hash = 1_000 + first as u64;
        for (tab, server) in (first..).zip(servers) {
            let mut copy = Tab::new(hash, self.newest_version(), "/", self.now_ms);
            copy.connects_ms = None;
            self.tabs.push(copy);
            self.open(tab, server);
            self.run_until(self.now_ms + apart_ms);
        }
        Some([first, first + 1])
    }

    /// A tab has a newer connection than this one. Where it knows of none, it may be a copy: it comes back under another id.
    pub(super) fn is_replaced(&mut self, tab: usize, number: u64) -> bool {
        let now_ms = self.now_ms;
        let tab = &mut self.tabs[tab];
        let is_wrong = tab
            .connection
            .is_some_and(|connection| connection.number == number);
        if is_wrong {
            tab.take_another_id();
            tab.connection = None;
            tab.connects_ms = Some(now_ms + 100);
        }
        is_wrong
    }
}
