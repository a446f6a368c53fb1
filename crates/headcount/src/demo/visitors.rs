//! Simulated visitors: each is a task with its own socket that comes, walks through the shop, leaves, and comes back.
//!
//! A visitor's tab keeps the build it was loaded with, as a real one does: it moves on to the current release only when it
//! is told to refresh, or when its visitor leaves and opens the shop again. So an old release fades over minutes, and
//! `headcount invalidate` ends it at once, except for visitors who are filling in a form: their tabs hold the refresh
//! until they are done.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use headcount_server::config::Config;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::chance::Chance;
use super::socket::Socket;
use super::walk::{self, Step};

/// The release that some visitors still have.
const OLD_RELEASE: &str = "v1";
/// Of a hundred visitors, how many come with a tab of the old release.
const OLD_PERCENT: u32 = 40;
/// Over how long the first visitors come in, milliseconds.
const ARRIVAL_MS: u32 = 4_000;
/// How long a page is looked at: least and most, milliseconds.
const DWELL_MS: (u32, u32) = (3_000, 20_000);
/// Of a hundred pages, how many stay open behind another tab.
const HIDDEN_PERCENT: u32 = 15;
/// Of a hundred visitors whose tab must refresh at the checkout, how many are filling in its form.
const BUSY_PERCENT: u32 = 40;
/// How long such a form takes: least and most, milliseconds.
const FORM_MS: (u32, u32) = (4_000, 25_000);

/// What everyone in the demo knows of the shop.
#[derive(Clone)]
pub(super) struct Shop {
    /// Where its servers listen, one or more.
    pub(super) addresses: Arc<[SocketAddr]>,
    /// Where headcount's own endpoints are.
    pub(super) base_path: String,
    /// Where the board is.
    pub(super) board_path: String,
    /// The cookie that carries a tab's version.
    pub(super) cookie: String,
    /// The release that a page loaded now has.
    pub(super) release: Arc<dyn Fn() -> String + Send + Sync>,
}

impl Shop {
    /// A shop on these addresses, with everything else as headcount has it by default.
    pub(super) fn of(addresses: &[SocketAddr], release: Arc<dyn Fn() -> String + Send + Sync>) -> Self {
        let config = Config::default();
        Self {
            addresses: addresses.into(),
            cookie: config.version_cookie(),
            base_path: config.base_path,
            board_path: config.board_path.unwrap_or_default(),
            release,
        }
    }
}

/// Lets `count` visitors in. They stay until the set is dropped.
pub(super) fn invite(count: u16, shop: &Shop, seed: u64) -> JoinSet<()> {
    let mut visitors = JoinSet::new();
    for number in 0..count {
        let visitor = Visitor {
            shop: shop.clone(),
            chance: Chance::new(seed ^ (u64::from(number) << 32)),
            turn: number.into(),
            number,
            tabs: 0,
            dwell_ms: DWELL_MS,
            form_ms: FORM_MS,
        };
        visitors.spawn(visitor.visit_for_ever());
    }
    visitors
}

struct Visitor {
    shop: Shop,
    chance: Chance,
    /// Counts page loads: each goes to the next server, as through a balancer without stickiness.
    turn: usize,
    number: u16,
    /// Tabs that it closed.
    tabs: u32,
    /// How long a page is looked at: least and most, milliseconds.
    dwell_ms: (u32, u32),
    /// How long a form takes, likewise.
    form_ms: (u32, u32),
}

/// What ended a page load.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// The tab was closed.
    Left,
    /// The server asked for a refresh by the command of this number; the tab is on this page.
    Refresh(&'static str, u32),
}

/// What the server says, as far as a visitor listens.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    id: u32,
}

impl Visitor {
    async fn visit_for_ever(mut self) {
        sleep(self.chance.between(0, ARRIVAL_MS)).await;
        let mut version = if self.chance.percent(OLD_PERCENT) {
            OLD_RELEASE.to_owned()
        } else {
            (self.shop.release)()
        };
        let mut page = walk::entrance(&mut self.chance);
        let mut reloaded = None;
        loop {
            match self.load(page, &version, reloaded.take()).await {
                // Loading a page takes a moment, and not every browser the same.
                Ok(Ended::Refresh(on, command)) => {
                    page = on;
                    reloaded = Some(command);
                    sleep(self.chance.between(100, 900)).await;
                }
                Ok(Ended::Left) => {
                    self.tabs += 1;
                    page = walk::entrance(&mut self.chance);
                    sleep(self.chance.between(2_000, 15_000)).await;
                }
                // The server is full, stopping or gone. A tab keeps its build while it waits.
                Err(_) => {
                    sleep(self.chance.between(1_000, 10_000)).await;
                    continue;
                }
            }
            version = (self.shop.release)();
        }
    }

