//! A broker behind TLS that asks for a certificate. The files in `tls/` are signed by an authority whose key is gone, for 127.0.0.1.

use std::path::{Path, PathBuf};

use headcount_nats::{ClientCertificate, ConnectError, Login, NatsBroker, NatsOptions, Tls};

use crate::at_each_broker;
use crate::broker::{Broker, Version};
use crate::node::Node;

at_each_broker! {
    a_broker_behind_tls_is_reached_by_those_who_know_its_authority,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/tls")
        .join(name)
}

async fn a_broker_behind_tls_is_reached_by_those_who_know_its_authority(version: Version) {
    let tls = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}\n",
        file("broker.pem").display(),
        file("broker.key.pem").display(),
        file("authority.pem").display()
    );
    let broker = Broker::start_with(version, &tls, true).await;
    let with = |tls: Tls| NatsOptions {
        tls,
        ..broker.options()
    };
    let certificate = || {
        Some(ClientCertificate {
            certificate: file("server.pem"),
            key: file("server.key.pem"),
        })
    };
    let all = Tls {
        required: true,
        authorities: Some(file("authority.pem")),
        certificate: certificate(),
    };
    let mut node = Node::start(&with(all)).await;
    node.command().await.unwrap();

    let without_certificate = Tls {
        authorities: Some(file("authority.pem")),
        ..Tls::default()
    };
    assert!(NatsBroker::connect(&with(without_certificate)).await.is_err());
    let without_authority = Tls {
        certificate: certificate(),
        ..Tls::default()
    };
    let error = NatsBroker::connect(&with(without_authority)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
    let no_file = Tls {
        authorities: Some(file("not-there.pem")),
        ..Tls::default()
    };
    let error = NatsBroker::connect(&with(no_file)).await.unwrap_err();
    assert!(matches!(error, ConnectError::File { .. }), "{error:?}");
}

/// Regression: where a file held something else, the broker's certificate was called wrong, or the broker was said to refuse this server.
#[tokio::test]
async fn a_file_that_holds_something_else_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let junk = [
        "",
        "text\n",
        "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n",
    ]
    .map(|text| {
        let path = folder.path().join(text.len().to_string());
        std::fs::write(&path, text).unwrap();
        path
    });
    let with = |tls: Tls, login: Login| NatsOptions {
        tls,
        login,
        // Nobody is asked.
        ..crate::broker::options(1)
    };
    let own = |certificate: &Path, key: &Path| Tls {
        certificate: Some(ClientCertificate {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        }),
        ..Tls::default()
    };
    for junk in &junk {
        let authorities = Tls {
            authorities: Some(junk.clone()),
            ..Tls::default()
        };
        for options in [
            with(authorities, Login::OfAddress),
            with(own(junk, &file("server.key.pem")), Login::OfAddress),
            with(own(&file("server.pem"), junk), Login::OfAddress),
            with(Tls::default(), Login::SeedFile(junk.clone())),
            with(Tls::default(), Login::CredentialsFile(junk.clone())),
        ] {
            let error = NatsBroker::connect(&options).await.unwrap_err();
            assert!(
                matches!(&error, ConnectError::File { path, .. } if path == junk),
                "{error:?}"
            );
        }
    }
    let swapped = own(&file("server.key.pem"), &file("server.pem"));
    let error = NatsBroker::connect(&with(swapped, Login::OfAddress))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ConnectError::File { path, .. } if *path == file("server.key.pem")),
        "{error:?}"
    );
}
