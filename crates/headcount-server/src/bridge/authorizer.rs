//! Asks the app over its bridge: what its hook says of a request with the browser's own headers.
//!
//! An app that is away may be about to come back, and so may headcount itself, so a question waits for a bridge within its
//! time. What is not answered then is [`Verdict::Unavailable`].
//!
//! The app decides about browsers that show nothing, too: it may admit by something else.

use std::time::Duration;

use headcount_core::limits::Limits;

use super::Bridges;
use crate::authorize::{AuthorizeRequest, Authorizer, Reads, Verdict, VerdictFuture, is_own};
use crate::head::without_cookies;

/// The headers by which the app recognises a browser.
const KNOWN_BY: [&str; 2] = ["cookie", "authorization"];

/// What the app is told beside that.
const BESIDE: [&str; 5] = [
    "user-agent",
    "accept-language",
    "host",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// Asks an open bridge.
#[derive(Debug)]
pub(crate) struct BridgeAuthorizer {
    bridges: Bridges,
    patience: Duration,
}

impl BridgeAuthorizer {
    pub(crate) fn new(bridges: Bridges, limits: &Limits) -> Self {
        Self {
            bridges,
            patience: Duration::from_millis(limits.bridge_answer_ms.into()),
        }
    }

    async fn verdict(&self, request: &AuthorizeRequest) -> Verdict {
        let headers = headers(request);
        let asked = self.bridges.ask(&request.connection_id, &headers, self.patience);
        match tokio::time::timeout(self.patience, asked).await {
            Ok(true) => Verdict::ADMITTED,
            Ok(false) => Verdict::Refused,
            Err(_) => Verdict::Unavailable,
        }
    }
}

impl Authorizer for BridgeAuthorizer {
    fn reads(&self) -> Reads {
        let known_by = KNOWN_BY.into_iter().map(Reads::header);
        let beside = BESIDE.into_iter().map(Reads::beside);
        known_by.chain(beside).fold(Reads::changing(), Reads::and)
    }

    fn ignores_connection(&self) -> bool {
        true
    }

    fn authorize<'a>(&'a self, request: &'a AuthorizeRequest) -> VerdictFuture<'a> {
        Box::pin(self.verdict(request))
    }
}

/// What the app is sent: each header once, without headcount's own cookies.
fn headers(request: &AuthorizeRequest) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in request.credentials.headers() {
        let value = if name == "cookie" {
            without_cookies(value, |name, _| is_own(name))
        } else {
            value.to_owned()
        };
        match headers.iter_mut().find(|(known, _)| known == name) {
            _ if value.is_empty() => {}
            Some((_, known)) if name == "cookie" => known.extend(["; ", &value]),
            Some(_) => {}
            None => headers.push((name.to_owned(), value)),
        }
    }
    headers.extend(
        request
            .ip
            .map(|ip| ("x-forwarded-for".to_owned(), ip.to_string())),
    );
    headers
}
