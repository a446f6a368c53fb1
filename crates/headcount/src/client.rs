//! The client of a running server's admin API.
//!
//! One request a call, no retries: a command that was not acknowledged may have been carried out, and its user decides.
//! What a server answers is kept as text, so that `--json` can print it as it is.

use std::time::Duration;

use bytes::Bytes;
use headcount_core::protocol::admin::ErrorAnswer;
use headcount_server::Secret;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arguments::ServerArguments;
use crate::config;
use crate::config::environment::Environment;
use crate::failure::Failure;

/// How long a server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read: room for 10,000 routes of 1,024 bytes and then some.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A server's admin API.
#[derive(Debug)]
pub(crate) struct Client {
    base: String,
    secret: Option<Secret>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    url: String,
    /// The body.
    pub(crate) text: String,
}

impl Client {
    /// The server that the flags and variables name. Errors if they are not valid.
    pub(crate) fn new(arguments: &ServerArguments, environment: &Environment) -> Result<Self, Failure> {
        let url = arguments
            .url
            .as_deref()
            .or_else(|| environment.url())
            .unwrap_or("http://127.0.0.1:4477");
        let path = arguments
            .admin_path
            .as_deref()
            .or_else(|| environment.admin_path())
            .unwrap_or("/api/admin");
        if !path.starts_with('/') {
            return Err(Failure::Usage(format!(
                "the admin path `{path}` must begin with `/`"
            )));
        }
        let base = format!("{}{}", url.trim_end_matches('/'), path.trim_end_matches('/'));
        let sound = base.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri
                    .authority()
                    .is_some_and(|authority| !authority.as_str().contains('@'))
                && uri.query().is_none()
        });
        if !sound || base.contains('#') {
            return Err(Failure::Usage(format!(
                "`{url}` is not the address of a server: write one such as http://127.0.0.1:4477"
            )));
        }
        Ok(Self {
            base,
            secret: secret(arguments, environment)?,
        })
    }

    /// `GET`, with query pairs.
    pub(crate) async fn get(&self, endpoint: &str, query: &[(&str, &str)]) -> Result<Answer, Failure> {
        let mut target = endpoint.to_owned();
        for (index, (name, value)) in query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(name);
            target.push('=');
            target.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        self.send(Method::GET, &target, Bytes::new()).await
    }

    /// `POST`, with a JSON body.
    pub(crate) async fn post<Body: Serialize>(&self, endpoint: &str, body: &Body) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::Usage(error.to_string()))?;
        self.send(Method::POST, endpoint, body.into()).await
    }

    /// `PATCH`, with a JSON body.
    pub(crate) async fn patch<Body: Serialize>(
        &self,
        endpoint: &str,
        body: &Body,
    ) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::Usage(error.to_string()))?;
        self.send(Method::PATCH, endpoint, body.into()).await
    }

    /// `DELETE`.
    pub(crate) async fn delete(&self, endpoint: &str) -> Result<Answer, Failure> {
        self.send(Method::DELETE, endpoint, Bytes::new()).await
    }

    /// No answer came in this time.
    pub(crate) fn unanswered(&self, patience: Duration) -> Failure {
        Failure::Unreachable {
            url: self.base.clone(),
            reason: format!("no answer within {} seconds", patience.as_secs()),
        }
    }

    async fn send(&self, method: Method, target: &str, body: Bytes) -> Result<Answer, Failure> {
        let url = format!("{}/{target}", self.base);
        let request = self.request(method, &url, body)?;
        let exchange = tokio::time::timeout(TIMEOUT, exchange(request, &url));
        let (status, text) = exchange.await.unwrap_or_else(|_| Err(self.unanswered(TIMEOUT)))?;
        if status.is_success() {
            Ok(Answer { url, text })
        } else {
            Err(self.refusal(status, url, &text))
        }
    }

    fn request(&self, method: Method, url: &str, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header(ACCEPT, "application/json");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(secret) = &self.secret {
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", secret.expose())).map_err(|_| {
                Failure::Usage("the admin secret cannot be sent: it has control characters".to_owned())
            })?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        request
            .body(Full::new(body))
            .map_err(|error| Failure::Usage(format!("{url}: {error}")))
    }

    /// What an error answer means for the user of the command.
    fn refusal(&self, status: StatusCode, url: String, text: &str) -> Failure {
        let Ok(ErrorAnswer { error }) = serde_json::from_str::<ErrorAnswer>(text) else {
            let status = status.to_string();
            return Failure::Foreign { url, status };
        };
        match (status, error.code.as_str()) {
            (StatusCode::UNAUTHORIZED, _) if self.secret.is_none() => Failure::Unauthorized(
                "the server needs its admin secret\n  Set HEADCOUNT_ADMIN_SECRET here to the secret the server was started with, \
                 or HEADCOUNT_ADMIN_SECRET_FILE to a file that holds it."
                    .to_owned(),
            ),
            (StatusCode::UNAUTHORIZED, _) => Failure::Unauthorized(
                "the server does not take this admin secret\n  HEADCOUNT_ADMIN_SECRET (or its _FILE twin) must be the same here \
                 and where the server was started."
                    .to_owned(),
            ),
            (StatusCode::SERVICE_UNAVAILABLE, "not-configured") => Failure::Unauthorized(
                "the server has no admin secret, so its admin API is off\n  Start it with HEADCOUNT_ADMIN_SECRET (or \
                 HEADCOUNT_ADMIN_SECRET_FILE) set, and set the same here."
                    .to_owned(),
            ),
            (StatusCode::NOT_FOUND, "no-such-endpoint") => Failure::NoAdminApi { url },
            (_, code) => Failure::Refused {
                status: status.to_string(),
                code: crate::table::plain(code),
                message: lines(&error.message),
            },
        }
    }
}

