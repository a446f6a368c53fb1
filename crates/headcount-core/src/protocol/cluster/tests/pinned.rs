//! The texts of revision 1, so that nodes of two versions understand each other: each is written so, and read so.

use std::sync::Arc;

use super::*;
use crate::cluster::{
    Bridging, Errand, Heartbeat, Hits, MovedTab, NodeAnswer, NodeQuestion, Relay, RequestId, Settings,
    SharedApp, SignOutMark, Slice, TabBooks, Tables, TapMessage,
};
use crate::command_log::LogIndex;
use crate::connection::ConnectionKey;
use crate::happening::{Happening, Wants};
use crate::history::Sample;
use crate::invalidation::{Audience, Mode, Rule};
use crate::limits::Limits;
use crate::pattern::RoutePattern;
use crate::questions::{
    Answer, ConnectionsFrom, OutcomesOfRules, Pulse, Question, ReachOf, TallyFrom, VersionCounts,
};
use crate::registry::{ConnectionsPage, Filter, Outcomes, Reach, RuleOutcomes, Tallied, Tally};
use crate::stats::{Changes, Form, Incarnation, Report, Row, Stamp};

const KEY: ConnectionKey = ConnectionKey {
    shard: 1,
    slot: 2,
    generation: 3,
};

pub(super) const STAMP: Stamp = Stamp {
    incarnation: Incarnation(1),
    sequence: 7,
};

const REQUEST: RequestId = RequestId(5);

