//! Values as people write them: each is read, or refused with a sentence.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::str::FromStr;

use headcount_server::Secret;
use headcount_server::bots::{BotLists, BotListsError};
use headcount_server::claims::{ClaimRule, ClaimRuleError};
use headcount_server::client_address::{AddressHeader, Network, NetworkError};

use super::settings::LogFormat;

pub(super) fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

pub(super) fn one(texts: &[String]) -> &str {
    texts.first().map_or("", String::as_str)
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for every row of the table")]
pub(super) fn text(texts: &[String]) -> Result<String, String> {
    Ok(one(texts).to_owned())
}

pub(super) fn some(texts: &[String]) -> Result<Option<String>, String> {
    text(texts).map(Some)
}

/// A path; `off`, or nothing, means none.
pub(super) fn path_or_off(text: &str) -> Option<String> {
    (!matches!(text, "" | "off")).then(|| text.to_owned())
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
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

pub(super) fn address_headers(texts: &[String]) -> Result<Vec<AddressHeader>, String> {
    let header = |text: &String| {
        let name = text.to_ascii_lowercase();
        let header = AddressHeader::ALL.iter().find(|header| header.name() == name);
        header.copied().ok_or_else(|| {
            let known = AddressHeader::ALL.iter().map(|header| header.name());
            let known = known.collect::<Vec<_>>().join(", ");
            format!("`{text}` is not a known header: choose from {known}")
        })
    };
    texts.iter().map(header).collect()
}

/// The additions to the list of bots, from a file.
pub(super) fn bot_lists(path: &str) -> Result<BotLists, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    text.parse()
        .map_err(|error: BotListsError| format!("`{path}`: {error}"))
}

pub(super) fn networks(texts: &[String]) -> Result<Vec<Network>, String> {
    let network = |text: &String| text.parse().map_err(|error: NetworkError| error.to_string());
    texts.iter().map(network).collect()
}

pub(super) fn anyone(text: &str) -> Result<bool, String> {
    if text == "anyone" {
        Ok(true)
    } else {
        Err(format!("`{text}` is not valid: the only value is `anyone`"))
    }
}

pub(super) fn claim_rule(text: &str) -> Result<ClaimRule, String> {
    text.parse().map_err(|error: ClaimRuleError| error.to_string())
}

pub(super) fn cookie_name(text: &str) -> Result<String, String> {
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

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is not valid: write text or json")),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let sound = tracing_subscriber::EnvFilter::try_new(text);
    sound
        .map(|_| text.to_owned())
        .map_err(|error| format!("`{text}` is not a valid log filter: {error}"))
}

/// The previous secret. An empty text, such as an empty file, means no previous secret.
pub(super) fn unless_empty(secret: Secret) -> Option<Secret> {
    (!secret.expose().is_empty()).then_some(secret)
}

/// A secret from a file, without the line end that editors leave behind it.
pub(crate) fn secret_file(path: &str) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}
