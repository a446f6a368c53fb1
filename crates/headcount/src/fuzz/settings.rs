//! The configuration file: it is understood whole or its problems are said, and what is understood is sound.

use super::{Input, cases};
use crate::config;

const WORDS: &[&str] = &[
    "\n",
    " = ",
    "=",
    "\"",
    "'",
    "[limits]\n",
    "[sealed_session]\n",
    "[forward_auth]\n",
    "[[",
    "]]",
    "true",
    "false",
    "0x10",
    "1_000",
    "-1",
    "1e9",
    "99999999999999999999",
    "shards = 2\n",
    "base_path = \"/skew\"\n",
    "admin_path = \"/\"\n",
    "cookie_name = \"__nkpv\"\n",
    "allowed_origins = [\"https://app.example.com\"]\n",
    "trusted_proxies = [\"10.0.0.0/8\"]\n",
    "admin_secret = \"",
    "authorize = \"anyone\"\n",
    "ephemeral = true\n",
    "data_dir = \"d\"\n",
    "release = \"v1\"\n",
    "log = \"info\"\n",
    "ip_tracking = true\n",
    "tick_ms = ",
    "rules_max = 64\n",
    "keepalive_ms = ",
    "liveness_ms = ",
    "url = \"http://127.0.0.1:1/\"\n",
    "password = \"0123456789abcdef0123456789abcdef\"\n",
    "rule = 'user.role == \"admin\"'\n",
    "\\u00e9",
    "{",
    "}",
    "#",
    ".",
    "é",
];

#[test]
fn what_is_understood_is_sound() {
    let limits = config::limits::defaults();
    bolero::check!(name = "settings")
        .with_iterations(1_000)
        .with_generator(cases(192))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let text = input.text(100, WORDS);
            match config::from_text(&text) {
                (Some(settings), problems) if problems.is_empty() => {
                    assert_eq!(settings.server.problems(), Vec::<String>::new(), "{text:?}");
                }
                (_, problems) => {
                    assert!(!problems.is_empty(), "{text:?} is refused without a reason");
                    assert!(
                        problems
                            .iter()
                            .all(|problem| problem.contains(|letter: char| letter.is_alphabetic()))
                    );
                }
            }

            let (name, _) = limits[input.below(limits.len())].split_once('=').unwrap();
            let number = input.u32() >> input.below(32);
            if let (Some(settings), _) = config::from_text(&format!("[limits]\n{name} = {number}")) {
                let said = format!("{:?}", settings.server.limits);
                assert!(
                    said.contains(&format!(" {name}: {number}")),
                    "{name} = {number} became {said}"
                );
            }
        });
}
