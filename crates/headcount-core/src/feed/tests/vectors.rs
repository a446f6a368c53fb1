//! The vectors of deltas, read by the naive client: so what it proves elsewhere is what every client must do.

use serde::Deserialize;
use serde_json::Value;

use super::Client;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    stats: Value,
    deltas: Vec<Value>,
    #[serde(default)]
    expect: Option<Value>,
    #[serde(default)]
    gap: bool,
}

fn known(stats: &Value) -> Client {
    let mut client = Client::default();
    assert!(client.read(stats));
    client
}

#[test]
fn vectors() {
    let text = include_str!("../../../../../protocol/vectors/deltas.json");
    let vectors: Vectors = serde_json::from_str(text).unwrap();
    assert!(vectors.cases.len() >= 20);
    for case in vectors.cases {
        let mut client = known(&case.stats);
        let followed: Vec<bool> = case.deltas.iter().map(|delta| client.read(delta)).collect();
        let gap = followed.iter().position(|follows| !follows);
        let last = case.deltas.len() - 1;
        assert_eq!(gap, case.gap.then_some(last), "{}", case.name);
        if let Some(expected) = &case.expect {
            assert_eq!(client, known(expected), "{}", case.name);
        } else {
            assert!(case.gap, "{}: neither", case.name);
        }
    }
}
