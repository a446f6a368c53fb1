//! The texts of sign-outs in revision 1.

use super::pinned::{STAMP, check, check_node_answer, check_node_question, heartbeat};
use crate::cluster::{
    EndedCookie, EndedTicket, Heartbeat, Message, NodeAnswer, NodeQuestion, SignOutMark, SignOuts,
};

/// What was ended, and how that is written.
fn sign_outs() -> (SignOuts, &'static str) {
    let ticket = EndedTicket {
        expires_ms: 1_795_320_200_000,
        number: u64::MAX,
    };
    let cookie = |hash, admitted| EndedCookie {
        hash,
        ended_ms: 7,
        admitted,
    };
    let ended = SignOuts {
        tickets: vec![ticket],
        all_until_ms: 3,
        cookies: vec![cookie(8, true), cookie(9, false)],
    };
    (
        ended,
        r#"{"tickets":[[1795320200000,18446744073709551615]],"allUntilMs":3,"admitted":[[8,7]],"others":[[9,7]]}"#,
    )
}

#[test]
fn sign_outs_are_written_as_in_revision_1() {
    let signed_out = SignOutMark {
        number: 4,
        digest: u64::MAX,
    };
    let heartbeat = Heartbeat {
        signed_out,
        unix_ms: Some(1_795_320_200_000),
        ..heartbeat()
    };
    let message = Message::Heartbeat {
        heartbeat,
        last: STAMP,
        sent_ms: 99,
    };
    check(
        &message,
        "heartbeat",
        r#"{"number":8,"name":"host-a","software":"0.1.0","tabs":3,"read":12,"watches":true,"drains":false,"signedOut":{"number":4,"digest":18446744073709551615},"unixMs":1795320200000,"last":{"incarnation":1,"sequence":7},"sentMs":99}"#,
    );
    let (ended, text) = sign_outs();
    check_node_question(
        NodeQuestion::SignOut(ended.clone()),
        &format!(r#"{{"sign-out":{text}}}"#),
    );
    check_node_question(NodeQuestion::SignOut(SignOuts::default()), r#"{"sign-out":{}}"#);
    check_node_question(
        NodeQuestion::SignOutsSince { number: 4 },
        r#"{"sign-outs-since":{"number":4}}"#,
    );
    check_node_answer(NodeAnswer::SignedOut, r#""signed-out""#);
    check_node_answer(
        NodeAnswer::SignOuts { number: 5, ended },
        &format!(r#"{{"sign-outs":{{"number":5,"ended":{text}}}}}"#),
    );
}
