//! Brokers that are away: before a server starts, or while it runs.

use headcount_server::Invalidation;
use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::node::{Site, await_same, stands, without_release};
use crate::client::{Answer, Ask, BOTH, Visit, eventually};
use crate::server::Server;

at_each_broker! {
    a_command_while_the_broker_is_away_is_refused_and_has_no_effect,
    a_server_starts_from_its_copy_while_the_broker_is_away,
    a_server_without_a_copy_takes_over_what_stands_when_the_broker_is_there,
}

fn rule(route: &str) -> Value {
    json!({"match": {"exact": route}, "audience": "all"})
}

fn command(server: &Server) -> Answer {
    server.admin(Ask::post("/api/admin/invalidations", &rule("/refused")))
}

/// The sentence of a command that was refused while the broker is away.
fn refusal(server: &Server) -> String {
    let answer = command(server);
    assert!(matches!(answer.status, 503 | 504), "{answer:?}");
    answer.body
}

/// Waits until commands are taken. The answer to the first one.
fn await_taken(server: &Server) -> Value {
    eventually("commands are taken", || {
        let answer = server.admin(Ask::post("/api/admin/invalidations", &rule("/taken")));
        (answer.status == 200).then(|| answer.json())
    })
}

fn a_command_while_the_broker_is_away_is_refused_and_has_no_effect(version: Version) {
    let mut site = Site::start(version);
    let servers = site.three();
    servers[0].release("v1");
    servers[1].invalidate(&rule("/checkout"));
    let before = await_same(&servers);
    let mut tab = Visit::new(BOTH[0], "/refused")
        .version("v1")
        .open(servers[0].address);
    site.kill();
    let mut unknown = 0;
    for server in &servers {
        // One that is sent before it is known that the broker is gone is not said to be refused.
        eventually("it is refused", || {
            let said = refusal(server);
            assert!(said.contains("the broker does not answer"), "{said}");
            let is_refused = said.contains("no tab was told");
            unknown += usize::from(!is_refused);
            is_refused.then_some(())
        });
        assert_eq!(stands(server), before);
    }
    servers[0].mark(&tab.id);
    assert_eq!(tab.until("marker"), [Value::Null; 0]);
    assert_eq!(
        Visit::new(BOTH[1], "/").open(servers[1].address).connected["version"],
        "v1"
    );
    site.run();
    let taken = await_taken(&servers[2])["id"].as_u64().unwrap();
    let (current, releases, rules) = await_same(&servers);
    assert_eq!(
        (&*current, releases),
        ("v1", vec![1]),
        "what was acknowledged stands"
    );
    assert_eq!(rules[0], 2);
    assert_eq!(rules.last().map(|id| u64::from(*id)), Some(taken));
    assert!(
        rules.len() <= 2 + unknown,
        "{rules:?}: no refused command has come"
    );
    for server in &servers {
        await_taken(server);
    }
}

fn a_server_starts_from_its_copy_while_the_broker_is_away(version: Version) {
    let mut site = Site::start(version);
    let kept = tempfile::tempdir().unwrap();
    let other = site.node(None);
    let mut server = site.node(Some(kept.path()));
    other.release("v1");
    other.invalidate(&rule("/ended"));
    server.invalidate(&rule("/checkout"));
    other.admin(Ask::new("DELETE", "/api/admin/invalidations/2"));
    other.release("v2");
    let servers = [server, other];
    let before = await_same(&servers);
    assert_eq!(before, ("v2".to_owned(), vec![1, 4], vec![3]));
    let [mut server_again, other] = servers;
    let visit = || Visit::new(BOTH[0], "/checkout").version("v1");
    let mut told = visit().open(server_again.address);
    // This one leaves a gap before the next.
    let gap = other.invalidate(&rule("/gap"))["id"].clone();
    server = {
        let epoch = told.epoch.clone();
        let known = server_again.invalidate(&rule("/checkout"))["id"].clone();
        assert_eq!(told.next_of("version")["id"], known);
        other.admin(Ask::new("DELETE", format!("/api/admin/invalidations/{gap}")));
        eventually("the copy is that of the log", || {
            (stands(&server_again) == stands(&other)).then_some(())
        });
        server_again.stop();
        server_again.join();
        drop(server_again);
        site.kill();
        let again = site.node(Some(kept.path()));
        assert_eq!(stands(&again), stands(&other), "what stood stands");
        let resume = told.resume.clone();
        let mut back = visit().query(&format!("since={resume}")).open(again.address);
        assert_eq!(back.epoch, epoch);
        again.mark(&back.id);
        assert_eq!(back.until("marker"), [Value::Null; 0], "it was told before");
        assert!(refusal(&again).contains("the broker does not answer"));
        told = back;
        again
    };
    site.run();
    await_taken(&server);
    for route in ["/elsewhere", "/checkout"] {
        told.navigate(route);
        server.await_route(route, 1);
    }
    server.mark(&told.id);
    assert_eq!(
        told.until("marker"),
        [Value::Null; 0],
        "nothing stands anew because the log was read"
    );
    await_same(&[server, other]);
}

fn a_server_without_a_copy_takes_over_what_stands_when_the_broker_is_there(version: Version) {
    let mut site = Site::start(version);
    let first = site.node(None);
    first.release("v1");
    let visit = || Visit::new(BOTH[1], "/checkout").version("v1");
    let mut tab = visit().open(first.address);
    let known = first.invalidate(&rule("/checkout"))["id"].clone();
    assert_eq!(tab.next_of("version")["id"], known);
    let resume = tab.resume.clone();
    drop(tab);
    site.kill();
    let config = without_release().with(|config| config.release = Some("v2".to_owned()));
    let server = site.node_with(None, config);
    assert_eq!(stands(&server).0, "unreleased");
    let mut tab = visit().query(&format!("since={resume}")).open(server.address);
    assert_eq!(
        (&tab.connected["resume"], &tab.connected["epoch"]),
        (&Value::Null, &Value::Null),
        "it goes on with what another server said"
    );
    assert!(refusal(&server).contains("the broker does not answer"));
    site.run();
    let after = tab.until("reconnect");
    assert!(
        after.iter().all(|message| message["type"] != "version"),
        "{after:?}"
    );
    tab.end();
    let servers = [first, server];
    let stands = eventually("the configured release is announced after all", || {
        Some(await_same(&servers)).filter(|(current, ..)| current == "v2")
    });
    assert_eq!(stands, ("v2".to_owned(), vec![1, 3], vec![2]));
    let mut back = visit().query(&format!("since={resume}")).open(servers[1].address);
    servers[1].mark(&back.id);
    assert_eq!(
        back.until("marker"),
        [Value::Null; 0],
        "it was told on the first one"
    );
}

/// No entry can end it for all, and tabs do not obey it any more.
#[test]
fn a_rule_lapses_while_the_broker_is_away() {
    let mut site = Site::start(Version::Oldest);
    let server = site.node(None);
    let rule = Invalidation::exact("/checkout").all().seconds(2);
    server
        .runtime
        .block_on(server.headcount.invalidate(rule))
        .unwrap();
    assert_eq!(stands(&server).2, [1]);
    site.kill();
    eventually("it lapses", || stands(&server).2.is_empty().then_some(()));
    site.run();
    assert_eq!(await_taken(&server)["id"], 2);
    assert_eq!(stands(&server).2, [2]);
    let newcomer = site.node(None);
    assert_eq!(stands(&newcomer).2, [2], "also where no entry has ended it");
}
