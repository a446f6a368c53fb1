//! What a page brings back: resume ids and the commands it was reloaded for.

use super::{Input, cases};
use crate::invalidation::POSITIONS;
use crate::protocol::client::{Resume, reloaded};

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
                let written = Resume::write(read.since, read.told.iter().copied());
                assert_eq!(Resume::parse(&written).as_ref(), Some(&read), "{text:?}");
                assert_eq!(text, written);
            }
            assert!(reloaded(&text).len() <= POSITIONS);

            let since = input.u32();
            let told: Vec<u32> = (0..input.below(80)).map(|_| input.u32()).collect();
            let written = Resume::write(since, told.iter().copied());
            assert_eq!(Resume::parse(&written), Some(Resume { since, told }), "{written}");
        });
}
