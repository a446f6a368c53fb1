//! What a page brings back: resume ids and the commands it was reloaded for.

use super::{Input, cases};
use crate::epoch::Epoch;
use crate::invalidation::POSITIONS;
use crate::protocol::client::{Reloaded, Resume};

const WORDS: &[&str] = &[
    ";",
    ",",
    ";;",
    ",,",
    "0",
    "00",
    "17",
    "+1",
    "-1",
    " ",
    "4294967295",
    "4294967296",
    "99999999999999999999",
    "1,2,3",
    "é",
    "3f9a0c2b77d1.",
    "000000000000.",
    ".",
];

#[test]
fn a_resume_id_comes_back_as_it_was_written() {
    bolero::check!(name = "resumes")
        .with_iterations(4_000)
        .with_generator(cases(512))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let text = input.text(200, WORDS);
            if let Some(read) = Resume::parse(&text) {
                let epoch = read.epoch.unwrap_or_default();
                let written = Resume::write(epoch, read.since, read.told.iter().copied());
                let written = match read.epoch {
                    Some(_) => written,
                    None => written.split_once('.').unwrap().1.to_owned(),
                };
                assert_eq!(Resume::parse(&written).as_ref(), Some(&read), "{text:?}");
                assert_eq!(text, written);
            }
            let reloaded = Reloaded::parse(&text);
            for epoch in [Epoch::default(), Epoch::parse("3f9a0c2b77d1").unwrap_or_default()] {
                assert!(reloaded.within(Some(epoch)).len() <= POSITIONS);
            }

            let since = input.u32();
            let told: Vec<u32> = (0..input.below(80)).map(|_| input.u32()).collect();
            let epoch = Epoch::new(u64::from(input.u32()) << 16);
            let written = Resume::write(epoch, since, told.iter().copied());
            assert_eq!(
                Resume::parse(&written),
                Some(Resume {
                    epoch: Some(epoch),
                    since,
                    told
                }),
                "{written}"
            );
        });
}
