//! Messages from clients: one JSON object per WebSocket message, or the body of a POST.
//!
//! A message is recognised by parsing it, never by looking for a substring. An object whose `type` is not known is
//! [`ClientMessage::Unknown`] (it may come from a newer client) and harmless; a text that is not such an object is
//! [`Malformed`].

use std::borrow::Cow;

use serde::Deserialize;

use crate::epoch::Epoch;
use crate::outcome::Outcome;

/// A message from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// The tab shows another page.
    RouteUpdate {
        /// The page, as sent.
        route: Cow<'a, str>,
    },
    /// Whether the tab is visible now.
    Visibility {
        /// The tab is hidden.
        hidden: bool,
    },
    /// The tab wants stats.
    SubscribeStats(StatsForm),
    /// The tab wants no more stats.
    UnsubscribeStats,
    /// What the tab did about an invalidation.
    Ack {
        /// The command's number.
        id: u32,
        /// What it did.
        outcome: Outcome,
    },
    /// The tab wants a `pong`.
    Ping,
    /// The tab is still there.
    Alive,
    /// A well-formed message of a type that this revision does not know.
    Unknown,
}

/// In which form a subscriber wants its stats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StatsForm {
    /// What changed, after a whole message. Otherwise each message is whole.
    pub delta: bool,
    /// Connections one by one. Only in a subscription with deltas can they be left out.
    pub connections: bool,
}

impl Default for StatsForm {
    fn default() -> Self {
        Self {
            delta: false,
            connections: true,
        }
    }
}

/// A text that is not a message: not a JSON object, no string `type`, or a field of the wrong type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message of the protocol")]
pub struct Malformed;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    route: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct VisibilityFields {
    state: Sight,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sight {
    Visible,
    Hidden,
}

#[derive(Deserialize)]
struct AckFields {
    id: u32,
    #[serde(with = "OutcomeWord")]
    outcome: Outcome,
}

/// How an outcome is written.
#[derive(Deserialize)]
#[serde(remote = "Outcome", rename_all = "lowercase")]
enum OutcomeWord {
    Reloading,
    Waiting,
    Held,
    Prompted,
    Stuck,
    Current,
}

/// Parses one WebSocket message. The bare text `ping` counts as one.
pub fn parse(text: &str) -> Result<ClientMessage<'_>, Malformed> {
    if text == "ping" {
        return Ok(ClientMessage::Ping);
    }
    let Envelope { kind, route } = object(text)?;
    match &*kind {
        "route-update" => route
            .map(|route| ClientMessage::RouteUpdate { route })
            .ok_or(Malformed),
        "visibility" => object(text).map(|VisibilityFields { state }| ClientMessage::Visibility {
            hidden: state == Sight::Hidden,
        }),
        "subscribe-stats" => object(text).map(ClientMessage::SubscribeStats),
        "ack" => object(text).map(|AckFields { id, outcome }| ClientMessage::Ack { id, outcome }),
        "unsubscribe-stats" => Ok(ClientMessage::UnsubscribeStats),
        "ping" => Ok(ClientMessage::Ping),
        "alive" => Ok(ClientMessage::Alive),
        _ => Ok(ClientMessage::Unknown),
    }
}

/// Parses a JSON object; serde alone would also take a list of the fields' values.
pub fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Malformed> {
    if !text.trim_start().starts_with('{') {
        return Err(Malformed);
    }
    serde_json::from_str(text).map_err(|_| Malformed)
}

/// Body of `POST route`.
#[derive(Debug, Deserialize)]
pub struct RouteBody<'a> {
    /// The connection, as its tab was told.
    #[serde(borrow, rename = "connectionId")]
    pub connection_id: Cow<'a, str>,
    /// The page the tab shows.
    #[serde(borrow)]
    pub route: Cow<'a, str>,
}

/// Body of `POST subscribe-stats`, and the field that `POST message` adds to any message: its connection.
#[derive(Debug, Deserialize)]
pub struct Addressed<'a> {
    /// The connection, as its tab was told.
    #[serde(borrow, rename = "connectionId")]
    pub connection_id: Cow<'a, str>,
}

/// `reloaded` of a request for a stream: the commands that a page was reloaded for. Written `3f9a0c2b77d1.17,19`, or
/// without an epoch by clients of a server that sends none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    epoch: Option<Epoch>,
    ids: Vec<u32>,
}

impl Reloaded {
    /// Reads at most 64 numbers. Skips items that are not numbers, and everything after an invalid epoch.
    pub fn parse(text: &str) -> Self {
        let (epoch, ids) = match text
            .split_once('.')
            .map(|(epoch, ids)| (Epoch::parse(epoch), ids))
        {
            Some((None, _)) => return Self::default(),
            Some((epoch, ids)) => (epoch, ids),
            None => (None, text),
        };
        let ids = ids.split(',').take(crate::invalidation::POSITIONS);
        Self {
            epoch,
            ids: ids.filter_map(|id| id.parse().ok()).collect(),
        }
    }

    /// The numbers, as far as they are those of a server of this epoch.
    pub fn within(&self, epoch: Option<Epoch>) -> &[u32] {
        if self.epoch.is_none_or(|own| Some(own) == epoch) {
            &self.ids
        } else {
            &[]
        }
    }
}

/// What a returning page knows: sent in `connected` and as SSE `id:`, given back in `since` or as `Last-Event-ID`. Written
/// `3f9a0c2b77d1.11` or `3f9a0c2b77d1.11;12,15`: the epoch, the newest command when it was loaded, and the standing commands it was
/// told since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// Whose numbers these are; `None`: a server that named no epoch wrote it.
    pub epoch: Option<Epoch>,
    /// The newest command when it was loaded.
    pub since: u32,
    /// The commands it was told, of which at most 64 stand. The others do no harm, and how many a request can name is limited
    /// by the size of its head.
    pub told: Vec<u32>,
}

