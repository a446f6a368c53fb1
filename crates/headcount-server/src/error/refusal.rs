//! The one place that turns what can go wrong into an HTTP answer.

use axum::Json;
use axum::response::{IntoResponse, Response};
use headcount_core::protocol::admin::{ErrorAnswer, ErrorBody};
use http::StatusCode;
use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};

use super::CommandError;
use crate::sources::with_sources;

/// The answer to a new socket if there is no room even to serve its request.
pub(crate) const FULL_ANSWER: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    retry-after: 5\r\nconnection: close\r\ncontent-length: 85\r\n\r\n\
    {\"error\":{\"code\":\"full\",\"message\":\"the server has reached its limit of connections\"}}";

/// An error answer of an endpoint: a status, a code for programs, a sentence for people.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_seconds: Option<u32>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after_seconds: None,
        }
    }

    fn again_after(self, seconds: u32) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..self
        }
    }

    /// Its status, its code and its message.
    #[cfg(feature = "openapi")]
    pub(crate) fn parts(&self) -> (StatusCode, &'static str, &str) {
        (self.status, self.code, &self.message)
    }

    pub(crate) fn not_stored(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "not-stored", message)
    }

    pub(crate) fn not_configured() -> Self {
        let message = "no admin secret is configured, so the admin API is off: set HEADCOUNT_ADMIN_SECRET on the server";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-configured", message)
    }

    pub(crate) fn unauthorized() -> Self {
        let message = "send the admin secret as `Authorization: Bearer <secret>`";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub(crate) fn wrong_secret() -> Self {
        let message = "this is not the admin secret of the server";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// For a wrong secret that gets no answer. It is sent only if headcount does not own the connection and cannot close it.
    pub(crate) fn too_many_guesses() -> Self {
        let message = "too many wrong secrets were sent: wait ten seconds";
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-guesses", message);
        Self {
            retry_after_seconds: Some(10),
            ..refusal
        }
    }

    #[cfg(feature = "bridge")]
    pub(crate) fn ticket_at_bridge() -> Self {
        let message =
            "a ticket does not open the bridge: send the secret as `Authorization: Bearer <secret>`";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub(crate) fn bridge_only() -> Self {
        let message = "the bridge secret opens only the bridge: send the admin secret";
        Self::new(StatusCode::FORBIDDEN, "bridge-only", message)
    }

    #[cfg(feature = "bridge")]
    pub(crate) fn bridge_secret_needed() -> Self {
        let message = "this server has a bridge secret, and only an app with that secret decides who sees stats: send it \
                       instead of the admin secret";
        Self::new(StatusCode::FORBIDDEN, "bridge-secret-needed", message)
    }

    pub(crate) fn foreign_origin() -> Self {
        let message = "the page's origin is not allowed: let the proxy pass `Host` on, or allow the origin on the server \
                       with `--allowed-origin` (`allowed_origins`)";
        Self::new(StatusCode::FORBIDDEN, "origin-not-allowed", message)
    }

    pub(crate) fn foreign_host() -> Self {
        let message = "this server shows stats to anyone, so it answers only to loopback names: use localhost or 127.0.0.1, \
                       or add the site's origin to `allowed_origins` on the server";
        Self::new(StatusCode::FORBIDDEN, "host-not-allowed", message)
    }

    pub(crate) fn ambiguous_head() -> Self {
        let message = "the request must have exactly one `Host`, with a host name and an optional port";
        Self::new(StatusCode::BAD_REQUEST, "invalid-head", message)
    }

    pub(crate) fn no_such_endpoint() -> Self {
        let message = "there is no endpoint at this path: protocol/PROTOCOL.md lists the endpoints";
        Self::new(StatusCode::NOT_FOUND, "no-such-endpoint", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message =
            "this endpoint does not support this method: the header `Allow` lists those that it supports";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message)
    }

    pub(crate) fn full(message: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", message).again_after(5)
    }

    pub(crate) fn draining() -> Self {
        let refusal = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining",
            "the server is stopping",
        );
        Self {
            retry_after_seconds: Some(1),
            ..refusal
        }
    }

    /// As [`Refusal::draining`], to a command.
    fn handed_over(error: &CommandError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "draining", error.to_string()).again_after(1)
    }

    /// The disk does not answer.
    fn store_hangs(error: &CommandError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-hangs", error.to_string()).again_after(5)
    }

    /// Without `Retry-After`: a command that is given again may happen twice.
    fn may_be_stored(error: &CommandError) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "may-be-stored", error.to_string())
    }

    pub(crate) fn overloaded() -> Self {
        let refusal = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            "the server is overloaded: try again shortly",
        );
        Self {
            retry_after_seconds: Some(1),
            ..refusal
        }
    }

    pub(crate) fn body_too_large(bytes_max: u32) -> Self {
        let message = format!("the body has more than {bytes_max} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", message)
    }

    pub(crate) fn slow_body() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow-body",
            "the body did not arrive in time",
        )
    }

    pub(crate) fn invalid_body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-body", message)
    }

    pub(crate) fn invalid_query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-query", message)
    }

    pub(crate) fn no_handshake() -> Self {
        let message = "this is a WebSocket endpoint: send `Upgrade: websocket` with version 13 and a key";
        Self::new(StatusCode::UPGRADE_REQUIRED, "no-handshake", message)
    }

    pub(crate) fn not_built() -> Self {
        let message = "this server was built without the browser client: build it with `cargo xtask build`, which needs Node, or serve \
                       `dist/client.js` and `dist/client/` of the package `@headcount/client` with your own files";
        Self::new(StatusCode::NOT_FOUND, "not-built", message)
    }

    pub(crate) fn no_such_part() -> Self {
        let message = "the browser client of this server has no such part: the page runs the client of another build. Load \
                       the page again to get this one";
        Self::new(StatusCode::NOT_FOUND, "no-such-part", message)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server failed: its log says why",
        )
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        match &error {
            CommandError::StoreHangs { .. } => Self::store_hangs(&error),
            CommandError::MayBeStored { .. } => Self::may_be_stored(&error),
            CommandError::Draining => Self::handed_over(&error),
            CommandError::NotStored { source, .. } => {
                tracing::error!(error = with_sources(&**source), "a command could not be stored");
                Self::not_stored(error.to_string())
            }
            CommandError::Version(source) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid-version", with_sources(source))
            }
            CommandError::Pattern(source) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid-pattern", with_sources(source))
            }
            CommandError::NoSuchRule { .. } => {
                Self::new(StatusCode::NOT_FOUND, "no-such-rule", error.to_string())
            }
            CommandError::Spread { .. } => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid-body",
                format!("`spreadMs`: {error}"),
            ),
            CommandError::Waves(_) | CommandError::WavesTooLong { .. } => {
                Self::invalid_body(format!("`spread`: {error}"))
            }
            CommandError::Narrower => Self::invalid_body(error.to_string()),
            CommandError::NotInWaves { .. } | CommandError::AllOpen { .. } => {
                Self::new(StatusCode::CONFLICT, "not-in-waves", error.to_string())
            }
            CommandError::NoTime => Self::invalid_body("`expires`: write at least 1 second"),
            CommandError::Off { .. } => Self::new(StatusCode::CONFLICT, "tracking-off", error.to_string()),
            CommandError::OutOfNumbers => Self::internal(),
            CommandError::Overloaded => Self::overloaded(),
            CommandError::Stopped => Self::draining(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = ErrorBody {
            code: self.code.to_owned(),
            message: self.message,
        };
        let mut response = (self.status, Json(ErrorAnswer { error })).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_a_full_server_states_its_length() {
        let answer = std::str::from_utf8(FULL_ANSWER).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("\r\ncontent-length: {}", body.len())),
            "{answer}"
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error"]["code"], "full");
    }
}
