//! Messages that come in parts: put together in any order, and bounded where parts are missing.

use proptest::prelude::*;

use super::*;
use crate::cluster::MovedTab;
use crate::protocol::cluster::parts::{UNFINISHED_BYTES_MAX, UNFINISHED_MAX, UNFINISHED_MS};

/// A message whose text grows by about 4 bytes for each tab.
fn message(tabs: u32) -> Message {
    let tabs = (0..tabs).map(|tab| MovedTab {
        tab: tab.into(),
        ..MovedTab::default()
    });
    Message::Moved {
        sent_ms: 1,
        ahead_ms: None,
        tabs: tabs.collect(),
    }
}

proptest! {
    /// Whatever the order, and however often a part is repeated: a message is there as soon as its last part is, and once.
    #[test]
    fn parts_are_put_together_in_any_order(
        tabs in 100_u32..2_000, bytes_max in 200_usize..5_000, seed in any::<u64>(), repeats in 0_usize..20,
    ) {
        let (mut writer, mut reader) = (Writer::new(FROM), Reader::default());
        let messages = [message(tabs), message(tabs / 2)];
        let mut parts = Vec::new();
        for message in &messages {
            parts.extend(writer.write(message, bytes_max).unwrap());
        }
        prop_assert!(parts.iter().all(|part| part.len() <= bytes_max));
        for number in 0..repeats.min(parts.len()) {
            parts.push(parts[number].clone());
        }
        let order = |at: usize| (seed ^ at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut read = Vec::new();
        let mut by_chance: Vec<_> = parts.iter().enumerate().collect();
        by_chance.sort_by_key(|(at, _)| order(*at));
        for (_, part) in by_chance {
            read.extend(reader.read(part, 5));
        }
        for message in messages {
            let times = read.iter().filter(|(from, read)| *from == FROM && *read == message).count();
            prop_assert!((1..=2).contains(&times), "{times}");
        }
        reader.look(5 + UNFINISHED_MS);
        prop_assert_eq!(reader.held(), (0, 0));
        prop_assert_eq!(reader.counts().invalid, 0);
    }
}

#[test]
fn a_message_of_which_a_part_is_lost_is_lost_and_forgotten() {
    let parts = Writer::new(FROM).write(&message(500), 400).unwrap();
    let mut reader = Reader::default();
    for part in &parts[1..] {
        assert_eq!(reader.read(part, 0), None);
    }
    assert_eq!(reader.held().0, 1);
    reader.look(UNFINISHED_MS - 1);
    assert_eq!(reader.counts().unfinished, 0);
    reader.look(UNFINISHED_MS);
    assert_eq!((reader.counts().unfinished, reader.held()), (1, (0, 0)));
    assert_eq!(reader.read(&parts[0], UNFINISHED_MS), None, "the others are gone");
}

#[test]
fn messages_that_never_end_are_bounded_in_number_and_bytes() {
    let mut reader = Reader::default();
    let mut writer = Writer::new(FROM);
    for _ in 0..3 * UNFINISHED_MAX {
        let parts = writer.write(&message(500), 400).unwrap();
        assert_eq!(reader.read(&parts[0], 0), None);
        assert!(reader.held().0 <= UNFINISHED_MAX);
    }
    assert_eq!(reader.counts().unfinished, 2 * UNFINISHED_MAX as u64);
    let part = |message: u64, part: u32| {
        let head = format!(
            r#"{{"revision":1,"from":"0000000a","kind":"part","message":{message},"part":{part},"parts":4294967295}}"#
        );
        let mut bytes = head.into_bytes();
        bytes.push(b'\n');
        bytes.resize(1 << 20, 0);
        Bytes::from(bytes)
    };
    for number in 0..200 {
        assert_eq!(
            reader.read(&part(1_000 + number % 2, u32::try_from(number).unwrap()), 0),
            None
        );
        assert!(reader.held().1 <= UNFINISHED_BYTES_MAX);
    }
    // Parts without bytes cost as well.
    let mut reader = Reader::default();
    for number in 0..2_000 {
        let head = format!(
            r#"{{"revision":1,"from":"0000000a","kind":"part","message":1,"part":{number},"parts":4294967295}}"#
        );
        assert_eq!(reader.read(&(head + "\n").into(), 0), None);
    }
    assert!(reader.held().1 >= 2_000 * 100);
}

#[test]
fn parts_that_contradict_each_other_are_dropped() {
    let part = |from: &str, part: u32, parts: u32, piece: &str| {
        let head = format!(
            r#"{{"revision":1,"from":"{from}","kind":"part","message":1,"part":{part},"parts":{parts}}}"#
        );
        Bytes::from(format!("{head}\n{piece}"))
    };
    let mut reader = Reader::default();
    assert_eq!(reader.read(&part("0000000a", 0, 2, "{"), 0), None);
    assert_eq!(reader.read(&part("0000000a", 1, 3, "{"), 0), None);
    assert_eq!(reader.held(), (0, 0));
    for (at, of) in [(0, 0), (2, 2), (7, 1)] {
        assert_eq!(reader.read(&part("0000000a", at, of, "{"), 0), None);
    }
    let message = written(&Message::WantWhole);
    let stolen = part("0000000b", 0, 1, std::str::from_utf8(&message).unwrap());
    assert_eq!(reader.read(&stolen, 0), None);
    assert_eq!((reader.counts().invalid, reader.held()), (5, (0, 0)));
}

#[test]
fn what_is_too_long_is_not_sent() {
    let mut writer = Writer::new(FROM);
    let too_small = writer.write(&message(500), 100);
    assert!(
        matches!(too_small, Err(WriteError::TooLong { .. })),
        "{too_small:?}"
    );
}
