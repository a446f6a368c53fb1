//! The cases of the protocol for answers and bridge lines: the document describes them, and our own types read and write them.

use headcount_core::protocol::admin::{
    ChangeAnswer, ConnectionsAnswer, ErrorAnswer, InvalidateRouteAnswer, InvalidationAnswer,
    InvalidationsAnswer, LiftAnswer, RefusalsAnswer, ReleaseEntry, ReleasesAnswer, SessionAnswer,
    SignedOutAnswer, StatsAnswer,
};
use headcount_core::protocol::adoption::AdoptionAnswer;
use headcount_core::protocol::bridge::{AnswersAnswer, BridgeLine, EndedAnswer, MessagesAnswer};
use headcount_core::protocol::history::HistoryAnswer;
use headcount_core::protocol::nodes::NodesAnswer;
use headcount_core::protocol::pages::PagesAnswer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Document;

fn cases(text: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(text).unwrap();
    vectors["cases"].as_array().unwrap().clone()
}

/// Reads a value as this type, and writes that.
fn through<T: DeserializeOwned + Serialize>(value: &Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(value.clone()).unwrap()).unwrap()
}

fn through_type(name: &str, value: &Value) -> Value {
    let through = match name {
        "StatsAnswer" => through::<StatsAnswer>,
        "ConnectionsAnswer" => through::<ConnectionsAnswer>,
        "PagesAnswer" => through::<PagesAnswer>,
        "AdoptionAnswer" => through::<AdoptionAnswer>,
        "HistoryAnswer" => through::<HistoryAnswer>,
        "NodesAnswer" => through::<NodesAnswer>,
        "RefusalsAnswer" => through::<RefusalsAnswer>,
        "ReleasesAnswer" => through::<ReleasesAnswer>,
        "ReleaseEntry" => through::<ReleaseEntry>,
        "InvalidationsAnswer" => through::<InvalidationsAnswer>,
        "InvalidationAnswer" => through::<InvalidationAnswer>,
        "ChangeAnswer" => through::<ChangeAnswer>,
        "LiftAnswer" => through::<LiftAnswer>,
        "InvalidateRouteAnswer" => through::<InvalidateRouteAnswer>,
        "SessionAnswer" => through::<SessionAnswer>,
        "SignedOutAnswer" => through::<SignedOutAnswer>,
        "MessagesAnswer" => through::<MessagesAnswer>,
        "AnswersAnswer" => through::<AnswersAnswer>,
        "EndedAnswer" => through::<EndedAnswer>,
        "ErrorAnswer" => through::<ErrorAnswer>,
        other => panic!("a case of {other}"),
    };
    through(value)
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[test]
fn every_kind_of_answer_has_a_case_and_is_read_and_written_as_it_stands() {
    let document = Document::read();
    let cases = cases(include_str!("../../../../../protocol/vectors/admin-answers.json"));
    for case in &cases {
        let (name, answer) = (case["type"].as_str().unwrap(), &case["answer"]);
        document.check_value(&reference(name), answer, name);
        assert_eq!(&through_type(name, answer), answer, "{}", case["name"]);
    }
    let schemas = document.text["components"]["schemas"].as_object().unwrap();
    let answers = schemas
        .keys()
        .filter(|name| name.ends_with("Answer") && *name != "AskAnswer");
    let without: Vec<&String> = answers
        .filter(|name| !cases.iter().any(|case| case["type"] == **name))
        .collect();
    assert_eq!(without, Vec::<&String>::new());
}

#[test]
fn every_line_of_a_bridge_has_a_case_to_the_letter() {
    let document = Document::read();
    let cases = cases(include_str!("../../../../../protocol/vectors/bridge-lines.json"));
    let mut kinds = Vec::new();
    for case in &cases {
        let text = case["line"].as_str().unwrap();
        let line: BridgeLine = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&line).unwrap(), text);
        let value = serde_json::from_str::<Value>(text).unwrap();
        document.check_value(&reference("BridgeLine"), &value, text);
        kinds.push(value["type"].clone());
    }
    for choice in document.text["components"]["schemas"]["BridgeLine"]["oneOf"]
        .as_array()
        .unwrap()
    {
        let kind = &choice["properties"]["type"]["enum"][0];
        assert!(kinds.contains(kind), "{kind}");
    }
}
