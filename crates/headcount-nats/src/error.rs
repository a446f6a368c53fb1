//! Why a server has no connection to its broker, with what to do about it.

use std::path::PathBuf;

/// Why there is no connection to the broker.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name of the cluster cannot be used.
    #[error("`{0}` is no name of a cluster: use 1 to 32 letters, digits, `-` and `_`")]
    Cluster(String),
    /// No address was given.
    #[error("no address of a broker was given: name one, such as `nats://127.0.0.1:4222`")]
    NoAddress,
    /// An address cannot be used.
    #[error("`{address}` is no address of a broker: {reason}")]
    Address {
        /// The address, without its login.
        address: String,
        /// What to do.
        reason: &'static str,
    },
    /// A file cannot be read, or is not what it should be.
    #[error("{path} cannot be used: check that it is there, that this user may read it, and what is in it")]
    File {
        /// Which one.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// No broker answers.
    #[error("no broker answers at {addresses}: check the address, and that nats-server runs there")]
    NoBroker {
        /// The addresses, without their logins.
        addresses: String,
        /// The cause.
        source: async_nats::ConnectError,
    },
    /// The broker does not take the login.
    #[error(
        "the broker at {addresses} refuses this server: check the user and password, the token, the credentials file or the seed"
    )]
    Refused {
        /// The addresses, without their logins.
        addresses: String,
        /// The cause.
        source: async_nats::ConnectError,
    },
    /// TLS does not come about.
    #[error(
        "no TLS connection to the broker at {addresses}: check that its certificate is for this name and signed by an authority that \
         is known here, that the certificate and the key given to this server belong together, and that both sides expect TLS"
    )]
    Tls {
        /// The addresses, without their logins.
        addresses: String,
        /// The cause.
        source: async_nats::ConnectError,
    },
    /// The broker is too old.
    #[error("the broker is nats-server {version}, which is too old: use 2.9.10 or newer")]
    TooOld {
        /// What it calls itself.
        version: String,
    },
}
