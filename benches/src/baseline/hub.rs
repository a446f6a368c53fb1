//! The baseline's registry: a `DashMap` from id to connection, scanned for each question.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::Utf8Bytes;
use dashmap::DashMap;
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;

/// Messages that wait for one connection. Further ones are dropped.
const QUEUE: usize = 32;

pub(super) struct Hub {
    connections: DashMap<String, Connection>,
    admins: DashMap<String, mpsc::Sender<Utf8Bytes>>,
    release: RwLock<String>,
}

struct Connection {
    version: String,
    route: String,
    sender: mpsc::Sender<Utf8Bytes>,
}

/// One open connection. Dropping it removes the connection from the registry.
pub(super) struct Opened {
    hub: Arc<Hub>,
    id: String,
    pub(super) first: Utf8Bytes,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stats {
    #[serde(rename = "type")]
    kind: &'static str,
    total: usize,
    versions: HashMap<String, usize>,
    routes: HashMap<String, usize>,
    connections: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    your_id: Option<String>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    version: String,
    route: String,
}

impl Hub {
    pub(super) fn new(release: String) -> Self {
        Self {
            connections: DashMap::new(),
            admins: DashMap::new(),
            release: RwLock::new(release),
        }
    }

    pub(super) fn release(&self) -> String {
        self.release
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn open(
        self: &Arc<Self>,
        version: String,
        route: String,
    ) -> (Opened, mpsc::Receiver<Utf8Bytes>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let id = new_id();
        let first = json!({
            "type": "connected",
            "version": self.release(),
            "connectionId": id,
            "timestamp": timestamp_ms(),
        });
        self.connections.insert(
            id.clone(),
            Connection {
                version,
                route,
                sender,
            },
        );
        self.publish_stats();
        let opened = Opened {
            hub: self.clone(),
            id,
            first: first.to_string().into(),
        };
        (opened, receiver)
    }

    pub(super) fn navigate(&self, id: &str, route: String) -> bool {
        let known = self
            .connections
            .get_mut(id)
            .map(|mut connection| connection.route = route)
            .is_some();
        if known {
            self.publish_stats();
        }
        known
    }

    pub(super) fn subscribe(&self, id: &str) {
        let sender = self
            .connections
            .get(id)
            .map(|connection| connection.sender.clone());
        if let Some(sender) = sender {
            self.admins.insert(id.to_owned(), sender);
            self.publish_stats();
        }
    }

    /// Everything, counted again.
    pub(super) fn stats(&self) -> Stats {
        let mut stats = Stats {
            kind: "stats",
            ..Stats::default()
        };
        for entry in &self.connections {
            stats.total += 1;
            *stats.versions.entry(entry.version.clone()).or_default() += 1;
            *stats.routes.entry(entry.route.clone()).or_default() += 1;
            stats.connections.push(Row {
                id: entry.key().clone(),
                version: entry.version.clone(),
                route: entry.route.clone(),
            });
        }
        stats
    }

    fn publish_stats(&self) {
        if self.admins.is_empty() {
            return;
        }
        let mut stats = self.stats();
        for admin in &self.admins {
            stats.your_id = Some(admin.key().clone());
            if let Ok(text) = serde_json::to_string(&stats) {
                drop(admin.value().try_send(text.into()));
            }
        }
    }

    /// Makes a release current and tells all tabs. Returns how many were told.
    pub(super) fn announce(&self, version: &str) -> usize {
        version.clone_into(&mut self.release.write().unwrap_or_else(PoisonError::into_inner));
        self.tell(
            "",
            &json!({ "type": "version", "version": version, "timestamp": timestamp_ms() }).to_string(),
        )
    }

    /// Tells all tabs whose route begins with `prefix` to refresh. Returns how many were told.
    pub(super) fn invalidate(&self, prefix: &str) -> usize {
        let version = self.release();
        let message =
            json!({ "type": "version", "version": version, "force": true, "timestamp": timestamp_ms() });
        self.tell(prefix, &message.to_string())
    }

    fn tell(&self, prefix: &str, text: &str) -> usize {
        let message = Utf8Bytes::from(text);
        let matching = self
            .connections
            .iter()
            .filter(|entry| entry.route.starts_with(prefix));
        matching
            .filter(|entry| entry.sender.try_send(message.clone()).is_ok())
            .count()
    }
}

impl Opened {
    /// Does what a client's message asks for. Answers what to reply.
    pub(super) fn receive(&self, text: &str) -> Option<Utf8Bytes> {
        let message: serde_json::Value = serde_json::from_str(text).ok()?;
        match message["type"].as_str()? {
            "route-update" => {
                self.hub.navigate(&self.id, message["route"].as_str()?.to_owned());
                None
            }
            "subscribe-stats" => {
                self.hub.subscribe(&self.id);
                None
            }
            "ping" => Some(Utf8Bytes::from_static(r#"{"type":"pong"}"#)),
            _ => None,
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.hub.admins.remove(&self.id);
        self.hub.connections.remove(&self.id);
        self.hub.publish_stats();
    }
}

fn new_id() -> String {
    let mut bytes = [0; 16];
    let _filled = getrandom::fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the baseline is on its own; it has no clock to ask"
)]
pub(super) fn timestamp_ms() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_millis()
}
