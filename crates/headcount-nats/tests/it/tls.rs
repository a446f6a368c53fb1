//! A broker behind TLS that asks for a certificate. The files in `tls/` are signed by an authority whose key is gone, for 127.0.0.1.

use std::path::{Path, PathBuf};

use headcount_nats::{ClientCertificate, ConnectError, NatsBroker, NatsOptions, Tls};

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
