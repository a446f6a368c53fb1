//! The table of settings.

use headcount_server::Secret;

use super::draft::Draft;
use super::limits;
use super::setting::{Form, Setting};
use super::values::{
    address, address_headers, anyone, bot_lists, claim_rule, cookie_name, log_filter, log_format, networks,
    number, one, path_or_off, put, secret_file, some, switch, text, unless_empty,
};

const SETTINGS: &[Setting] = &[
    row("listen", Form::Text, |draft, texts| {
        put(&mut draft.listen, address(one(texts)))
    }),
    row("admin_listen", Form::Text, |draft, texts| {
        put(&mut draft.admin_listen, address(one(texts)).map(Some))
    }),
    row("data_dir", Form::Text, |draft, texts| {
        put(&mut draft.data_dir, Ok(one(texts).into()))
    }),
    row("ephemeral", Form::Switch, |draft, texts| {
        put(&mut draft.ephemeral, switch(one(texts)))
    }),
    row("log", Form::Text, |draft, texts| {
        put(&mut draft.log.filter, log_filter(one(texts)))
    }),
    row("log_format", Form::Text, |draft, texts| {
        put(&mut draft.log.format, log_format(one(texts)))
    }),
    row("release", Form::Text, |draft, texts| {
        put(&mut draft.server.release, some(texts))
    }),
    row("shards", Form::Number, |draft, texts| {
        put(&mut draft.server.shards, number(one(texts), 0..=1_024))
    }),
    row("base_path", Form::Text, |draft, texts| {
        put(&mut draft.server.base_path, text(texts))
    }),
    row("admin_path", Form::Text, |draft, texts| {
        put(&mut draft.server.admin_path, text(texts))
    }),
    row("board_path", Form::Text, |draft, texts| {
        put(&mut draft.server.board_path, Ok(path_or_off(one(texts))))
    }),
    row("cookie_name", Form::Text, |draft, texts| {
        put(&mut draft.server.cookie_name, some(texts))
    }),
    row("connection_tracking", Form::Switch, |draft, texts| {
        put(&mut draft.server.connection_tracking, switch(one(texts)))
    }),
    row("route_tracking", Form::Switch, |draft, texts| {
        put(&mut draft.server.route_tracking, switch(one(texts)))
    }),
    row("ip_tracking", Form::Switch, |draft, texts| {
        put(&mut draft.server.ip_tracking, switch(one(texts)))
    }),
    row("allowed_origins", Form::List, |draft, texts| {
        put(&mut draft.server.allowed_origins, Ok(texts.to_vec()))
    }),
    row("bots", Form::Text, |draft, texts| {
        put(&mut draft.server.bots, bot_lists(one(texts)))
    }),
    row("trusted_proxies", Form::List, |draft, texts| {
        put(&mut draft.server.trusted_proxies, networks(texts))
    }),
    row("address_headers", Form::List, |draft, texts| {
        put(&mut draft.server.address_headers, address_headers(texts))
    }),
    row("authorize_bridge", Form::Switch, |draft, texts| {
        put(&mut draft.server.authorize_bridge, switch(one(texts)))
    }),
    row("authorize", Form::Text, |draft, texts| {
        put(&mut draft.server.authorize_anyone, anyone(one(texts)))
    }),
    row("admin_secret", Form::Text, |draft, texts| {
        put(&mut draft.server.admin_secret, Ok(Some(Secret::new(one(texts)))))
    }),
    row("admin_secret_file", Form::Text, |draft, texts| {
        put(&mut draft.server.admin_secret, secret_file(one(texts)).map(Some))
    }),
    row("admin_secret_previous", Form::Text, |draft, texts| {
        put(
            &mut draft.server.admin_secret_previous,
            Ok(unless_empty(Secret::new(one(texts)))),
        )
    }),
    row("admin_secret_previous_file", Form::Text, |draft, texts| {
        put(
            &mut draft.server.admin_secret_previous,
            secret_file(one(texts)).map(unless_empty),
        )
    }),
    row("bridge_secret", Form::Text, |draft, texts| {
        put(&mut draft.server.bridge_secret, Ok(Some(Secret::new(one(texts)))))
    }),
    row("bridge_secret_file", Form::Text, |draft, texts| {
        put(&mut draft.server.bridge_secret, secret_file(one(texts)).map(Some))
    }),
    row("bridge_secret_previous", Form::Text, |draft, texts| {
        put(
            &mut draft.server.bridge_secret_previous,
            Ok(unless_empty(Secret::new(one(texts)))),
        )
    }),
    row("bridge_secret_previous_file", Form::Text, |draft, texts| {
        put(
            &mut draft.server.bridge_secret_previous,
            secret_file(one(texts)).map(unless_empty),
        )
    }),
    row("cluster", Form::Text, |draft, texts| {
        put(&mut draft.cluster.brokers, some(texts))
    }),
    row("cluster_name", Form::Text, |draft, texts| {
        put(&mut draft.cluster.name, some(texts))
    }),
    row("cluster_secret", Form::Text, |draft, texts| {
        put(&mut draft.cluster.secret, Ok(Some(Secret::new(one(texts)))))
    }),
    row("cluster_secret_file", Form::Text, |draft, texts| {
        put(&mut draft.cluster.secret, secret_file(one(texts)).map(Some))
    }),
    row("cluster_credentials", Form::Text, |draft, texts| {
        put(&mut draft.cluster.credentials, Ok(Some(one(texts).into())))
    }),
    row("cluster_nkey", Form::Text, |draft, texts| {
        put(&mut draft.cluster.nkey, Ok(Some(one(texts).into())))
    }),
    row("cluster_ca", Form::Text, |draft, texts| {
        put(&mut draft.cluster.authorities, Ok(Some(one(texts).into())))
    }),
    row("cluster_certificate", Form::Text, |draft, texts| {
        put(&mut draft.cluster.certificate, Ok(Some(one(texts).into())))
    }),
    row("cluster_key", Form::Text, |draft, texts| {
        put(&mut draft.cluster.key, Ok(Some(one(texts).into())))
    }),
    row("cluster_replicas", Form::Number, |draft, texts| {
        put(&mut draft.cluster.replicas, number(one(texts), 1..=5).map(Some))
    }),
    row("node_name", Form::Text, |draft, texts| {
        put(&mut draft.cluster.node, some(texts))
    }),
    row("sealed_session.password", Form::Text, |draft, texts| {
        put(&mut draft.session.password, Ok(Some(Secret::new(one(texts)))))
    }),
    row("sealed_session.password_file", Form::Text, |draft, texts| {
        put(&mut draft.session.password, secret_file(one(texts)).map(Some))
    }),
    row("sealed_session.cookie", Form::Text, |draft, texts| {
        put(&mut draft.session.cookie, cookie_name(one(texts)).map(Some))
    }),
    row("sealed_session.rule", Form::Text, |draft, texts| {
        put(&mut draft.session.rule, claim_rule(one(texts)).map(Some))
    }),
    row("forward_auth.url", Form::Text, |draft, texts| {
        put(&mut draft.forward.url, some(texts))
    }),
    row("forward_auth.cache_ms", Form::Number, |draft, texts| {
        put(
            &mut draft.forward.cache_ms,
            number(one(texts), 0..=u32::MAX).map(Some),
        )
    }),
    row("forward_auth.timeout_ms", Form::Number, |draft, texts| {
        put(
            &mut draft.forward.timeout_ms,
            number(one(texts), 1..=u32::MAX).map(Some),
        )
    }),
];

const fn row(
    key: &'static str,
    form: Form,
    apply: fn(&mut Draft, &[String]) -> Result<(), String>,
) -> Setting {
    Setting { key, form, apply }
}

/// Every setting there is.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> + Clone {
    SETTINGS.iter().chain(limits::SETTINGS)
}

/// The setting with this key.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.key == key)
}
