//! What cannot work is said, with what to do about it.

use std::fs;

use async_nats::jetstream::stream::Config;
use headcount_core::command_log::{Checkpoint, Entry};
use headcount_nats::{ConnectError, Login, NatsBroker, NatsLog, NatsOptions, OpenError};

use crate::at_each_broker;
use crate::broker::{Broker, Version};
use crate::node::{Node, ours};

at_each_broker! {
    a_login_is_checked,
    without_jetstream_there_is_no_log,
    a_stream_of_others_is_not_taken,
    more_replicas_than_brokers_are_refused,
    an_entry_that_is_too_long_is_refused,
}

pub(crate) async fn open(options: &NatsOptions) -> OpenError {
    let connection = NatsBroker::connect(options).await.unwrap();
    NatsLog::open(&connection, ours(), &Checkpoint::default())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let error = NatsBroker::connect(&crate::broker::options(port))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::NoBroker { .. }), "{error:?}");
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );
    let options = NatsOptions {
        cluster: "a.b".to_owned(),
        ..crate::broker::options(port)
    };
    let error = NatsBroker::connect(&options).await.unwrap_err();
    assert!(matches!(error, ConnectError::Cluster(_)), "{error:?}");
    let options = NatsOptions {
        login: Login::CredentialsFile("/nowhere/at.all".into()),
        ..crate::broker::options(port)
    };
    let error = NatsBroker::connect(&options).await.unwrap_err();
    assert!(
        error.to_string().starts_with("/nowhere/at.all cannot be used"),
        "{error}"
    );
}

async fn a_login_is_checked(version: Version) {
    let users = "authorization { users: [ { user: me, password: \"s3c:ret\" } ] }\n";
    let broker = Broker::start_with(version, users, true).await;
    let at = |login: &str| NatsOptions {
        addresses: vec![format!("nats://{login}127.0.0.1:{}", broker.port())],
        ..broker.options()
    };
    for login in ["", "me:wrong@", "s3cret@"] {
        let error = NatsBroker::connect(&at(login)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
    Node::start(&at("me:s3c%3Aret@")).await.command().await.unwrap();
    let login = Login::Password {
        user: "me".to_owned(),
        password: "s3c:ret".to_owned(),
    };
    NatsBroker::connect(&NatsOptions { login, ..at("") })
        .await
        .unwrap();

    let tokens = Broker::start_with(version, "authorization { token: \"t0ken\" }\n", true).await;
    let with = |address: String, login| NatsOptions {
        addresses: vec![address],
        login,
        ..tokens.options()
    };
    let port = tokens.port();
    NatsBroker::connect(&with(format!("nats://t0ken@127.0.0.1:{port}"), Login::OfAddress))
        .await
        .unwrap();
    NatsBroker::connect(&with(
        format!("127.0.0.1:{port}"),
        Login::Token("t0ken".to_owned()),
    ))
    .await
    .unwrap();
    by_seed(version).await;
}

/// The seed of 32 sevens, which opens nothing else, and its public key.
const SEED: &str = "SUAAOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBZ5FE";
const PUBLIC: &str = "UDVEU3DD4KOFECV66VIHWEZOYX4ZKR3WV27L464SIIPOU2IUI3JCYSJF";

async fn by_seed(version: Version) {
    let users = format!("authorization {{ users: [ {{ nkey: {PUBLIC} }} ] }}\n");
    let broker = Broker::start_with(version, &users, true).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seed");
    let options = NatsOptions {
        login: Login::SeedFile(file.clone()),
        ..broker.options()
    };
    for (seed, is_right) in [(SEED, true), ("SUAnonsense", false)] {
        fs::write(&file, format!("{seed}\n")).unwrap();
        let opened = NatsBroker::connect(&options).await;
        assert_eq!(opened.is_ok(), is_right, "{opened:?}");
    }
}

async fn without_jetstream_there_is_no_log(version: Version) {
    let broker = Broker::start_with(version, "", false).await;
    let options = NatsOptions {
        append_ms: 500,
        ..broker.options()
    };
    let error = open(&options).await;
    assert!(matches!(error, OpenError::JetStreamOff), "{error:?}");
}

async fn a_stream_of_others_is_not_taken(version: Version) {
    let broker = Broker::start(version).await;
    let client = async_nats::connect(format!("127.0.0.1:{}", broker.port()))
        .await
        .unwrap();
    let context = async_nats::jetstream::new(client);
    context
        .create_stream(Config {
            name: "HEADCOUNT_test".to_owned(),
            subjects: vec!["headcount.test.log.>".to_owned()],
            ..Config::default()
        })
        .await
        .unwrap();
    let error = open(&broker.options()).await;
    assert!(
        matches!(&error, OpenError::Settings { stream, setting: "discard" } if stream == "HEADCOUNT_test"),
        "{error:?}"
    );
}

async fn more_replicas_than_brokers_are_refused(version: Version) {
    let broker = Broker::start(version).await;
    let options = NatsOptions {
        replicas: 3,
        ..broker.options()
    };
    let error = open(&options).await;
    assert!(matches!(error, OpenError::Replicas { replicas: 3 }), "{error:?}");
}

async fn an_entry_that_is_too_long_is_refused(version: Version) {
    use headcount_core::command_log::{AppendError, CommandLog};

    let broker = Broker::start_with(version, "max_payload: 4096\n", true).await;
    let mut node = Node::start(&broker.options()).await;
    node.command().await.unwrap();
    let long = Entry::End {
        ids: (1_000_000..1_001_000).collect(),
    };
    let refused = node.log.append(&long, node.index).await;
    assert!(
        matches!(&refused, Err(AppendError::Failed { reason, .. }) if reason.contains("longer")),
        "{refused:?}"
    );
    node.command().await.unwrap();
}
