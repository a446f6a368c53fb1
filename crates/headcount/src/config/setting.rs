//! The table of settings: the key of each, the form of its value, and its place in the configuration.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::str::FromStr;

use headcount_server::Secret;
use headcount_server::bots::{BotLists, BotListsError};
use headcount_server::claims::{ClaimRule, RuleError};
use headcount_server::client_address::AddressHeader;
use ipnet::IpNet;

use super::LogFormat;
use super::draft::Draft;
use super::limits;

/// The form of a value in the TOML file. Flags and variables are text in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `"text"`
    Text,
    /// `true` or `false`
    Switch,
    /// `1000`
    Number,
    /// `["text", "text"]`; separated by commas in a variable
    List,
}

/// A setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// Its key in the file; a dot stands before a key in a table.
    pub(super) key: &'static str,
    /// The form of its value in the file.
    pub(super) form: Form,
    /// Parses the value (one text, or the items of a list) and stores it. The error says what is wrong.
    pub(super) apply: fn(&mut Draft, &[String]) -> Result<(), String>,
}

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

impl Setting {
    /// Its variable: the key in capitals behind `HEADCOUNT_`. `sealed_session` is `SESSION` there, as apps know it.
    pub(super) fn variable(&self) -> String {
        let key = self.key.strip_prefix("sealed_").unwrap_or(self.key);
        format!("HEADCOUNT_{}", key.replace('.', "_").to_uppercase())
    }
}

fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

fn one(texts: &[String]) -> &str {
    texts.first().map_or("", String::as_str)
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for every row of the table")]
fn text(texts: &[String]) -> Result<String, String> {
    Ok(one(texts).to_owned())
}

fn some(texts: &[String]) -> Result<Option<String>, String> {
    text(texts).map(Some)
}

/// A path; `off`, or nothing, means none.
fn path_or_off(text: &str) -> Option<String> {
    (!matches!(text, "" | "off")).then(|| text.to_owned())
}

fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("`{text}` is not valid: write true or false")),
    }
}

/// A whole number in `range`; underscores may set digits apart.
pub(super) fn number<T>(text: &str, range: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    let number = text
        .replace('_', "")
        .parse::<T>()
        .ok()
        .filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!(
            "`{text}` is not valid: write a whole number from {} to {}",
            range.start(),
            range.end()
        )
    })
}

/// An address to listen on. A name such as `localhost:4477` is looked up; its first address counts.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let resolved = text
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next());
    resolved.ok_or_else(|| {
        format!("`{text}` is not an address: write an IP address and a port, as in 127.0.0.1:4477")
    })
}

fn address_headers(texts: &[String]) -> Result<Vec<AddressHeader>, String> {
    let header = |text: &String| {
        let name = text.to_ascii_lowercase();
        let header = AddressHeader::ALL
            .into_iter()
            .find(|header| header.name() == name);
        header.ok_or_else(|| {
            let known = AddressHeader::ALL.map(AddressHeader::name).join(", ");
            format!("`{text}` is not a known header: choose from {known}")
        })
    };
    texts.iter().map(header).collect()
}

/// The additions to the list of bots, from a file.
fn bot_lists(path: &str) -> Result<BotLists, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    text.parse()
        .map_err(|error: BotListsError| format!("`{path}`: {error}"))
}

fn networks(texts: &[String]) -> Result<Vec<IpNet>, String> {
    let network = |text: &String| {
        let network = text
            .parse()
            .or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
        network.map_err(|_| {
            format!("`{text}` is not a network: write an address and its prefix length, as in 10.0.0.0/8")
        })
    };
    texts.iter().map(network).collect()
}

fn anyone(text: &str) -> Result<bool, String> {
    if text == "anyone" {
        Ok(true)
    } else {
        Err(format!("`{text}` is not valid: the only value is `anyone`"))
    }
}

fn claim_rule(text: &str) -> Result<ClaimRule, String> {
    text.parse().map_err(|error: RuleError| error.to_string())
}

fn cookie_name(text: &str) -> Result<String, String> {
    let sound = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"=;,\"".contains(&byte));
    if sound {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is not a valid cookie name: use letters, digits and `-`, `_`, `.`"
        ))
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is not valid: write text or json")),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    let sound = tracing_subscriber::EnvFilter::try_new(text);
    sound
        .map(|_| text.to_owned())
        .map_err(|error| format!("`{text}` is not a valid log filter: {error}"))
}

/// The previous secret. An empty text, such as an empty file, means no previous secret.
fn unless_empty(secret: Secret) -> Option<Secret> {
    (!secret.expose().is_empty()).then_some(secret)
}

/// A secret from a file, without the line end that editors leave behind it.
pub(crate) fn secret_file(path: &str) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}
