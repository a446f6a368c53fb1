//! Sealed session cookies: only what the app sealed opens, and only what it says admits.

use serde_json::{Value, json};

use super::{Input, cases};
use crate::authorize::Verdict;
use crate::authorize::sealed_session::SKEW_MS;
use crate::authorize::sealed_session::tests::{NOW, seal, verdict};

const WORDS: &[&str] = &[
    "*",
    "**",
    "Fe26.2",
    "Fe26.2**",
    "%2A",
    "%",
    "%ff",
    "1795320300000",
    "0",
    "-1",
    "A",
    "_",
    "-",
    "=",
    "\"",
    "{",
    "}",
    ":",
    ",",
    "\"data\"",
    "\"user\"",
    "\"role\"",
    "\"admin\"",
    "{\"data\":{\"user\":{\"role\":\"admin\"}}}",
    "null",
    "[",
    "]",
    " ",
];

/// The seal with some change to it.
fn altered(valid: &str, input: &mut Input<'_>) -> String {
    let mut altered = valid.as_bytes().to_vec();
    for _ in 0..=input.below(3) {
        let at = (usize::from(input.byte()) << 8 | usize::from(input.byte())) % altered.len();
        match input.below(4) {
            0 => altered[at] ^= 1 << input.below(7),
            1 => altered[at] = input.byte() & 0x7f,
            2 => altered.insert(at, input.byte() & 0x7f),
            _ => altered.truncate(at.max(1)),
        }
    }
    // A cookie is text without `;`.
    String::from_utf8(altered).unwrap().replace(';', ":")
}

/// Whether this session fulfils the rule `user.role == "admin"`.
fn is_admin(content: &str) -> bool {
    let session: Option<Value> = serde_json::from_str(content).ok();
    let role = session
        .as_ref()
        .and_then(|session| session.get("data")?.get("user")?.get("role"));
    role.is_some_and(|role| match role {
        Value::Array(roles) => roles.contains(&json!("admin")),
        role => *role == "admin",
    })
}

#[test]
fn only_what_the_app_sealed_opens() {
    let admin = json!({"data": {"user": {"role": "admin"}}}).to_string();
    let valid = seal(&admin, "");
    bolero::check!(name = "seals")
        .with_iterations(500)
        .with_generator(cases(256))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let altered = altered(&valid, &mut input);
            let read =
                percent_encoding::percent_decode_str(altered.trim().trim_matches('"')).collect::<Vec<u8>>();
            if read != valid.as_bytes() {
                assert_eq!(verdict(&altered), Verdict::Refused, "{altered}");
            }
            let text = input.text(80, WORDS).replace(';', "");
            assert_eq!(verdict(&text), Verdict::Refused, "{text}");

            let content = if input.flag() {
                input.text(80, WORDS)
            } else {
                admin.clone()
            };
            let expiry = input
                .text(16, &["1795320300000", "1795320", "0", " ", "*", "+", "-"])
                .replace(';', "");
            let sealed = verdict(&seal(&content, &expiry));
            let digits = expiry.bytes().all(|byte| byte.is_ascii_digit());
            let until = expiry
                .parse::<u64>()
                .ok()
                .filter(|_| digits)
                .map(|at| at.saturating_add(SKEW_MS));
            let wanted = match (is_admin(&content), expiry.is_empty(), until) {
                (true, true, _) => Verdict::ADMITTED,
                (true, false, Some(until_ms)) if until_ms > NOW => Verdict::Admitted { until_ms },
                _ => Verdict::Refused,
            };
            assert_eq!(sealed, wanted, "{content} until {expiry:?}");
        });
}
