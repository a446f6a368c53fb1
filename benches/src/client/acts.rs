//! What a fleet can be asked to do. Every act ends by itself, at the latest after [`DEADLINE`].

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::command::{Answer, Command, Setup, Subscription, Transport};
use super::connection::{PAGES, PLACED, route_name};
use super::fleet::Fleet;
use super::lane::post;
use crate::clock;

/// Longest time one act may take.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// Order in which tabs move: a stride that no fleet size divides, so that neighbours in memory do not move together.
const STRIDE: usize = 7_919;

impl Fleet {
    pub(super) fn perform(&mut self, command: &Command) -> io::Result<Answer> {
        match *command {
            Command::Open {
                transport,
                setup,
                count,
                window,
            } => self.open(transport, setup, count, window),
            Command::Update { count, per_second } => self.update(count, per_second),
            Command::Place { count } => self.place(count),
            Command::Mark => Ok(self.mark()),
            Command::AwaitVersions { count } => self.await_versions(count),
            Command::Subscribe(subscription) => self.subscribe(subscription),
            Command::Watched => Ok(Answer::Watched {
                messages: self.tally.stats,
                bytes: self.tally.stats_bytes,
            }),
            Command::Lone { samples, quiet_ms } => self.lone(samples, Duration::from_millis(quiet_ms)),
            Command::Routes => Ok(self.routes()),
            Command::Return { ref at } => {
                self.returns.go(at, &self.connections, clock::now());
                Ok(Answer::Done)
            }
            Command::Look => Ok(Answer::Seen {
                open: self.tally.opened - self.tally.lost,
                total: self.tally.total,
            }),
            Command::Close => {
                self.close();
                Ok(Answer::Done)
            }
        }
    }

    /// Handles events until `done`. False if the deadline passed first.
    fn turn_until(&mut self, mut done: impl FnMut(&Self) -> bool) -> io::Result<bool> {
        let end = clock::now() + DEADLINE;
        while !done(self) {
            if clock::now() > end {
                return Ok(false);
            }
            self.turn(Some(Duration::from_millis(100)))?;
        }
        Ok(true)
    }

    fn open(
        &mut self,
        transport: Transport,
        setup: Setup,
        count: usize,
        window: usize,
    ) -> io::Result<Answer> {
        let (opened, failed) = (self.tally.opened, self.tally.failed);
        let end = clock::now() + DEADLINE;
        // What an earlier act began, and had no time for, is part of this one.
        let begun = self.connections.iter().filter(|tab| tab.is_begun());
        let mut started = begun.count();
        loop {
            let settled = self.tally.opened + self.tally.failed - opened - failed;
            if settled == count || clock::now() > end {
                break;
            }
            while started < count && started - settled < window {
                self.start(transport, setup, self.connections.len() % PAGES)?;
                started += 1;
            }
            self.turn(Some(Duration::from_millis(100)))?;
        }
        Ok(Answer::Opened {
            opened: self.tally.opened - opened,
            failed: self.tally.failed - failed,
        })
    }

    fn update(&mut self, count: usize, per_second: u32) -> io::Result<Answer> {
        self.tally.refused = 0;
        let start = clock::now();
        let mut sent = 0;
        while sent < count {
            let due = start + Duration::from_secs(1) * u32::try_from(sent).unwrap_or(u32::MAX) / per_second;
            match due.checked_sub(clock::now()) {
                Some(early) if !early.is_zero() => self.turn(Some(early))?,
                Some(_) | None => {
                    let index = sent.wrapping_mul(STRIDE) % self.connections.len().max(1);
                    let next = (self.connections[index].page + 1) % PAGES;
                    self.navigate(index, next)?;
                    sent += 1;
                }
            }
        }
        self.turn_until(Self::posts_done)?;
        Ok(Answer::Updated {
            sent,
            refused: self.tally.refused,
        })
    }

