//! Messages of other nodes: what is read means the same when it is written again, and a node that hears it stays within its bounds.

use bytes::Bytes;

use super::{Input, cases};
use crate::cluster::NODES_MAX;
use crate::connection::NodeId;
use crate::happening::Wants;
use crate::limits::Limits;
use crate::node::{About, Action, Node};
use crate::protocol::cluster::{Reader, Writer, decode};

const WORDS: &[&str] = &[
    "\"kind\":\"heartbeat\",\"body\":{\"number\":1,\"name\":\"a\",\"software\":\"1\",\"tabs\":3,\"read\":0,\"watches\":true,\"drains\":false,\"last\":{\"incarnation\":1,\"sequence\":2},\"sentMs\":5}}",
    "\"kind\":\"heartbeat\",\"body\":{\"number\":2,\"name\":\"a\",\"software\":\"1\",\"tabs\":3,\"read\":0,\"watches\":false,\"drains\":false,\"signedOut\":{\"number\":9,\"digest\":7},\"last\":{\"incarnation\":1,\"sequence\":2},\"sentMs\":5}}",
    "\"kind\":\"ask\",\"body\":{\"request\":4,\"withinMs\":1,\"question\":{\"sign-out\":{\"tickets\":[[5,6]],\"allUntilMs\":18446744073709551615,\"admitted\":[[1,2]],\"others\":[[1,3],[2,18446744073709551615]]}}}}",
    "\"kind\":\"ask\",\"body\":{\"request\":5,\"withinMs\":1,\"question\":{\"sign-outs-since\":{\"number\":0}}}}",
    "\"kind\":\"answer\",\"body\":{\"request\":1,\"answer\":{\"sign-outs\":{\"number\":18446744073709551615,\"ended\":{\"others\":[[7,8]]}}}}}",
    "\"kind\":\"report\",\"body\":{\"stamp\":{\"incarnation\":1,\"sequence\":2},\"whole\":true,\"changes\":{\"total\":3,\"versions\":[[\"v1\",3]]}}}",
    "\"kind\":\"goodbye\",\"body\":{\"incarnation\":1}}",
    "\"kind\":\"versions\",\"body\":{\"number\":1,\"holdsMs\":4294967295,\"counts\":[[\"v1\",3],[\"v2\",4]]}}",
    "\"kind\":\"want-whole\",\"body\":{}}",
    "\"kind\":\"ask\",\"body\":{\"request\":1,\"withinMs\":4294967295,\"question\":\"counts\"}}",
    "\"kind\":\"ask\",\"body\":{\"request\":2,\"withinMs\":1,\"question\":{\"hits\":{\"index\":7}}}}",
    "\"kind\":\"relay\",\"body\":{\"request\":3,\"withinMs\":1,\"connection\":[0,1,2],\"errand\":\"alive\"}}",
    "\"kind\":\"moved\",\"body\":{\"sentMs\":18446744073709551615,\"tabs\":[[7,4294967295]]}}",
    "\"kind\":\"relayed\",\"body\":{\"request\":1,\"taken\":true}}",
    "\"kind\":\"answer\",\"body\":{\"request\":1,\"answer\":\"unable\"}}",
    "\"kind\":\"tap-open\",\"body\":{\"tap\":1,\"opens\":true}}",
    "\"kind\":\"tap-next\",\"body\":{\"tap\":1,\"slice\":2}}",
    "\"kind\":\"tap-news\",\"body\":{\"tap\":1,\"number\":1,\"news\":[{\"close\":[0,1,2]}],\"slice\":{\"rows\":[],\"last\":true}}}",
    "\"kind\":\"tap-at\",\"body\":{\"taps\":[[1,18446744073709551615],[2,0]]}}",
    "\"kind\":\"part\",\"message\":1,\"part\":0,\"parts\":2}\n",
    "\"kind\":\"part\",\"message\":1,\"part\":1,\"parts\":2}\n",
    "\"total\":4294967297",
    "\"hidden\":9",
    "null",
    "[",
    "]",
    "{",
    "}",
    ",",
];

/// Whether what is read of a text is the same when it is written and read again.
fn check_again(text: &[u8]) {
    if let Ok((from, message)) = decode(text) {
        let written = Writer::new(from).write(&message, usize::MAX).unwrap();
        assert_eq!(decode(&written[0]).unwrap(), (from, message));
    }
}

#[test]
fn a_node_that_hears_anything_stays_within_its_bounds() {
    bolero::check!(name = "nodes")
        .with_iterations(2_000)
        .with_generator(cases(512))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let about = About {
                name: "here".into(),
                software: "0.1.0".into(),
            };
            let mut now_ms = 0;
            let mut node = Node::new(NodeId(1), about, &Limits::default(), now_ms);
            let mut reader = Reader::default();
            node.set_watched(input.flag(), now_ms);
            let closes = true;
            node.tap(
                1,
                Wants {
                    closes,
                    ..Wants::default()
                },
                now_ms,
            );
            while !input.is_empty() {
                now_ms += u64::from(input.byte()) * 20;
                let from = input.pick(&["00000001", "00000002", "00000003", "0000000g"]);
                let text = format!("{{\"revision\":1,\"from\":\"{from}\",") + &input.text(60, WORDS);
                check_again(text.as_bytes());
                if let Some((from, message)) = reader.read(&Bytes::from(text), now_ms) {
                    node.hear(from, message, now_ms);
                }
                node.answer_wants(now_ms);
                let mut actions = 0;
                while let Some(action) = node.next_action() {
                    actions += 1;
                    if let Action::Asked { from, request, .. } = action {
                        node.answer(from, request, crate::cluster::NodeAnswer::Counts(node.counts()));
                    }
                }
                assert!(actions < 1_000, "{actions}");
                let (messages, held) = reader.held();
                assert!(messages <= 64 && held < 1 << 20, "{messages} of {held} bytes");
                assert!(node.members().len() <= NODES_MAX);
                let versions_max = Limits::default().history_versions_max as usize + 1;
                assert!(node.versions_of_others().len() <= node.members().len() * versions_max);
                let sum = node.feed().sum();
                assert!(sum.visible() <= sum.total());
            }
        });
}
