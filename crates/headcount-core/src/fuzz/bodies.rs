//! Bodies of the bridge and of the admin API: what is read means the same when it is written again, and only objects are read.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Input, cases};
use crate::protocol::admin::{InvalidationRequest, ReleaseRequest};
use crate::protocol::bridge::{AnswersRequest, BridgeLine, EndedRequest, MessagesRequest};
use crate::protocol::client::object;

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "{\"messages\":[",
    "{\"id\":\"a\",\"data\":",
    "{\"answers\":[",
    "{\"ask\":1,\"admitted\":true}",
    "{\"cookies\":[",
    "\"a=b\"",
    "]}",
    "null",
    "true",
    "1e999",
    "18446744073709551615",
    "-0",
    "{\"match\":{\"prefix\":\"/a\"}",
    "\"glob\":\"/**\"",
    "\"regex\":\"^/\"",
    ",\"versions\":[\"v1\"]",
    ",\"audience\":\"all\"",
    ",\"mode\":\"prompt\"",
    ",\"expires\":60",
    ",\"dryRun\":true",
    "{\"version\":\"v1\"}",
    "{\"type\":\"open\"",
    "\"later\":1",
    ",\"version\":\"v1\"",
    ",\"id\":\"a\"",
    ",\"route\":\"/a\"",
    "\\u0000",
    " ",
];

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) {
    let Ok(read) = object::<T>(text) else { return };
    assert!(
        matches!(serde_json::from_str(text), Ok(Value::Object(_))),
        "{text:?}"
    );
    let written = serde_json::to_string(&read).unwrap();
    assert_eq!(object::<T>(&written).as_ref(), Ok(&read), "{text:?}");
}

#[test]
fn a_body_means_the_same_when_it_is_written_again() {
    bolero::check!(name = "bodies")
        .with_iterations(3_000)
        .with_generator(cases(256))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let opening = input.pick(&[
                "",
                "{\"messages\":[",
                "{\"answers\":[",
                "{\"cookies\":[",
                "{\"match\":{",
                "{\"type\":",
            ]);
            let text = opening.to_owned() + &input.text(200, WORDS);
            check::<MessagesRequest>(&text);
            check::<AnswersRequest>(&text);
            check::<EndedRequest>(&text);
            check::<BridgeLine>(&text);
            check::<InvalidationRequest>(&text);
            check::<ReleaseRequest>(&text);
        });
}
