//! Files of a login and of TLS: each is looked at before it is used, because a broker or a handshake would not say which one is wrong.

use std::io;
use std::path::Path;

use async_nats::rustls::pki_types::pem::{self, PemObject};
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use nkeys::{KeyPair, KeyPairType};

use crate::error::ConnectError;
use crate::options::ClientCertificate;

/// A file of text.
pub(crate) async fn text(path: &Path) -> Result<String, ConnectError> {
    let owned = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || std::fs::read_to_string(owned));
    reading
        .await
        .unwrap_or_else(|ended| Err(io::Error::other(ended)))
        .map_err(|source| unusable(path, source))
}

/// The seed of a user.
pub(crate) async fn seed(path: &Path) -> Result<String, ConnectError> {
    let text = text(path).await?;
    let seed = text.trim();
    let is_of_user = KeyPair::from_seed(seed).is_ok_and(|pair| pair.key_pair_type() == KeyPairType::User);
    is_of_user
        .then(|| seed.to_owned())
        .ok_or_else(|| wrong(path, "it is no seed of a user, which begins with `SU`"))
}

/// Looks for the certificates of authorities.
pub(crate) async fn look_for_certificates(path: &Path) -> Result<(), ConnectError> {
    let text = text(path).await?;
    let mut found = CertificateDer::pem_slice_iter(text.as_bytes());
    match found.next() {
        None => Err(wrong(path, "there is no certificate in it")),
        Some(first) => std::iter::once(first)
            .chain(found)
            .try_for_each(|one| one.map(drop))
            .map_err(|error| broken(path, &error)),
    }
}

/// Looks for what a server shows of itself.
pub(crate) async fn look_for_own(own: &ClientCertificate) -> Result<(), ConnectError> {
    look_for_certificates(&own.certificate).await?;
    let text = text(&own.key).await?;
    match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(_) => Ok(()),
        Err(pem::Error::NoItemsFound) => Err(wrong(&own.key, "there is no private key in it")),
        Err(error) => Err(broken(&own.key, &error)),
    }
}

pub(crate) fn unusable(path: &Path, source: io::Error) -> ConnectError {
    ConnectError::File {
        path: path.to_owned(),
        source,
    }
}

fn wrong(path: &Path, reason: &'static str) -> ConnectError {
    unusable(path, io::Error::new(io::ErrorKind::InvalidData, reason))
}

fn broken(path: &Path, error: &pem::Error) -> ConnectError {
    unusable(
        path,
        io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
    )
}
