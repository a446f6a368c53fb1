//! How a server reaches its broker, as plain data.

use std::fmt;
use std::path::PathBuf;

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use crate::error::ConnectError;
use crate::subjects::Subjects;

/// Where the broker is, and what this server says to it.
///
/// ```
/// use headcount_nats::{Login, NatsOptions};
///
/// let options = NatsOptions {
///     addresses: vec!["nats://a.example:4222".to_owned(), "nats://b.example:4222".to_owned()],
///     cluster: "shop".to_owned(),
///     login: Login::CredentialsFile("/etc/headcount/shop.creds".into()),
///     ..NatsOptions::default()
/// };
/// assert_eq!((options.replicas, options.append_ms), (1, 5_000));
/// ```
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// `nats://host:port` or `tls://host:port`, one for each broker that may be asked first; the port is 4222 where it is left out. An
    /// address may have a login: `nats://user:password@host` or `nats://token@host`. Default: none, which is an error.
    pub addresses: Vec<String>,
    /// The name of the cluster: 1 to 32 letters, digits, `-` and `_`. Servers with the same name at the same broker are one cluster. Default
    /// `main`.
    pub cluster: String,
    /// Who this server is to the broker. Default: what an address says, else nobody.
    pub login: Login,
    /// What TLS needs. Default: the authorities of the system, no certificate.
    pub tls: Tls,
    /// On how many brokers the log is kept, 1 to 5, if this server makes its stream; one that exists keeps its number. With 3, one broker
    /// may be lost. Default 1.
    pub replicas: usize,
    /// How long a command may take until it is answered, milliseconds. Default 5,000.
    pub append_ms: u32,
}

impl Default for NatsOptions {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            cluster: "main".to_owned(),
            login: Login::default(),
            tls: Tls::default(),
            replicas: 1,
            append_ms: 5_000,
        }
    }
}

impl NatsOptions {
    /// Whether a broker can be asked at all: what it says does not matter here, and files are not read.
    pub fn check(&self) -> Result<(), ConnectError> {
        Subjects::of(&self.cluster).ok_or_else(|| ConnectError::Cluster(self.cluster.clone()))?;
        Addresses::parse(&self.addresses).map(drop)
    }
}

/// Who a server is to the broker.
#[derive(Clone, Default)]
pub enum Login {
    /// What the first address with a login says, else nobody.
    #[default]
    OfAddress,
    /// A file with a JWT and its seed, as `nsc` writes it.
    CredentialsFile(PathBuf),
    /// A file with the seed of an NKEY, which begins with `SU`.
    SeedFile(PathBuf),
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token.
    Token(String),
}

impl fmt::Debug for Login {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfAddress => f.write_str("OfAddress"),
            Self::CredentialsFile(path) => f.debug_tuple("CredentialsFile").field(path).finish(),
            Self::SeedFile(path) => f.debug_tuple("SeedFile").field(path).finish(),
            Self::Password { user, .. } => f
                .debug_struct("Password")
                .field("user", user)
                .finish_non_exhaustive(),
            Self::Token(_) => f.write_str("Token(…)"),
        }
    }
}

/// What TLS needs beyond an address.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Whether a broker without TLS is refused, also where its address begins with `nats://`. Default false: a broker that asks for TLS gets it.
    pub required: bool,
    /// A PEM file with the authorities that may have signed the broker's certificate. Default: those of the system.
    pub authorities: Option<PathBuf>,
    /// What this server shows to a broker that asks for a certificate. Default: nothing.
    pub certificate: Option<ClientCertificate>,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// A PEM file with the certificate.
    pub certificate: PathBuf,
    /// A PEM file with its key.
    pub key: PathBuf,
}

/// Where to connect to, and the login that the addresses name.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) servers: Vec<ServerAddr>,
    pub(crate) login: Login,
}

impl Addresses {
    pub(crate) fn parse(texts: &[String]) -> Result<Self, ConnectError> {
        if texts.is_empty() {
            return Err(ConnectError::NoAddress);
        }
        let mut login = Login::OfAddress;
        let mut servers = Vec::with_capacity(texts.len());
        for text in texts {
            let (plain, named) = split(text);
            servers.push(server(&plain)?);
            if matches!(login, Login::OfAddress) {
                login = named;
            }
        }
        Ok(Self { servers, login })
    }
}

/// An address without its login, which the client of NATS does not read, and that login.
fn split(text: &str) -> (String, Login) {
    let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
    let Some((login, host)) = rest.rsplit_once('@') else {
        return (format!("{scheme}://{rest}"), Login::OfAddress);
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let login = match login.split_once(':') {
        Some((user, password)) => Login::Password {
            user: decoded(user),
            password: decoded(password),
        },
        None => Login::Token(decoded(login)),
    };
    (format!("{scheme}://{host}"), login)
}

/// `address` has no login any more, so it may be shown.
fn server(address: &str) -> Result<ServerAddr, ConnectError> {
    let wrong = |reason| ConnectError::Address {
        address: address.to_owned(),
        reason,
    };
    if address.contains(',') {
        return Err(wrong("it is several: give them one by one"));
    }
    let scheme = address.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("nats" | "tls")) {
        return Err(wrong("begin it with `nats://` or `tls://`"));
    }
    let host = address.split_once("://").map_or("", |(_, host)| host);
    if host.bytes().all(|byte| byte.is_ascii_digit()) && !host.is_empty() {
        return Err(wrong("it has no host: write `nats://host:port`"));
    }
    if host.strip_suffix('/').unwrap_or(host).contains(['/', '?', '#']) {
        return Err(wrong("nothing follows the port: write `nats://host:port`"));
    }
    let server: ServerAddr = address.parse().map_err(|_| wrong("write `nats://host:port`"))?;
    if server.host().is_empty() {
        return Err(wrong("write `nats://host:port`"));
    }
    Ok(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Result<Addresses, ConnectError> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Addresses::parse(&texts)
    }

    #[test]
    fn addresses_have_a_default_port_and_may_have_a_login() {
        let addresses = parse(&["one.example", "nats://us%40er:p%3Aw@two.example:5222"]).unwrap();
        let reached: Vec<_> = addresses
            .servers
            .iter()
            .map(|server| (server.host(), server.port()))
            .collect();
        assert_eq!(reached, [("one.example", 4222), ("two.example", 5222)]);
        assert!(
            matches!(&addresses.login, Login::Password { user, password } if user == "us@er" && password == "p:w")
        );
        assert!(
            matches!(parse(&["tls://s3cret@[::1]:4"]).unwrap().login, Login::Token(token) if token == "s3cret")
        );
    }

    #[test]
    fn what_is_not_an_address_is_an_error_without_its_secrets() {
        for text in [
            "nats://a:b@one,two",
            "one,two",
            "http://one",
            "nats://u:secret@",
            "nats://u:secret@one:x",
            "ws://one",
            "4222",
            "nats://4222",
            "nats://u:secret@one:4222/path",
            "nats://one?tls",
        ] {
            let error = parse(&[text]).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(matches!(parse(&[]), Err(ConnectError::NoAddress)));
        assert!(parse(&["nats://one:4222/"]).is_ok());
    }

    #[test]
    fn secrets_are_not_printed() {
        let login = Login::Password {
            user: "me".to_owned(),
            password: "secret".to_owned(),
        };
        let printed = format!("{login:?} {:?}", Login::Token("secret".to_owned()));
        assert!(printed.contains("me") && !printed.contains("secret"), "{printed}");
    }
}
