//! What a server is told of its cluster.

use std::path::PathBuf;

use headcount_nats::{ClientCertificate, Login, NatsOptions, Seal, Tls};

use crate::keys::{Keys, Purpose};
use crate::secrets::Secret;

/// Characters of the shortest secret: 16 random letters and digits are 95 bits.
const SECRET_MIN: usize = 16;

/// The cluster that a server belongs to. Servers with the same broker, name and secret have the same releases and rules, and take commands for
/// each other.
///
/// ```
/// use headcount_server::{ClusterOptions, Secret};
///
/// let mut options = ClusterOptions::new(["nats://127.0.0.1:4222"], Secret::new("3f9c-0b77-d1a2-55e0"));
/// options.name = "shop".to_owned();
/// assert!(options.problems().is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClusterOptions {
    /// `nats://host:port` or `tls://host:port` of each broker that may be asked first. An address may have a login:
    /// `nats://user:password@host`, `nats://token@host`.
    pub addresses: Vec<String>,
    /// The name of the cluster: 1 to 32 letters, digits, `-` and `_`. Default `headcount`. Several clusters can share a broker.
    pub name: String,
    /// The secret that all servers of the cluster have, of at least 16 characters. From it come the keys of connection ids, tickets and
    /// browsers, so that what one server gave holds on all. It is not sent to the broker.
    pub secret: Secret,
    /// The name of this server for people. Default: the name of its host.
    pub node: String,
    /// A file with a JWT and its seed, as `nsc` writes it. Default `None`.
    pub credentials: Option<PathBuf>,
    /// A file with the seed of an NKEY. Default `None`.
    pub nkey: Option<PathBuf>,
    /// A PEM file with the authorities that may have signed the broker's certificate. A broker without TLS is refused then, and also with a
    /// `certificate`, whatever its address begins with. Default `None`: those of the system.
    pub authorities: Option<PathBuf>,
    /// A PEM file with the certificate that this server shows to the broker. Needs `key`. Default `None`.
    pub certificate: Option<PathBuf>,
    /// A PEM file with the key of that certificate. Default `None`.
    pub key: Option<PathBuf>,
    /// On how many brokers the log of commands is kept, 1 to 5, if this server makes it. Default 1. With 3, one broker may be lost.
    pub replicas: usize,
}

impl ClusterOptions {
    /// A cluster with the default name at these brokers.
    pub fn new<Address: Into<String>>(addresses: impl IntoIterator<Item = Address>, secret: Secret) -> Self {
        Self {
            addresses: addresses.into_iter().map(Into::into).collect(),
            name: "headcount".to_owned(),
            secret,
            node: host_name(),
            credentials: None,
            nkey: None,
            authorities: None,
            certificate: None,
            key: None,
            replicas: 1,
        }
    }

    /// Everything that contradicts itself, as sentences that say what to do.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(error) = self.nats().check() {
            problems.push(format!("`cluster`: {error}"));
        }
        if self.secret.expose().chars().count() < SECRET_MIN {
            problems.push(format!(
                "`cluster_secret` is shorter than {SECRET_MIN} characters: use the same random text on every server, such as the output of \
                 `openssl rand -base64 24`"
            ));
        }
        if self.credentials.is_some() && self.nkey.is_some() {
            problems.push("`cluster_credentials` and `cluster_nkey` are two logins: keep one".to_owned());
        }
        if self.certificate.is_some() != self.key.is_some() {
            problems.push(
                "`cluster_certificate` and `cluster_key` belong together: set both or neither".to_owned(),
            );
        }
        if self.node.is_empty() || self.node.len() > 64 || self.node.chars().any(char::is_control) {
            problems.push(
                "`node_name` is not a valid name: use 1 to 64 bytes without control characters".to_owned(),
            );
        }
        if !(1..=5).contains(&self.replicas) {
            problems.push("`cluster_replicas`: the log of commands is kept on 1 to 5 brokers".to_owned());
        }
        problems
    }

    /// Seals for this purpose, and opens what others of the cluster sealed.
    pub(crate) fn seal(&self, purpose: Purpose) -> Seal {
        Seal::new(self.keys().long_key(purpose), &self.name)
    }

    /// The keys of the cluster.
    pub(crate) fn keys(&self) -> Keys {
        Keys::of(self.secret.expose().as_bytes())
    }

    /// The same for the crate that talks to the broker.
    pub(super) fn nats(&self) -> NatsOptions {
        let login = match (&self.credentials, &self.nkey) {
            (Some(path), _) => Login::CredentialsFile(path.clone()),
            (None, Some(path)) => Login::SeedFile(path.clone()),
            (None, None) => Login::OfAddress,
        };
        let certificate = self.certificate.clone().zip(self.key.clone());
        NatsOptions {
            addresses: self.addresses.clone(),
            cluster: self.name.clone(),
            login,
            tls: Tls {
                // Who says what TLS needs wants no broker without it.
                required: self.authorities.is_some() || self.certificate.is_some(),
                authorities: self.authorities.clone(),
                certificate: certificate.map(|(certificate, key)| ClientCertificate { certificate, key }),
            },
            replicas: self.replicas,
            ..NatsOptions::default()
        }
    }
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "node".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> ClusterOptions {
        ClusterOptions::new(
            ["nats://one.example", "tls://two.example:5222"],
            Secret::new("0123456789abcdef"),
        )
    }

    #[test]
    fn every_contradiction_of_a_cluster_is_reported_at_once() {
        assert_eq!(options().problems(), [""; 0]);
        let mut wrong = options();
        wrong.addresses.clear();
        wrong.secret = Secret::new("0123456789abcde");
        wrong.nkey = Some("seed".into());
        wrong.credentials = Some("creds".into());
        wrong.key = Some("key.pem".into());
        wrong.node = "a\nb".to_owned();
        wrong.replicas = 0;
        let problems = wrong.problems();
        for part in [
            "no address of a broker",
            "shorter than 16",
            "two logins",
            "belong together",
            "`node_name`",
            "1 to 5",
        ] {
            assert!(
                problems.iter().any(|problem| problem.contains(part)),
                "{part}: {problems:?}"
            );
        }
        assert_eq!(problems.len(), 6);
        let mut named = options();
        named.name = "a.b".to_owned();
        assert!(named.problems()[0].contains("`a.b`"), "{:?}", named.problems());
    }

    #[test]
    fn who_names_authorities_or_a_certificate_wants_tls() {
        assert!(!options().nats().tls.required);
        let mut named = options();
        named.authorities = Some("ca.pem".into());
        assert!(named.nats().tls.required);
        let mut shown = options();
        (shown.certificate, shown.key) = (Some("cert.pem".into()), Some("key.pem".into()));
        assert!(shown.nats().tls.required);
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert!(!format!("{:?}", options()).contains("0123456789abcdef"));
    }
}
