//! Why forward authorization does not start.

use std::io;

/// Why an endpoint cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardAuthError {
    /// Not a URL.
    #[error("`{url}` is not a valid URL")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A URL that is not `http` or `https`, or names no host.
    #[error("`{0}` is not an absolute http or https URL")]
    Form(String),
    /// The URL has a user name or password, which would not be sent. Not shown, because it is a secret.
    #[error(
        "the URL has a user name or a password: leave them out, because the browser's own headers are sent"
    )]
    UserInfo,
    /// The root certificates of the system, needed for `https`, could not be read.
    #[error("the system's root certificates could not be read")]
    Roots(#[source] io::Error),
    /// The TLS library refused its own defaults.
    #[error("TLS could not be set up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}
