//! Messages from clients: a written message is read back, and everything else is refused.

use serde_json::{Value, json};

use super::{Input, cases};
use crate::outcome::Outcome;
use crate::protocol::client::{ClientMessage, Malformed, RouteBody, StatsForm, object, parse};

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0000",
    "\\ud83d",
    "\"type\":",
    "\"route-update\"",
    "\"route\":",
    "\"/a\"",
    "\"visibility\"",
    "\"state\":",
    "\"hidden\"",
    "\"subscribe-stats\"",
    "\"delta\":",
    "\"connections\":",
    "true",
    "false",
    "null",
    "\"unsubscribe-stats\"",
    "\"ack\"",
    "\"id\":",
    "17",
    "4294967296",
    "-1",
    "1e9",
    "\"outcome\":",
    "\"held\"",
    "\"reloading\"",
    "\"ping\"",
    "ping",
    "{\"type\":\"route-update\",\"route\":\"/a\"",
    "\"later\"",
    "\"connectionId\":",
    " ",
];

/// A message as a client writes it, and what it means.
fn written(input: &mut Input<'_>) -> (Value, ClientMessage<'static>) {
    let text = input.text(60, WORDS);
    let (id, first, second) = (input.u32(), input.flag(), input.flag());
    match input.below(6) {
        0 => (
            json!({"type": "route-update", "route": text}),
            ClientMessage::RouteUpdate { route: text.into() },
        ),
        1 => {
            let state = if first { "hidden" } else { "visible" };
            let message = json!({"type": "visibility", "state": state, "later": text});
            (message, ClientMessage::Visibility { hidden: first })
        }
        2 => {
            let form = StatsForm {
                delta: first,
                connections: second,
            };
            let message = json!({"type": "subscribe-stats", "delta": first, "connections": second});
            (message, ClientMessage::SubscribeStats(form))
        }
        3 => (
            json!({"type": "ack", "id": id, "outcome": "stuck"}),
            ClientMessage::Ack {
                id,
                outcome: Outcome::Stuck,
            },
        ),
        4 => (
            json!({"type": "unsubscribe-stats", "later": text}),
            ClientMessage::UnsubscribeStats,
        ),
        _ => (
            json!({"type": format!("x{text}"), "later": id}),
            ClientMessage::Unknown,
        ),
    }
}

/// A text that was read as a message is an object with the same fields.
fn is_said_by(message: &ClientMessage<'_>, text: &str) -> bool {
    let fields = match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => fields,
        // A number that no float can hold, in a field that is not read.
        Err(error) if error.to_string().starts_with("number out of range") => return true,
        _ => return *message == ClientMessage::Ping && text == "ping",
    };
    let field = |name: &str| fields.get(name).and_then(Value::as_str);
    match message {
        ClientMessage::RouteUpdate { route } => {
            field("type") == Some("route-update") && field("route") == Some(route)
        }
        ClientMessage::Visibility { hidden } => {
            field("type") == Some("visibility")
                && field("state") == Some(if *hidden { "hidden" } else { "visible" })
        }
        ClientMessage::SubscribeStats(_) => field("type") == Some("subscribe-stats"),
        ClientMessage::UnsubscribeStats => field("type") == Some("unsubscribe-stats"),
        ClientMessage::Ack { id, .. } => field("type") == Some("ack") && fields.get("id") == Some(&json!(id)),
        ClientMessage::Ping => field("type") == Some("ping"),
        ClientMessage::Alive => field("type") == Some("alive"),
        ClientMessage::Unknown => field("type").is_some(),
    }
}

#[test]
fn a_message_is_what_its_text_says() {
    bolero::check!(name = "messages")
        .with_iterations(3_000)
        .with_generator(cases(384))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let (value, message) = written(&mut input);
            assert_eq!(parse(&value.to_string()), Ok(message), "{value}");

            let text = input.text(200, WORDS);
            match parse(&text) {
                Ok(message) => assert!(is_said_by(&message, &text), "{text:?} -> {message:?}"),
                Err(Malformed) => assert_ne!(text, "ping"),
            }
            if let Ok(RouteBody { connection_id, route }) = object(&text) {
                let value: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(
                    (&value["connectionId"], &value["route"]),
                    (&json!(connection_id), &json!(route))
                );
            }
        });
}