impl Resume {
    /// Reads what [`Resume::write`] wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, text) = match text.split_once('.') {
            Some((epoch, rest)) => (Some(Epoch::parse(epoch)?), rest),
            None => (None, text),
        };
        let (since, told) = match text.split_once(';') {
            Some((since, told)) => (since, Some(told)),
            None => (text, None),
        };
        let told = told.into_iter().flat_map(|told| told.split(','));
        Some(Self {
            epoch,
            since: command(since)?,
            told: told.map(command).collect::<Option<_>>()?,
        })
    }

    /// The part that holds for a server of this epoch: the newest command, and those the page was told. A page from another epoch
    /// was loaded before every command of this one.
    pub fn within(&self, epoch: Option<Epoch>) -> (u32, &[u32]) {
        if self.epoch.is_none_or(|own| Some(own) == epoch) {
            (self.since, &self.told)
        } else {
            (0, &[])
        }
    }

    /// The text of it.
    pub fn write(epoch: Epoch, since: u32, told: impl Iterator<Item = u32>) -> String {
        let mut text = format!("{epoch}.{since}");
        for (position, id) in told.enumerate() {
            text.push(if position == 0 { ';' } else { ',' });
            text.push_str(&id.to_string());
        }
        text
    }
}

/// The number of a command as it is written: digits alone, and no zero before them.
fn command(text: &str) -> Option<u32> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        text: String,
        expect: serde_json::Value,
    }

    fn shown(message: Result<ClientMessage<'_>, Malformed>) -> serde_json::Value {
        match message {
            Ok(ClientMessage::RouteUpdate { route }) => serde_json::json!({"routeUpdate": route}),
            Ok(ClientMessage::Visibility { hidden }) => serde_json::json!({"hidden": hidden}),
            Ok(ClientMessage::SubscribeStats(form)) => {
                serde_json::json!({"subscribe": {"delta": form.delta, "connections": form.connections}})
            }
            Ok(ClientMessage::Ack { id, outcome }) => {
                serde_json::json!({"ack": {"id": id, "outcome": format!("{outcome:?}").to_lowercase()}})
            }
            Ok(ClientMessage::UnsubscribeStats) => "unsubscribe-stats".into(),
            Ok(ClientMessage::Ping) => "ping".into(),
            Ok(ClientMessage::Alive) => "alive".into(),
            Ok(ClientMessage::Unknown) => "unknown".into(),
            Err(Malformed) => "malformed".into(),
        }
    }

    #[test]
    fn vectors() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../protocol/vectors/client-messages.json")).unwrap();
        assert!(cases.len() >= 20);
        for case in cases {
            assert_eq!(shown(parse(&case.text)), case.expect, "{}", case.name);
        }
    }

    #[test]
    fn the_commands_a_page_was_reloaded_for_are_numbers() {
        let epoch = Epoch::new(7);
        let reloaded = |text: &str| Reloaded::parse(text).within(Some(epoch)).to_vec();
        assert_eq!(reloaded("17,19"), [17, 19]);
        assert_eq!(reloaded("x,-1,,4294967296,5"), [5]);
        assert_eq!(reloaded(&"1,".repeat(100)).len(), 64);
        assert_eq!(reloaded("000000000007.17,19"), [17, 19]);
        assert_eq!(reloaded("000000000008.17,19"), [0; 0], "of another server");
        assert_eq!(reloaded("7.17"), [0; 0]);
    }

    #[test]
    fn what_a_page_knows_survives_the_way_through_a_browser() {
        for (since, told) in [(0, vec![]), (17, vec![12]), (u32::MAX, vec![1, 2, 3])] {
            let epoch = Epoch::new(u64::from(since) << 20);
            let text = Resume::write(epoch, since, told.iter().copied());
            let read = Resume::parse(&text).unwrap();
            assert_eq!(read.within(Some(epoch)), (since, &*told), "{text}");
            assert_eq!(
                read.within(Some(Epoch::new(5))),
                (0, &[][..]),
                "of another epoch: {text}"
            );
            // As a server wrote it that named no epoch.
            let read = Resume::parse(text.split_once('.').unwrap().1).unwrap();
            assert_eq!(
                (read.epoch, read.within(Some(epoch))),
                (None, (since, &*told)),
                "{text}"
            );
        }
        for text in [
            "",
            "x",
            "1;",
            "1;x",
            "1;;",
            "-1",
            "+1",
            "01",
            "1;+2",
            "99999999999",
            "1,2",
            ".1",
            "3f9a0c2b77d1",
            "3f9a0c2b77d1.",
            "3f9a0c2b77d.1",
            "3F9A0C2B77D1.1",
            "3f9a0c2b77d1.3f9a0c2b77d1.1",
        ] {
            assert_eq!(Resume::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_the_vectors_bring_back_is_read() {
        let text = include_str!("../../../../protocol/vectors/resume.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut read = 0;
        for case in vectors["cases"].as_array().unwrap() {
            let Some(text) = case["since"].as_str() else {
                continue;
            };
            let resume = Resume::parse(text).unwrap();
            let (since, told) = resume.within(Some(Epoch::new(1)));
            let told: Vec<String> = told.iter().map(u32::to_string).collect();
            let again = [vec![since.to_string()], told].concat();
            assert_eq!(
                text.split([';', ',']).collect::<Vec<_>>(),
                again,
                "{}",
                case["name"]
            );
            read += 1;
        }
        assert!(read > 3, "{read}");
    }
}