impl Answer {
    /// The body, read as what it should be.
    pub(crate) fn read<Body: DeserializeOwned>(&self) -> Result<Body, Failure> {
        serde_json::from_str(&self.text).map_err(|error| Failure::Strange {
            url: self.url.clone(),
            reason: format!("its answer cannot be read: {error}"),
        })
    }
}

/// What a server says, with its lines as they are and nothing in them that steers a terminal.
fn lines(message: &str) -> String {
    let lines: Vec<String> = message.lines().map(crate::table::plain).collect();
    lines.join("\n")
}

/// The admin secret: the flag's file, else the variable, else the variable's file.
fn secret(arguments: &ServerArguments, environment: &Environment) -> Result<Option<Secret>, Failure> {
    let file = match (&arguments.admin_secret_file, environment.admin_secret()) {
        (Some(path), _) => path.to_str(),
        (None, Some(secret)) => return Ok((!secret.is_empty()).then(|| Secret::new(secret))),
        (None, None) => environment.admin_secret_file(),
    };
    file.map(config::secret_file).transpose().map_err(Failure::Usage)
}

async fn exchange(request: Request<Full<Bytes>>, url: &str) -> Result<(StatusCode, String), Failure> {
    let strange = |reason: String| Failure::Strange {
        url: url.to_owned(),
        reason,
    };
    let response = match request.uri().scheme_str() {
        Some("https") => {
            let connector = HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
                .map_err(|error| Failure::Usage(format!("no certificates to check {url} with: {error}")))?
                .https_only()
                .enable_http1()
                .build();
            HttpClient::builder(TokioExecutor::new())
                .build(connector)
                .request(request)
                .await
        }
        _ => {
            HttpClient::builder(TokioExecutor::new())
                .build(HttpConnector::new())
                .request(request)
                .await
        }
    };
    let response = response.map_err(|error| {
        let reason = causes(&error);
        if reason.contains("InvalidContentType") {
            strange("it does not speak TLS. Write http:// for it".to_owned())
        } else if error.is_connect() {
            Failure::Unreachable {
                url: url.to_owned(),
                reason,
            }
        } else {
            strange(reason)
        }
    })?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    let body = body.map_err(|error| strange(error.to_string()))?.to_bytes();
    String::from_utf8(body.into())
        .map(|text| (status, text))
        .map_err(|_| strange("its answer is not text".to_owned()))
}

/// The innermost cause, which is the one that tells: `Connection refused`, `invalid peer certificate`.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_be_meant_are_refused() {
        let client = |url: &str| {
            let arguments = ServerArguments {
                url: Some(url.to_owned()),
                ..ServerArguments::default()
            };
            Client::new(&arguments, &Environment::default()).map(|client| client.base)
        };
        assert_eq!(
            client("http://localhost:1/").unwrap(),
            "http://localhost:1/api/admin"
        );
        assert_eq!(
            client("https://shop.example/pro").unwrap(),
            "https://shop.example/pro/api/admin"
        );
        for wrong in [
            "localhost:4477",
            "ftp://host",
            "http://a@b",
            "http://host?x=1",
            "http://host#x",
            "",
            "/",
        ] {
            assert!(matches!(client(wrong), Err(Failure::Usage(_))), "{wrong}");
        }
    }
}