/// Checks that a message has this kind and body, both ways.
pub(super) fn check(message: &Message, kind: &str, body: &str) {
    let text = format!(r#"{{"revision":1,"from":"0000000a","kind":"{kind}","body":{body}}}"#);
    assert_eq!(written(message), text);
    assert_eq!(decode(text.as_bytes()).unwrap(), (FROM, message.clone()));
}

fn check_question(question: impl Into<Question>, text: &str) {
    let question = NodeQuestion::Table {
        tables: Tables::All,
        question: question.into(),
    };
    check_node_question(question, &format!(r#"{{"table":{{"question":{text}}}}}"#));
}

pub(super) fn check_node_question(question: NodeQuestion, text: &str) {
    let message = Message::Ask {
        request: REQUEST,
        within_ms: 900,
        question,
    };
    let body = format!(r#"{{"request":5,"withinMs":900,"question":{text}}}"#);
    check(&message, "ask", &body);
}

fn check_answer(answer: Answer, text: &str) {
    check_node_answer(NodeAnswer::Table(answer), &format!(r#"{{"table":{text}}}"#));
}

pub(super) fn check_node_answer(answer: NodeAnswer, text: &str) {
    let request = REQUEST;
    let body = format!(r#"{{"request":5,"answer":{text}}}"#);
    check(&Message::Answer { request, answer }, "answer", &body);
}

fn check_errand(errand: Errand, text: &str) {
    let message = Message::Relay {
        request: REQUEST,
        within_ms: 900,
        relay: Relay {
            connection: KEY,
            errand,
        },
    };
    let body = format!(r#"{{"request":5,"withinMs":900,"connection":[1,2,3],"errand":{text}}}"#);
    check(&message, "relay", &body);
}

fn row() -> Row {
    Row {
        node: Some(FROM),
        key: KEY,
        version: "v1".into(),
        route: Some("/a".into()),
        ip: Some([192, 0, 2, 1].into()),
        hidden: true,
    }
}

fn changes() -> Changes {
    let bare = Row {
        route: None,
        ip: None,
        hidden: false,
        ..row()
    };
    Changes {
        total: 3,
        hidden: 1,
        versions: vec![("v1".into(), 3), ("v0".into(), 0)],
        routes: vec![("/a".into(), 3)],
        rows: vec![(4, Some(row())), (5, None), (6, Some(bare))],
    }
}

const CHANGES: &str = r#"{"total":3,"hidden":1,"versions":[["v1",3],["v0",0]],"routes":[["/a",3]],"rows":[{"slot":4,"row":{"key":[1,2,3],"version":"v1","route":"/a","ip":"192.0.2.1","hidden":true}},{"slot":5},{"slot":6,"row":{"key":[1,2,3],"version":"v1"}}]}"#;

pub(super) fn heartbeat() -> Heartbeat {
    Heartbeat {
        number: 8,
        name: "host-a".into(),
        software: "0.1.0".into(),
        tabs: 3,
        read: LogIndex(12),
        watches: true,
        drains: false,
        bridges: None,
        signed_out: SignOutMark::default(),
        settings: Settings::default(),
        unix_ms: None,
    }
}

#[test]
fn settings_are_written_as_in_revision_1() {
    let message = Message::Heartbeat {
        heartbeat: Heartbeat {
            settings: Settings::new([("limits".into(), 7)]),
            ..heartbeat()
        },
        last: STAMP,
        sent_ms: 99,
    };
    check(
        &message,
        "heartbeat",
        r#"{"number":8,"name":"host-a","software":"0.1.0","tabs":3,"read":12,"watches":true,"drains":false,"last":{"incarnation":1,"sequence":7},"sentMs":99,"settings":{"limits":7}}"#,
    );
}

#[test]
fn what_a_node_says_by_itself_is_written_as_in_revision_1() {
    let message = Message::Heartbeat {
        heartbeat: heartbeat(),
        last: STAMP,
        sent_ms: 99,
    };
    check(
        &message,
        "heartbeat",
        r#"{"number":8,"name":"host-a","software":"0.1.0","tabs":3,"read":12,"watches":true,"drains":false,"last":{"incarnation":1,"sequence":7},"sentMs":99}"#,
    );
    let incarnation = Incarnation(1);
    check(
        &Message::Goodbye { incarnation },
        "goodbye",
        r#"{"incarnation":1}"#,
    );
    let report = |whole, changes| {
        Message::Report(Report {
            stamp: STAMP,
            whole,
            changes,
        })
    };
    let stamp = r#""stamp":{"incarnation":1,"sequence":7}"#;
    check(
        &report(true, changes()),
        "report",
        &format!(r#"{{{stamp},"whole":true,"changes":{CHANGES}}}"#),
    );
    check(
        &report(false, Changes::default()),
        "report",
        &format!(r#"{{{stamp},"whole":false,"changes":{{"total":0}}}}"#),
    );
    let versions = Message::Versions {
        number: 4,
        holds_ms: 15_000,
        counts: vec![("v1".into(), 3), ("v2".into(), 5)],
    };
    check(
        &versions,
        "versions",
        r#"{"number":4,"holdsMs":15000,"counts":[["v1",3],["v2",5]]}"#,
    );
    check(&Message::WantWhole, "want-whole", "{}");
    let tabs = vec![MovedTab {
        tab: u64::MAX,
        ago_ms: 40,
        reloaded: [7, 9].into(),
    }];
    let moved = |ahead_ms| Message::Moved {
        sent_ms: 99,
        ahead_ms,
        tabs: tabs.clone(),
    };
    check(
        &moved(None),
        "moved",
        r#"{"sentMs":99,"tabs":[[18446744073709551615,40,[7,9]]]}"#,
    );
    check(
        &moved(Some(7)),
        "moved",
        r#"{"sentMs":99,"aheadMs":7,"tabs":[[18446744073709551615,40,[7,9]]]}"#,
    );
    let tabs = vec![TabBooks {
        tab: 5,
        told: vec![7],
    }];
    check(&Message::Books { tabs }, "books", r#"{"tabs":[[5,[7]]]}"#);
}

#[test]
fn what_a_node_says_of_its_bridges_is_written_as_in_revision_1() {
    let shared = |app, is_told| SharedApp {
        app,
        since_ms: 1_700,
        is_told,
    };
    let bridges = Bridging {
        authorizes_ms: Some(1_800),
        shared: [shared(4, true), shared(5, false)].into(),
    };
    for (bridges, text) in [
        (Bridging::default(), "{}"),
        (
            bridges,
            r#"{"authorizesAt":1800,"shared":[{"app":4,"since":1700,"told":true},{"app":5,"since":1700}]}"#,
        ),
    ] {
        let heartbeat = Heartbeat {
            bridges: Some(bridges),
            ..heartbeat()
        };
        let body = format!(
            r#"{{"number":8,"name":"host-a","software":"0.1.0","tabs":3,"read":12,"watches":true,"drains":false,"bridges":{text},"last":{{"incarnation":1,"sequence":7}},"sentMs":99}}"#
        );
        let message = Message::Heartbeat {
            heartbeat,
            last: STAMP,
            sent_ms: 99,
        };
        check(&message, "heartbeat", &body);
    }
}

#[test]
fn questions_are_written_as_in_revision_1() {
    check_question(Pulse, r#""pulse""#);
    check_question(VersionCounts, r#""version-counts""#);
    check_question(OutcomesOfRules, r#""outcomes-of-rules""#);
    let rule = Arc::new(Rule {
        id: 9,
        pattern: RoutePattern::segment("/shop", &Limits::default()).unwrap(),
        versions: None,
        audience: Audience::All,
        mode: Mode::Force,
        release: "v2".into(),
        created_ms: 1,
        expires_ms: 2,
        spread_ms: 0,
        waves: None,
        continues: None,
    });
    check_question(
        ReachOf { rule },
        r#"{"reach-of":{"rule":{"id":9,"match":{"segment":"/shop"},"audience":"all","mode":"force","release":"v2","createdAt":1,"expiresAt":2}}}"#,
    );
    let filter = Filter {
        route: Some("/a".to_owned()),
        version: None,
    };
    check_question(
        ConnectionsFrom {
            slot: 8,
            max: 50,
            filter,
        },
        r#"{"connections-from":{"slot":8,"max":50,"route":"/a"}}"#,
    );
    check_question(TallyFrom { slot: 8 }, r#"{"tally-from":{"slot":8}}"#);
    let of_one = NodeQuestion::Table {
        tables: Tables::Of(3),
        question: Pulse.into(),
    };
    check_node_question(of_one, r#"{"table":{"shard":3,"question":"pulse"}}"#);
    check_node_question(NodeQuestion::Counts, r#""counts""#);
    let index = LogIndex(12);
    check_node_question(NodeQuestion::Hits { index }, r#"{"hits":{"index":12}}"#);
    let history = NodeQuestion::History {
        from_ms: 7,
        step_ms: 60_000.try_into().ok(),
    };
    check_node_question(history, r#"{"history":{"fromMs":7,"stepMs":60000}}"#);
    let authorize = NodeQuestion::Authorize {
        connection: "an-id".to_owned(),
        headers: vec![("cookie".to_owned(), "sid=1".to_owned())],
    };
    check_node_question(
        authorize,
        r#"{"authorize":{"connection":"an-id","headers":[["cookie","sid=1"]]}}"#,
    );
    let admitted = NodeQuestion::Admitted {
        answers: vec![(7, true), (8, false)],
    };
    check_node_question(admitted, r#"{"admitted":{"answers":[[7,true],[8,false]]}}"#);
}

#[test]
fn answers_are_written_as_in_revision_1() {
    check_answer(Answer::Pulse(()), r#""pulse""#);
    let counts = vec![("v1".into(), 3)];
    check_answer(Answer::VersionCounts(counts), r#"{"version-counts":[["v1",3]]}"#);
    let outcomes = Outcomes {
        matched: 1,
        told: 2,
        reloaded: 3,
        here: 4,
        held: 5,
        waiting: 6,
        prompted: 7,
        stuck: 8,
        current: 9,
        unknown: 10,
        leaving: 0,
    };
    check_answer(
        Answer::OutcomesOfRules(RuleOutcomes([(9, outcomes)].into())),
        r#"{"outcomes-of-rules":[[9,{"matched":1,"told":2,"reloaded":3,"here":4,"held":5,"waiting":6,"prompted":7,"stuck":8,"current":9,"unknown":10}]]}"#,
    );
    let reach = Reach {
        tabs: 3,
        unknown: 1,
        routes: vec!["/a".into()],
    };
    let text = r#"{"tabs":3,"unknown":1,"routes":["/a"]}"#;
    check_answer(Answer::ReachOf(reach), &format!(r#"{{"reach-of":{text}}}"#));
    let page = ConnectionsPage {
        rows: vec![row()],
        next: Some(9),
    };
    check_answer(
        Answer::ConnectionsFrom(page),
        r#"{"connections-from":{"rows":[{"key":[1,2,3],"version":"v1","route":"/a","ip":"192.0.2.1","hidden":true}],"next":9}}"#,
    );
    let tallied = Tallied {
        route: "/a".into(),
        version: "v1".into(),
        tabs: 3,
        outdated: 2,
        hidden: None,
    };
    let tally = |tallied| Tally {
        counts: vec![tallied],
        current: "v2".into(),
        next: None,
    };
    check_answer(
        Answer::TallyFrom(tally(tallied.clone())),
        r#"{"tally-from":{"counts":[["/a","v1",3,2]],"current":"v2"}}"#,
    );
    let tallied = Tallied {
        hidden: Some(1),
        ..tallied
    };
    check_answer(
        Answer::TallyFrom(tally(tallied)),
        r#"{"tally-from":{"counts":[["/a","v1",3,2]],"hidden":[1],"current":"v2"}}"#,
    );
}

#[test]
fn answers_for_a_node_are_written_as_in_revision_1() {
    check_node_answer(
        NodeAnswer::Counts(changes()),
        &format!(r#"{{"counts":{CHANGES}}}"#),
    );
    let hits = Hits {
        tabs: 3,
        unknown: 1,
        routes: vec!["/a".into()],
        more_routes: 2,
    };
    check_node_answer(
        NodeAnswer::Hits(hits),
        r#"{"hits":{"tabs":3,"unknown":1,"routes":["/a"],"moreRoutes":2}}"#,
    );
    let sample = Sample::new(7, [("v1".into(), 3)], 16);
    check_node_answer(
        NodeAnswer::History(vec![sample]),
        r#"{"history":[{"at":7,"total":3,"versions":{"v1":3}}]}"#,
    );
    check_node_answer(NodeAnswer::Authorized(true), r#"{"authorized":true}"#);
    check_node_answer(NodeAnswer::Taken(2), r#"{"taken":2}"#);
    check_node_answer(NodeAnswer::Unable, r#""unable""#);
}

#[test]
fn taps_are_written_as_in_revision_1() {
    let tap = REQUEST;
    let check_tap = |message, kind, body: &str| check(&Message::Tap(message), kind, body);
    let wants = Wants {
        opens: true,
        moves: false,
        closes: true,
    };
    check_tap(
        TapMessage::Open { tap, wants },
        "tap-open",
        r#"{"tap":5,"opens":true,"closes":true}"#,
    );
    check_tap(
        TapMessage::Next { tap, slice: 2 },
        "tap-next",
        r#"{"tap":5,"slice":2}"#,
    );
    check_tap(TapMessage::End { tap }, "tap-end", r#"{"tap":5}"#);
    check_tap(TapMessage::Lagged { tap }, "tap-lagged", r#"{"tap":5}"#);
    let taps = vec![(tap, 9)];
    check_tap(TapMessage::At { taps }, "tap-at", r#"{"taps":[[5,9]]}"#);
    let route = "/b".into();
    let news = vec![
        Happening::Opened(row()),
        Happening::Moved { key: KEY, route },
        Happening::Closed(KEY),
    ];
    let row_text = r#"{"key":[1,2,3],"version":"v1","route":"/a","ip":"192.0.2.1","hidden":true}"#;
    check_tap(
        TapMessage::News {
            tap,
            number: 3,
            news,
            slice: None,
        },
        "tap-news",
        &format!(
            r#"{{"tap":5,"number":3,"news":[{{"open":{row_text}}},{{"route":[[1,2,3],"/b"]}},{{"close":[1,2,3]}}]}}"#
        ),
    );
    let slice = Slice {
        rows: vec![row()],
        is_last: true,
    };
    check_tap(
        TapMessage::News {
            tap,
            number: 4,
            news: Vec::new(),
            slice: Some(slice),
        },
        "tap-news",
        &format!(r#"{{"tap":5,"number":4,"slice":{{"rows":[{row_text}],"last":true}}}}"#),
    );
}

#[test]
fn relays_are_written_as_in_revision_1() {
    check_errand(Errand::Navigate("/a".into()), r#"{"navigate":{"route":"/a"}}"#);
    check_errand(
        Errand::Say(r#"{"type":"ping"}"#.into()),
        r#"{"say":{"text":"{\"type\":\"ping\"}"}}"#,
    );
    check_errand(Errand::Alive, r#""alive""#);
    for (form, name) in [
        (Form::Whole, "whole"),
        (Form::Deltas, "deltas"),
        (Form::Counts, "counts"),
    ] {
        let credentials = Bytes::from_static(&[0xFF, 0xFE, 0]);
        check_errand(
            Errand::Subscribe { form, credentials },
            &format!(r#"{{"subscribe":{{"form":"{name}","credentials":"__4A"}}}}"#),
        );
    }
    check_errand(Errand::Send("hello".into()), r#"{"send":{"text":"hello"}}"#);
    let request = REQUEST;
    check(
        &Message::Relayed { request, taken: true },
        "relayed",
        r#"{"request":5,"taken":true}"#,
    );
}
