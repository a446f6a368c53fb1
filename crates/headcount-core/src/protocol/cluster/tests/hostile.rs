//! Later revisions, and what cannot be.

use super::*;
use crate::cluster::{Errand, NodeAnswer, NodeQuestion, RequestId, TIME_MS_MAX};

fn text(kind: &str, body: &str) -> Bytes {
    format!(r#"{{"revision":9,"from":"0000000a","kind":"{kind}","body":{body}}}"#).into()
}

/// Checks that a text is dropped, and as what it is counted.
fn check_dropped(text: &Bytes, expected: ReadCounts) {
    let mut reader = Reader::default();
    assert_eq!(reader.read(text, 0), None, "{text:?}");
    assert_eq!(reader.counts(), expected, "{text:?}");
    assert_eq!(reader.held(), (0, 0), "{text:?}");
}

fn check_invalid(text: &Bytes) {
    let invalid = 1;
    check_dropped(
        text,
        ReadCounts {
            invalid,
            ..ReadCounts::default()
        },
    );
}

#[test]
fn fields_of_a_later_revision_are_ignored_and_its_kinds_are_counted() {
    let later =
        br#"{"revision":9,"why":[1],"from":"0000000a","kind":"want-whole","body":{"since":3},"z":{}}"#;
    assert_eq!(decode(later).unwrap(), (FROM, Message::WantWhole));
    let unknown = 1;
    check_dropped(
        &text("vote", "{}"),
        ReadCounts {
            unknown,
            ..ReadCounts::default()
        },
    );
}

/// The one that asks need not wait for its deadline.
#[test]
fn a_request_that_only_a_later_revision_knows_can_be_answered() {
    let read = |kind: &str, body: &str| decode(&text(kind, body)).unwrap().1;
    let request = RequestId(5);
    let asked = read(
        "ask",
        r#"{"request":5,"withinMs":9,"question":{"mood":{"of":[1,{}]}}}"#,
    );
    let expected = Message::Ask {
        request,
        within_ms: 9,
        question: NodeQuestion::Unknown,
    };
    assert_eq!(asked, expected);
    let in_table = read(
        "ask",
        r#"{"request":5,"withinMs":9,"question":{"table":{"question":{"mood":1}}}}"#,
    );
    assert_eq!(in_table, expected);
    let answer = NodeAnswer::Unable;
    let answered = read("answer", r#"{"request":5,"answer":{"mood":"good"}}"#);
    assert_eq!(answered, Message::Answer { request, answer });
    let relayed = read(
        "relay",
        r#"{"request":5,"withinMs":9,"connection":[0,0,1],"errand":"dance"}"#,
    );
    assert!(
        matches!(&relayed, Message::Relay { relay, .. } if relay.errand == Errand::Unknown),
        "{relayed:?}"
    );
}

#[test]
fn what_is_not_a_message_is_counted() {
    let texts = [
        "",
        "null",
        "{}",
        "[]",
        "\n",
        "{}\n",
        r#"{"revision":1,"kind":"want-whole","body":{}}"#,
        r#"{"revision":1,"from":"0000000A","kind":"want-whole","body":{}}"#,
        r#"{"revision":1,"from":"+000000a","kind":"want-whole","body":{}}"#,
        r#"{"revision":1,"from":"a","kind":"want-whole","body":{}}"#,
        r#"{"revision":-1,"from":"0000000a","kind":"want-whole","body":{}}"#,
        r#"{"revision":1,"from":"0000000a","kind":"want-whole"}"#,
        r#"{"revision":1,"from":"0000000a","kind":"want-whole","body":{}} x"#,
    ];
    for invalid in texts.map(|text| Bytes::from_static(text.as_bytes())) {
        check_invalid(&invalid);
    }
    check_invalid(&"[".repeat(100_000).into());
    check_invalid(&text("want-whole", &"[".repeat(100_000)));
    check_invalid(&Bytes::from_static(&[0xFF, 0xFE, 0]));
    for (kind, body) in [
        ("heartbeat", "{}"),
        ("goodbye", r#"{"incarnation":-1}"#),
        ("ask", r#"{"withinMs":9,"question":"counts"}"#),
        ("relay", r#"{"request":1,"withinMs":9,"errand":"alive"}"#),
        ("moved", r#"{"sentMs":1,"tabs":[[1]]}"#),
    ] {
        check_invalid(&text(kind, body));
    }
}

#[test]
fn counts_that_cannot_be_are_refused() {
    let report = |sequence: u64, changes: &str| {
        let stamp = format!(r#"{{"incarnation":1,"sequence":{sequence}}}"#);
        text(
            "report",
            &format!(r#"{{"stamp":{stamp},"whole":true,"changes":{changes}}}"#),
        )
    };
    let most = 1_u64 << 32;
    let versions = format!(r#"{{"total":{most},"versions":[["v1",{most}]]}}"#);
    assert!(decode(&report(1, &versions)).is_ok());
    check_invalid(&report(0, r#"{"total":0}"#));
    for changes in [
        format!(r#"{{"total":{}}}"#, most + 1),
        r#"{"total":3,"hidden":4}"#.to_owned(),
        r#"{"total":3,"versions":[["v1",4]]}"#.to_owned(),
        r#"{"total":3,"versions":[["v1",2],["v2",2]]}"#.to_owned(),
        r#"{"total":3,"routes":[["/",2],["/",2]]}"#.to_owned(),
        format!(
            r#"{{"total":3,"routes":[["/",{}],["/",{}]]}}"#,
            u64::MAX,
            u64::MAX
        ),
        r#"{"total":3,"versions":[["v1",-1]]}"#.to_owned(),
    ] {
        check_invalid(&report(1, &changes));
        let known = format!(r#"{{"request":5,"answer":{{"counts":{changes}}}}}"#);
        if !changes.contains("-1") {
            check_invalid(&text("answer", &known));
        }
    }
    let most_loads = u64::MAX;
    for answer in [
        format!(r#"{{"hits":{{"tabs":{},"unknown":0,"routes":[]}}}}"#, most + 1),
        format!(r#"{{"hits":{{"tabs":1,"unknown":{most_loads},"routes":[]}}}}"#),
        format!(r#"{{"table":{{"version-counts":[["v1",{}]]}}}}"#, most + 1),
        format!(r#"{{"table":{{"outcomes-of-rules":[[9,{{"told":{most_loads}}}]]}}}}"#),
        format!(r#"{{"table":{{"reach-of":{{"tabs":{most_loads},"unknown":0,"routes":[]}}}}}}"#),
        r#"{"table":{"tally-from":{"counts":[["/","v1",1,2]],"current":"v1"}}}"#.to_owned(),
        r#"{"table":{"tally-from":{"counts":[["/","v1",1,1]],"hidden":[2],"current":"v1"}}}"#.to_owned(),
        r#"{"table":{"tally-from":{"counts":[["/","v1",1,1]],"hidden":[1,1],"current":"v1"}}}"#.to_owned(),
        format!(r#"{{"history":[{{"at":1,"total":1,"versions":{{"v1":{most_loads}}}}}]}}"#),
    ] {
        check_invalid(&text("answer", &format!(r#"{{"request":5,"answer":{answer}}}"#)));
    }
    let long = "a".repeat(2_000);
    check_invalid(&text(
        "heartbeat",
        &format!(
            r#"{{"number":1,"name":"{long}","software":"1","tabs":1,"read":1,"watches":true,"drains":true,"last":{{"incarnation":1,"sequence":1}},"sentMs":1}}"#
        ),
    ));
}

/// A time that no clock reaches would be the newest for ever.
#[test]
fn sign_outs_at_times_that_cannot_be_are_refused() {
    let sign_out = |ended: &str| {
        let ended = format!(r#"{{"request":5,"withinMs":9,"question":{{"sign-out":{ended}}}}}"#);
        text("ask", &ended)
    };
    let most = TIME_MS_MAX;
    let known = format!(r#"{{"tickets":[[{most},1]],"allUntilMs":{most},"admitted":[[1,{most}]]}}"#);
    assert!(decode(&sign_out(&known)).is_ok());
    let late = most + 1;
    for ended in [
        format!(r#"{{"tickets":[[{late},1]]}}"#),
        format!(r#"{{"allUntilMs":{late}}}"#),
        format!(r#"{{"admitted":[[1,{late}]]}}"#),
        format!(r#"{{"others":[[1,{late}]]}}"#),
    ] {
        check_invalid(&sign_out(&ended));
        let answer = format!(r#"{{"request":5,"answer":{{"sign-outs":{{"number":1,"ended":{ended}}}}}}}"#);
        check_invalid(&text("answer", &answer));
    }
}