    /// Tells the server that a tab now shows another page.
    fn navigate(&mut self, index: usize, page: usize) -> io::Result<()> {
        let route = route_name(page);
        let connection = &mut self.connections[index];
        connection.page = page;
        if !connection.is_websocket() {
            let body = format!(r#"{{"connectionId":"{}","route":"{route}"}}"#, connection.id);
            return self.post(post(self.servers[0], "route", &body));
        }
        let message = format!(r#"{{"type":"route-update","route":"{route}"}}"#);
        if connection.send_frame(0x1, message.as_bytes()).is_err() {
            self.tally.refused += 1;
        }
        Ok(())
    }

    fn place(&mut self, count: usize) -> io::Result<Answer> {
        self.tally.refused = 0;
        for index in 0..count.min(self.connections.len()) {
            self.navigate(index, PLACED)?;
        }
        self.turn_until(Self::posts_done)?;
        Ok(Answer::Updated {
            sent: count,
            refused: self.tally.refused,
        })
    }

    fn mark(&mut self) -> Answer {
        for connection in &mut self.connections {
            connection.told = false;
        }
        self.tally.told = 0;
        self.tally.stats = 0;
        self.tally.stats_bytes = 0;
        Answer::Done
    }

    fn await_versions(&mut self, count: usize) -> io::Result<Answer> {
        self.turn_until(|fleet| fleet.tally.told >= count)?;
        Ok(Answer::Versions {
            told: self.tally.told,
            last_at_ns: u64::try_from(self.tally.told_at.as_nanos()).unwrap_or(u64::MAX),
        })
    }

    fn subscribe(&mut self, subscription: Subscription) -> io::Result<Answer> {
        let server = self.servers[0];
        let Some(admin) = self.connections.first_mut() else {
            return Ok(Answer::Failed {
                why: "no connection to subscribe".to_owned(),
            });
        };
        admin.watching = true;
        let options = match subscription {
            Subscription::Deltas => r#","delta":true,"connections":false"#,
            Subscription::Complete => "",
        };
        if admin.is_websocket() {
            let message = format!(r#"{{"type":"subscribe-stats"{options}}}"#);
            admin.send_frame(0x1, message.as_bytes())?;
        } else {
            let body = format!(r#"{{"connectionId":"{}"{options}}}"#, admin.id);
            self.post(post(server, "subscribe-stats", &body))?;
        }
        let before = self.tally.stats;
        Ok(if self.turn_until(|fleet| fleet.tally.stats > before)? {
            Answer::Done
        } else {
            Answer::Failed {
                why: "subscribed, but no stats came".to_owned(),
            }
        })
    }

    fn lone(&mut self, samples: usize, quiet: Duration) -> io::Result<Answer> {
        let mut taken_ns = Vec::with_capacity(samples);
        for sample in 0..samples {
            // A little off each time, so that the moves do not fall into step with a timer of the server's.
            self.stay_quiet(quiet + Duration::from_micros((sample as u64 * 1_709) % 13_000))?;
            let stats = self.tally.stats;
            let moved_at = clock::now();
            self.navigate(1, sample % PAGES)?;
            if !self.turn_until(|fleet| fleet.tally.stats > stats)? {
                return Ok(Answer::Failed {
                    why: "a tab moved, but the admin was not told".to_owned(),
                });
            }
            let taken = self.tally.stats_at.saturating_sub(moved_at);
            taken_ns.push(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX));
        }
        Ok(Answer::Lone { taken_ns })
    }

    /// Handles events until the admin has not been told anything for so long.
    fn stay_quiet(&mut self, quiet: Duration) -> io::Result<()> {
        let mut since = clock::now();
        while let Some(rest) = (since + quiet).checked_sub(clock::now()) {
            if rest.is_zero() {
                break;
            }
            self.turn(Some(rest))?;
            since = since.max(self.tally.stats_at);
        }
        Ok(())
    }

    fn routes(&self) -> Answer {
        let mut routes = BTreeMap::new();
        for connection in self.connections.iter().filter(|tab| !tab.ended) {
            *routes.entry(route_name(connection.page)).or_default() += 1;
        }
        Answer::Routes {
            routes,
            lost: self.tally.lost,
        }
    }
}
