//! Reads a request for a stream: which tab it is, which page it shows, and whether it may connect.
//!
//! Both doors ask here, so a connection is the same thing whichever way it came in.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use headcount_core::protocol::client::{Reloaded, Resume};
use headcount_core::registry::OTHER_TEXT;
use headcount_core::{route, version};
use headcount_shard::{Mark, Newcomer};

use crate::authorize::{BROWSER_COOKIE, Credentials};
use crate::head::{Head, cookie, query_parameter};
use crate::origin;
use crate::site::{KnownAddress, Site};

pub(crate) use headcount_shard::Transport;

/// A connection that may open.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) transport: Transport,
    /// `None`: the current release.
    pub(crate) version: Option<String>,
    pub(crate) route: String,
    pub(crate) tab: Option<u64>,
    pub(crate) resume: Option<Resume>,
    /// The tab is hidden.
    pub(crate) hidden: bool,
    /// It answers each `keepalive`, on either transport.
    pub(crate) owes: bool,
    /// The commands that the page was reloaded for.
    pub(crate) reloaded: Reloaded,
    pub(crate) ip: Option<IpAddr>,
    /// What it counts as for the limit per address.
    pub(crate) address: Option<u64>,
    /// The credentials of a WebSocket handshake, for a subscription by message. SSE subscribes by POST, which sends them
    /// again.
    pub(crate) credentials: Option<Arc<Credentials>>,
    /// The mark of what was shown.
    pub(crate) shown: Mark,
    pub(crate) browser: Browser,
    /// The other origin it comes from, if that is allowed: the answer must name it.
    pub(crate) cross_origin: Option<String>,
}

/// Which browser opened a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Browser {
    /// Not needed: stats are open to no one, or to anyone.
    Any,
    /// The one that sent the cookie with this mark.
    Known(Mark),
    /// One that sent no cookie yet, and is now given this one.
    New(String),
}

/// Why a connection may not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    /// A page of an origin that is not allowed.
    Origin,
    /// A crawler: answered, neither counted nor kept.
    Bot,
}

/// Judges a request for a stream.
pub(crate) fn judge(
    site: &Site,
    head: &dyn Head,
    transport: Transport,
    peer: Option<IpAddr>,
) -> Result<Candidate, NotAdmitted> {
    let cross_origin = match site.origins.classify(head) {
        origin::RequestOrigin::Foreign => return Err(NotAdmitted::Origin),
        origin::RequestOrigin::Allowed(origin) => Some(origin.to_owned()),
        origin::RequestOrigin::NotABrowser | origin::RequestOrigin::SameOrigin => None,
    };
    if site.bots.is_bot(head.header("user-agent")) {
        return Err(NotAdmitted::Bot);
    }
    let config = &site.config;
    let client = site.client(head, peer);
    let ip = client
        .filter(|_| config.ip_tracking)
        .and_then(KnownAddress::address);
    let credentials = site.credentials(head);
    let shown = credentials.as_ref().map_or(Mark::NONE, |shown| site.mark(shown));
    Ok(Candidate {
        transport,
        version: version_of(site, head),
        route: route_of(site, head),
        tab: query_parameter(head, "tab")
            .filter(|tab| (1..=64).contains(&tab.len()))
            .map(|tab| site.tab_hash(&tab)),
        resume: resume_of(head),
        hidden: query_parameter(head, "visibility").is_some_and(|state| state == "hidden"),
        owes: query_parameter(head, "alive").is_some_and(|alive| alive == "1"),
        reloaded: query_parameter(head, "reloaded")
            .map_or_else(Reloaded::default, |text| Reloaded::parse(&text)),
        ip,
        address: site.address_to_limit(client),
        credentials: credentials.filter(|_| transport == Transport::WebSocket),
        shown,
        browser: browser_of(site, head),
        cross_origin,
    })
}

/// The mark of the browser cookie that a request carries.
pub(crate) fn browser_cookie(site: &Site, head: &dyn Head) -> Mark {
    cookie(head, BROWSER_COOKIE).map_or(Mark::NONE, |value| site.mark(value))
}

impl Candidate {
    /// What the shards need of it.
    pub(crate) fn newcomer(self, site: &Site) -> Newcomer {
        Newcomer {
            transport: self.transport,
            version: self.version,
            route: self.route,
            tab: self.tab,
            resume: self.resume,
            hidden: self.hidden,
            owes: self.owes,
            reloaded: self.reloaded,
            ip: self.ip,
            credentials: self.credentials,
            shown: self.shown,
            browser: match &self.browser {
                Browser::Any => Mark::NONE,
                Browser::Known(mark) => *mark,
                Browser::New(value) => site.mark(value),
            },
        }
    }

    /// The cookie that the answer sets, if any.
    pub(crate) fn set_cookie(&self, site: &Site) -> Option<String> {
        let Browser::New(value) = &self.browser else {
            return None;
        };
        Some(format!(
            "{BROWSER_COOKIE}={value}; Path={}; HttpOnly; SameSite=Lax",
            site.config.base_path
        ))
    }

    /// Header lines for the answer that opens the stream, each ended by CRLF.
    pub(crate) fn header_lines(&self, site: &Site) -> String {
        let mut lines = String::new();
        if let Some(value) = self.set_cookie(site) {
            lines.extend(["set-cookie: ", &value, "\r\n"]);
        }
        if let Some(origin) = &self.cross_origin {
            lines.extend(["access-control-allow-origin: ", origin, "\r\n"]);
            lines.push_str("access-control-allow-credentials: true\r\nvary: origin\r\n");
        }
        lines
    }
}

fn version_of(site: &Site, head: &dyn Head) -> Option<String> {
    let max = usize::from(site.config.limits.version_bytes_max);
    let stated = query_parameter(head, "v")
        .filter(|version| !version.is_empty())
        .or_else(|| {
            cookie(head, &site.version_cookie)
                .map(|value| {
                    percent_encoding::percent_decode_str(value)
                        .decode_utf8_lossy()
                        .into_owned()
                })
                .filter(|version| !version.is_empty())
        })?;
    Some(match version::check(&stated, max) {
        Ok(_) => stated,
        Err(_) => OTHER_TEXT.to_owned(),
    })
}

fn route_of(site: &Site, head: &dyn Head) -> String {
    if !site.config.route_tracking {
        return String::new();
    }
    let max = usize::from(site.config.limits.route_bytes_max);
    query_parameter(head, "route")
        .and_then(|route| {
            route::normalise(&route, max)
                .ok()
                .map(std::borrow::Cow::into_owned)
        })
        .unwrap_or_else(|| "/".to_owned())
}

fn resume_of(head: &dyn Head) -> Option<Resume> {
    head.header("last-event-id")
        .and_then(Resume::parse)
        .or_else(|| query_parameter(head, "since").and_then(|since| Resume::parse(&since)))
}

fn browser_of(site: &Site, head: &dyn Head) -> Browser {
    if !site.compares_browsers() {
        return Browser::Any;
    }
    match browser_cookie(site, head) {
        Mark::NONE => Browser::New(fresh_browser()),
        mark => Browser::Known(mark),
    }
}

fn fresh_browser() -> String {
    let mut random = [0_u8; 16];
    if getrandom::fill(&mut random).is_err() {
        // Without a random source a cookie could be forged: this one cannot be sent back.
        static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        return format!("none-{}", COUNTER.fetch_add(1, Ordering::Relaxed));
    }
    format!("{:032x}", u128::from_ne_bytes(random))
}
