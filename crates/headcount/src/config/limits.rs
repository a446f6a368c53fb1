//! One setting for each limit, under `limits.` in the file and behind `--limit` on the command line.

use super::setting::{Form, Setting};
use super::values::number;
use headcount_core::limits::Limits;

macro_rules! limits {
    ($($field:ident: $number:ident),* $(,)?) => {
        /// Every field of [`Limits`].
        pub(super) const SETTINGS: &[Setting] = &[$(Setting {
            key: concat!("limits.", stringify!($field)),
            form: Form::Number,
            apply: |draft, texts| {
                let text = texts.first().map_or("", String::as_str);
                draft.server.limits.$field = number(text, 0..=$number::MAX)?;
                Ok(())
            },
        }),*];

        /// Every limit with its default, as `--limit` takes it.
        pub(crate) fn defaults() -> Vec<String> {
            let limits = Limits::default();
            vec![$(format!("{}={}", stringify!($field), limits.$field)),*]
        }
    };
}

limits! {
    connections_max: u32,
    connections_per_address_max: u32,
    heads_pending_max: u32,
    head_bytes_max: u32,
    head_ms: u32,
    body_bytes_max: u32,
    http_connections_max: u32,
    http_idle_ms: u32,
    http_streams_max: u32,
    message_bytes_max: u32,
    messages_burst: u16,
    messages_per_second: u16,
    route_bytes_max: u16,
    version_bytes_max: u16,
    routes_max: u32,
    versions_max: u32,
    unnamed_bytes_max: u32,
    outcomes_max: u32,
    outbox_bytes_max: u32,
    outbox_ms: u32,
    stats_connections_max: u32,
    subscribers_max: u32,
    subscribers_pending_max: u32,
    admission_ms: u32,
    admission_grace_ms: u32,
    credentials_bytes_max: u32,
    handshake_credentials_ms: u32,
    handshake_credentials_bytes_max: u32,
    deferred_bytes_max: u32,
    tick_ms: u32,
    stats_bytes_per_second: u32,
    keepalive_ms: u32,
    liveness_ms: u32,
    releases_max: u32,
    rules_max: u32,
    rule_seconds: u32,
    spread_ms: u32,
    pattern_bytes_max: u32,
    hook_events_max: u32,
    send_bytes_max: u32,
    bridges_max: u32,
    bridge_body_bytes_max: u32,
    bridge_answer_ms: u32,
    store_ms: u32,
    answer_ms: u32,
    guesses_burst: u16,
    guesses_per_second: u16,
    guess_hold_ms: u32,
    guesses_held_max: u32,
    guesses_held_per_address_max: u32,
    guess_addresses_max: u32,
    drain_ms: u32,
    reconnect_spread_ms: u32,
    history_seconds: u32,
    history_step_ms: u32,
    history_versions_max: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of all fields of [`Limits`], as its `Debug` has them.
    #[test]
    fn every_limit_has_its_setting() {
        let text = format!("{:?}", Limits::default());
        let fields = text.trim_start_matches("Limits { ").trim_end_matches(" }");
        let fields: Vec<_> = fields
            .split(", ")
            .map(|field| format!("limits.{}", field.split(':').next().unwrap()))
            .collect();
        let keys: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        assert_eq!(keys, fields);
    }
}
