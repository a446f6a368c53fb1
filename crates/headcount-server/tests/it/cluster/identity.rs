//! What one server of a cluster gave holds on the others, and what keeps a server out of a cluster.

use headcount_server::{ClusterOptions, Config, Headcount, Secret, StartError, with_sources};

use super::broker::Version;
use super::node::{CLUSTER_SECRET, Site, await_same, without_release};
use crate::authorize::ticket;
use crate::client::{Ask, BOTH, Visit, ask};
use crate::server::{Door, Server};

fn stats(server: &Server, cookie: &str) -> u16 {
    ask(
        server.address,
        &Ask::get("/api/admin/stats").header("cookie", cookie),
    )
    .status
}

#[test]
fn a_sign_in_on_one_server_holds_on_all_with_the_secret() {
    let site = Site::start(Version::Oldest);
    let servers = site.three();
    let cookie = ticket(&servers[0]);
    assert_eq!([0, 1, 2].map(|at| stats(&servers[at], &cookie)), [200; 3]);
    let mut options = site.options();
    options.secret = Secret::new("the secret of some other cluster");
    options.name = "other".to_owned();
    let stranger = Server::one(
        Door::Own,
        Headcount::builder(without_release()).cluster(Some(options)),
    );
    assert_eq!(stats(&stranger, &cookie), 401);
    let other_admin =
        without_release().with(|config| config.admin_secret = Some(Secret::new("another admin secret")));
    let changed = site.node_with(None, other_admin);
    assert_eq!(
        stats(&changed, &cookie),
        401,
        "it was had for a secret that does not hold there"
    );
    let alone = Server::one(Door::Own, Headcount::builder(without_release()));
    assert_eq!(stats(&alone, &cookie), 401);
}

/// What a server alone has announced is there when it becomes the first of a cluster, and what others have wins.
#[test]
fn a_server_brings_what_it_has_to_a_cluster_that_has_nothing() {
    let kept = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut epochs = Vec::new();
    for (directory, version) in kept.iter().zip(["v1", "other"]) {
        let path = Some(directory.path().to_owned());
        let mut alone = Server::one(Door::Own, Headcount::builder(without_release()).data_dir(path));
        alone.release(version);
        epochs.push(Visit::new(BOTH[0], "/").open(alone.address).epoch.clone());
        alone.stop();
        alone.join();
    }
    let site = Site::start(Version::Current);
    let first = site.node(Some(kept[0].path()));
    let second = site.node(Some(kept[1].path()));
    let (current, releases, _) = await_same(&[first, second]);
    assert_eq!((&*current, releases), ("v1", vec![1]));
    // Alone again, it does not give the numbers of the cluster a second time under their epoch.
    let path = Some(kept[1].path().to_owned());
    let alone = Server::one(Door::Own, Headcount::builder(without_release()).data_dir(path));
    assert_eq!(alone.headcount.releases().current, "v1");
    let epoch = Visit::new(BOTH[0], "/").open(alone.address).epoch.clone();
    assert!(!epochs.contains(&epoch), "{epoch} {epochs:?}");
}

fn refused(options: ClusterOptions) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let started = runtime.block_on(
        Headcount::builder(Config::default())
            .cluster(Some(options))
            .start(),
    );
    match started {
        Err(error @ StartError::Cluster(_)) => with_sources(&error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_does_not_mend_itself_keeps_a_server_from_starting_and_says_what_to_do() {
    let site = Site::start_with(Version::Oldest, "", false);
    let said = refused(site.options());
    assert!(
        said.contains("JetStream is off at the broker: start nats-server with `-js`"),
        "{said}"
    );
    let site = Site::start_with(Version::Current, "authorization { user: a, password: b }\n", true);
    let said = refused(site.options());
    assert!(
        said.contains("refuses this server: check the user and password"),
        "{said}"
    );
    let mut options = site.options();
    options.credentials = Some("/nowhere/shop.creds".into());
    let said = refused(options);
    assert!(said.contains("/nowhere/shop.creds cannot be used"), "{said}");
    assert!(!said.contains(CLUSTER_SECRET), "{said}");
}
