//! Entries of the log of commands: what is read can stand, and means the same when it is written again.

use super::{Input, cases};
use crate::command_log::Entry;
use crate::epoch::Epoch;
use crate::invalidation::{POSITIONS, Standing};
use crate::protocol::log::{Decoded, decode, encode};

const WORDS: &[&str] = &[
    "\"ids\":[1,4294967295]",
    "\"release\":{\"id\":1,\"version\":\"v1\",\"announcedAt\":18446744073709551615}",
    "\"releasesMax\":0",
    "\"rule\":{\"id\":1,\"match\":{\"exact\":\"/\"},\"audience\":\"all\",\"mode\":\"force\",\"release\":\"v1\",\"createdAt\":0,\"expiresAt\":1}",
    "\"rulesMax\":4294967295",
    "\"after\":0",
    "\"deltaMs\":-9223372036854775808",
    "\"epoch\":\"0123456789ab\"",
    "\"head\":7",
    "\"releases\":[]",
    "\"rules\":[{\"position\":63,",
    "\"position\":64",
    "{\"prefix\":\"/a\"}",
    "{\"regex\":\"^/\"}",
    ",\"versions\":[\"v2\",\"v1\",\"v1\"]",
    ",\"spreadMs\":5",
    ",\"later\":{}",
    "null",
    "{",
    "}",
    "[",
    "]",
    ",",
];

#[test]
fn an_entry_that_is_read_can_stand_and_means_the_same_when_it_is_written_again() {
    bolero::check!(name = "entries")
        .with_iterations(3_000)
        .with_generator(cases(256))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let opening = input.pick(&[
                "",
                "{\"revision\":1,\"kind\":\"release\",",
                "{\"revision\":1,\"kind\":\"rule\",",
                "{\"revision\":1,\"kind\":\"end\",",
                "{\"revision\":1,\"kind\":\"move-times\",",
                "{\"revision\":1,\"kind\":\"checkpoint\",",
                "{\"revision\":2,\"kind\":\"later\",",
            ]);
            let text = opening.to_owned() + &input.text(200, WORDS);
            let Ok(Decoded::Entry(entry) | Decoded::Later(entry)) = decode(text.as_bytes()) else {
                return;
            };
            let again = decode(&encode(&entry).unwrap()).unwrap();
            assert_eq!(again, Decoded::Entry(entry.clone()), "{text:?}");
            let mut standing = Standing::default();
            standing.apply(&entry);
            assert!(
                standing.rules().all(|(position, _)| position < POSITIONS),
                "{text:?}"
            );
            let checkpoint = standing.checkpoint(Epoch::default());
            standing.apply(&Entry::Checkpoint(Box::new(checkpoint.clone())));
            assert_eq!(standing.checkpoint(Epoch::default()), checkpoint, "{text:?}");
        });
}