    /// One page load, maybe for a command: a socket, and pages that are turned without leaving it.
    async fn load(
        &mut self,
        mut page: &'static str,
        version: &str,
        reloaded: Option<u32>,
    ) -> io::Result<Ended> {
        let Shop {
            addresses,
            base_path,
            cookie,
            ..
        } = &self.shop;
        let address = addresses.get(self.turn % addresses.len().max(1));
        let address = *address.ok_or(io::ErrorKind::AddrNotAvailable)?;
        self.turn = self.turn.wrapping_add(1);
        let version = utf8_percent_encode(version, NON_ALPHANUMERIC);
        let (number, tab) = (self.number, self.tabs);
        let mut target = format!("{base_path}/ws?route={page}&v={version}&tab=visitor-{number}-{tab}");
        if let Some(command) = reloaded {
            // Writing into a String cannot fail.
            let _ = write!(target, "&reloaded={command}");
        }
        let mut socket = Socket::open(address, &target, &format!("{cookie}={version}")).await?;
        loop {
            let hidden = self.chance.percent(HIDDEN_PERCENT);
            if hidden {
                socket.send(&said("hidden")).await?;
            }
            let dwell = self.chance.between(self.dwell_ms.0, self.dwell_ms.1);
            if let Ok(told) = timeout(dwell, refresh(&mut socket)).await {
                return self.obey(socket, page, told?).await;
            }
            if hidden {
                socket.send(&said("visible")).await?;
            }
            match walk::step(page, &mut self.chance) {
                Step::Leave => return socket.close().await.map(|()| Ended::Left),
                Step::To(next) => page = next,
            }
            socket
                .send(&format!(r#"{{"type":"route-update","route":"{page}"}}"#))
                .await?;
        }
    }

    /// Refreshes, after the form that may be half filled in.
    async fn obey(&mut self, mut socket: Socket, page: &'static str, command: u32) -> io::Result<Ended> {
        if page.starts_with("/checkout") && self.chance.percent(BUSY_PERCENT) {
            socket.send(&acknowledged(command, "held")).await?;
            let done = sleep(self.chance.between(self.form_ms.0, self.form_ms.1));
            tokio::pin!(done);
            loop {
                tokio::select! {
                    () = &mut done => break,
                    // During the wait, pings are answered and the end of the stream is noticed.
                    other = socket.next() => drop(other?),
                }
            }
        }
        socket.send(&acknowledged(command, "reloading")).await?;
        socket.close().await.map(|()| Ended::Refresh(page, command))
    }
}

/// Resolves when the server asks for a refresh, with the command's number.
async fn refresh(socket: &mut Socket) -> io::Result<u32> {
    loop {
        let text = socket.next().await?;
        if let Ok(said) = serde_json::from_str::<Said>(&text)
            && said.kind == "version"
            && said.force
        {
            return Ok(said.id);
        }
    }
}

fn said(state: &str) -> String {
    format!(r#"{{"type":"visibility","state":"{state}"}}"#)
}

fn acknowledged(command: u32, outcome: &str) -> String {
    format!(r#"{{"type":"ack","id":{command},"outcome":"{outcome}"}}"#)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::TcpListener;
    use std::thread::JoinHandle;
    use std::time::Duration;

    use tungstenite::Message;
    use tungstenite::handshake::server::{Request, Response};

    use super::*;

    /// What a tab showed when it connected, and all it said.
    type Visit = (String, String, Vec<Message>);

    /// A real WebSocket server on a thread: says `greetings` to one tab, then listens until it goes.
    fn shop(greetings: &'static [&'static str]) -> (Shop, JoinHandle<Visit>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let (mut target, mut cookie) = (String::new(), String::new());
            #[expect(clippy::result_large_err, reason = "the shape that tungstenite asks for")]
            let look = |request: &Request, response: Response| {
                target = request.uri().to_string();
                cookie = request.headers()["cookie"].to_str().unwrap().to_owned();
                Ok(response)
            };
            let mut socket = tungstenite::accept_hdr(stream, look).unwrap();
            for greeting in greetings {
                socket.send(Message::text(*greeting)).unwrap();
            }
            let mut said = Vec::new();
            while let Ok(message) = socket.read() {
                said.push(message);
            }
            (target, cookie, said)
        });
        (Shop::of(&[address], Arc::new(|| "v2".to_owned())), thread)
    }

    fn visitor(shop: Shop, seed: u64) -> Visitor {
        Visitor {
            shop,
            chance: Chance::new(seed),
            turn: 0,
            number: 5,
            tabs: 0,
            dwell_ms: DWELL_MS,
            form_ms: (1, 3),
        }
    }

    /// What was said, but for whether the tab can be seen and the goodbye.
    fn texts(said: &[Message]) -> Vec<String> {
        let texts = said.iter().filter_map(|message| match message {
            Message::Text(text) => Some(text.to_string()),
            _ => None,
        });
        texts.filter(|text| !text.contains("visibility")).collect()
    }

    async fn joined(thread: JoinHandle<Visit>) -> Visit {
        tokio::task::spawn_blocking(|| thread.join().unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_tab_shows_its_build_and_page_and_obeys_a_forced_refresh_alone() {
        let (shop, thread) = shop(&[
            r#"{"type":"connected","version":"v2","connectionId":"a","timestamp":1}"#,
            r#"{"type":"version","version":"v3","id":1}"#,
            r#"{"type":"version","version":"v3","force":true,"id":2}"#,
        ]);
        let mut visitor = visitor(shop, 1);
        assert_eq!(
            visitor.load("/about", "v 1", Some(7)).await.unwrap(),
            Ended::Refresh("/about", 2)
        );
        let (target, cookie, said) = joined(thread).await;
        assert_eq!(
            (&*target, &*cookie),
            (
                "/__skew/ws?route=/about&v=v%201&tab=visitor-5-0&reloaded=7",
                "__nkpv=v%201"
            )
        );
        assert_eq!(texts(&said), [acknowledged(2, "reloading")]);
    }

    #[tokio::test]
    async fn some_at_the_checkout_finish_their_form_first() {
        let told = &[r#"{"type":"version","version":"v3","force":true,"id":2}"#];
        let mut seen = BTreeSet::new();
        for seed in 0..20 {
            let (shop, thread) = shop(told);
            let ended = visitor(shop, seed).load("/checkout", "v1", None).await.unwrap();
            assert_eq!(ended, Ended::Refresh("/checkout", 2));
            let (.., said) = joined(thread).await;
            let words = texts(&said)
                .into_iter()
                .filter(|text| text.contains("ack"))
                .collect();
            seen.insert(words);
        }
        let [held, reloading] = ["held", "reloading"].map(|outcome| acknowledged(2, outcome));
        assert_eq!(
            seen,
            BTreeSet::from([vec![held, reloading.clone()], vec![reloading]])
        );
    }

    #[tokio::test]
    async fn a_tab_left_alone_walks_and_leaves() {
        let (shop, thread) = shop(&[]);
        let mut visitor = visitor(shop, 4);
        visitor.dwell_ms = (1, 3);
        assert_eq!(visitor.load("/", "v2", None).await.unwrap(), Ended::Left);
        let (.., said) = joined(thread).await;
        assert!(matches!(said.last(), Some(Message::Close(_))), "{said:?}");
        let walked: Vec<serde_json::Value> = texts(&said)
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        assert!(!walked.is_empty());
        for update in walked {
            assert_eq!(update["type"], "route-update");
            assert!(update["route"].as_str().unwrap().starts_with('/'));
        }
    }

    #[tokio::test]
    async fn a_server_that_goes_away_is_an_error_and_not_a_refresh() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shop = Shop::of(&[listener.local_addr().unwrap()], Arc::new(String::new));
        drop(listener);
        assert!(visitor(shop, 1).load("/", "v2", None).await.is_err());
    }
}
