//! Random messages are read as they were written, and changed bytes are a message or an error.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::cluster::{
    EndedCookie, EndedTicket, Hits, MovedTab, NodeAnswer, NodeQuestion, RequestId, SignOuts, TIME_MS_MAX,
};
use crate::cluster::{Slice, TapMessage};
use crate::connection::ConnectionKey;
use crate::happening::Happening;
use crate::stats::{Changes, Incarnation, Report, Row, Stamp};

fn a_name() -> impl Strategy<Value = Arc<str>> {
    ".{0,12}".prop_map(Arc::from)
}

fn a_row() -> impl Strategy<Value = Row> {
    let key = any::<(u16, u32, u32)>();
    let ip = any::<Option<std::net::IpAddr>>();
    (key, a_name(), proptest::option::of(a_name()), ip, any::<bool>()).prop_map(
        |((shard, slot, generation), version, route, ip, hidden)| Row {
            node: Some(FROM),
            key: ConnectionKey {
                shard,
                slot,
                generation,
            },
            version,
            route,
            ip,
            hidden,
        },
    )
}

fn changes() -> impl Strategy<Value = Changes> {
    let counts = || prop::collection::vec((a_name(), 0..1_u64 << 32), 0..6);
    let rows = prop::collection::vec((any::<u32>(), proptest::option::of(a_row())), 0..5);
    (counts(), counts(), rows, any::<u32>()).prop_map(|(mut versions, mut routes, rows, hidden)| {
        let share = 8;
        for (_, count) in versions.iter_mut().chain(&mut routes) {
            *count /= share;
        }
        Changes {
            total: 1 << 32,
            hidden: hidden.into(),
            versions,
            routes,
            rows,
        }
    })
}

fn news() -> impl Strategy<Value = Message> {
    let happening = prop_oneof![
        a_row().prop_map(Happening::Opened),
        (a_row(), a_name()).prop_map(|(row, route)| Happening::Moved { key: row.key, route }),
        a_row().prop_map(|row| Happening::Closed(row.key)),
    ];
    let slice = (prop::collection::vec(a_row(), 0..5), any::<bool>());
    let slice = slice.prop_map(|(rows, is_last)| Slice { rows, is_last });
    let news = prop::collection::vec(happening, 0..5);
    (any::<u64>(), 1..=u64::MAX, news, proptest::option::of(slice)).prop_map(|(tap, number, news, slice)| {
        Message::Tap(TapMessage::News {
            tap: RequestId(tap),
            number,
            news,
            slice,
        })
    })
}

fn sign_outs() -> impl Strategy<Value = SignOuts> {
    let a_time = || 0..=TIME_MS_MAX;
    let pairs = || prop::collection::vec((any::<u64>(), a_time()), 0..5);
    (pairs(), a_time(), pairs(), pairs()).prop_map(|(tickets, all_until_ms, admitted, others)| {
        let cookie = |admitted| {
            move |(hash, ended_ms)| EndedCookie {
                hash,
                ended_ms,
                admitted,
            }
        };
        let admitted = admitted.into_iter().map(cookie(true));
        SignOuts {
            tickets: tickets
                .into_iter()
                .map(|(number, expires_ms)| EndedTicket { expires_ms, number })
                .collect(),
            all_until_ms,
            cookies: admitted.chain(others.into_iter().map(cookie(false))).collect(),
        }
    })
}

fn a_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        news(),
        (any::<u64>(), 1..=u64::MAX, any::<bool>(), changes()).prop_map(
            |(incarnation, sequence, whole, changes)| {
                let stamp = Stamp {
                    incarnation: Incarnation(incarnation),
                    sequence,
                };
                Message::Report(Report {
                    stamp,
                    whole,
                    changes,
                })
            }
        ),
        (any::<u64>(), changes()).prop_map(|(request, changes)| Message::Answer {
            request: RequestId(request),
            answer: NodeAnswer::Counts(changes),
        }),
        (any::<u64>(), any::<u32>(), prop::collection::vec(a_name(), 0..5)).prop_map(
            |(request, tabs, routes)| Message::Answer {
                request: RequestId(request),
                answer: NodeAnswer::Hits(Hits {
                    tabs: tabs.into(),
                    unknown: 0,
                    routes,
                    more_routes: 0,
                }),
            }
        ),
        (any::<u64>(), any::<u32>(), sign_outs()).prop_map(|(request, within_ms, ended)| Message::Ask {
            request: RequestId(request),
            within_ms,
            question: NodeQuestion::SignOut(ended),
        }),
        (any::<u64>(), any::<u64>(), sign_outs()).prop_map(|(request, number, ended)| Message::Answer {
            request: RequestId(request),
            answer: NodeAnswer::SignOuts { number, ended },
        }),
        (
            any::<(u64, Option<u64>)>(),
            prop::collection::vec(any::<(u64, u32, Vec<u32>)>(), 0..9)
        )
            .prop_map(|((sent_ms, ahead_ms), tabs)| {
                let tabs = tabs.into_iter().map(|(tab, ago_ms, reloaded)| MovedTab {
                    tab,
                    ago_ms,
                    reloaded: reloaded.into(),
                });
                Message::Moved {
                    sent_ms,
                    ahead_ms,
                    tabs: tabs.collect(),
                }
            }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(message in a_message(), bytes_max in 200_usize..2_000) {
        let mut reader = Reader::default();
        let parts = Writer::new(FROM).write(&message, bytes_max).unwrap();
        let mut read = parts.iter().filter_map(|part| reader.read(part, 0));
        prop_assert_eq!(read.next(), Some((FROM, message)));
        prop_assert_eq!(read.next(), None);
    }

    #[test]
    fn bytes_that_were_changed_are_a_message_or_an_error(
        message in a_message(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = written(&message).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok((from, message)) = decode(&bytes) {
            // What is read can be written, and is the same then.
            let again = Writer::new(from).write(&message, usize::MAX).unwrap();
            prop_assert_eq!(decode(&again[0]).unwrap(), (from, message));
        }
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(decode(&bytes).is_err());
    }
}
