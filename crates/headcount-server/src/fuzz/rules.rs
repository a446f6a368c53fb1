//! Rules on sessions: a rule that was read is read again from what it prints, and an error points into its text.

use super::{Input, cases};
use crate::claims::ClaimRule;

const WORDS: &[&str] = &[
    "user",
    ".",
    "role",
    " ",
    "==",
    "in",
    "[",
    "]",
    ",",
    "\"admin\"",
    "'a'",
    "\"",
    "'",
    "\\",
    "\\\"",
    "true",
    "false",
    "17",
    "-1",
    "1.5",
    "99999999999999999999",
    "é",
    "\u{a0}",
];

#[test]
fn a_rule_is_read_again_from_what_it_prints() {
    bolero::check!(name = "rules")
        .with_iterations(3_000)
        .with_generator(cases(128))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let start = input.pick(&["", "user.role == ", "user.role in ["]);
            let text = start.to_owned() + &input.text(100, WORDS);
            match text.parse::<ClaimRule>() {
                Ok(rule) => {
                    assert_eq!(rule.to_string().parse(), Ok(rule.clone()), "{text:?} -> {rule}");
                    assert!(!rule.admits(&serde_json::json!({})) && !rule.admits(&serde_json::json!(null)));
                }
                Err(error) => assert!((1..=text.chars().count() + 1).contains(&error.column), "{error}"),
            }
        });
}
