//! What operators of a cluster see: its nodes, and where numbers are without some of them.

use std::path::Path;

use tokio::runtime::{Builder, Runtime};

use crate::admin_server::AdminServer;
use crate::broker::{Broker, Version};
use crate::client::{Transport, Visit, eventually};
use crate::process::Process;

const SECRET: (&str, &str) = ("HEADCOUNT_CLUSTER_SECRET", "a secret that all of them have");

/// A broker, and how to start a server of its cluster.
struct Site {
    runtime: Runtime,
    broker: Broker,
}

impl Site {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let broker = runtime.block_on(Broker::start(Version::Current));
        Self { runtime, broker }
    }

    fn node(&self, name: &str) -> Process {
        let address = format!("nats://127.0.0.1:{}", self.broker.port());
        let words = ["--ephemeral", "--cluster", &address, "--node-name", name];
        Process::start(&words, &[SECRET])
    }
}

/// The rows of `headcount nodes`, by columns.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().skip_while(|line| !line.starts_with("NODE"));
    rows.skip(1).map(|row| row.split_whitespace().collect()).collect()
}

#[test]
fn the_nodes_of_a_cluster_are_listed_with_their_tabs() {
    let mut site = Site::start();
    let one = site.node("one");
    // What was decided before a node came is not behind it.
    one.mark("v2");
    let nodes = [one, site.node("three"), site.node("two")];
    let _tabs = [Transport::Sse, Transport::WebSocket].map(|transport| {
        let visit = Visit::new(transport, "/");
        visit.open(nodes[2].address)
    });
    let text = eventually("all nodes with their tabs", || {
        let ended = nodes[0].run(&["nodes"]);
        assert_eq!((ended.code, &*ended.stderr), (0, ""));
        let is_so = ended
            .stdout
            .starts_with("3 nodes in the cluster headcount, 2 tabs open\n");
        is_so.then_some(ended.stdout)
    });
    let version = env!("CARGO_PKG_VERSION");
    let seen: Vec<_> = rows(&text)
        .into_iter()
        .map(|row| [&row[..1], &row[2..]].concat())
        .collect();
    assert_eq!(
        seen,
        [
            vec!["one", "0", version, "0", "here"],
            vec!["three", "0", version, "0"],
            vec!["two", "2", version, "0"],
        ],
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&nodes[1].run(&["nodes", "--json"]).stdout).unwrap();
    assert_eq!(
        (&json["brokerReached"], &json["nodes"][1]["here"]),
        (&true.into(), &true.into())
    );
    site.broker.kill();
    let text = eventually("that the broker is away", || {
        let text = nodes[0].run(&["nodes"]).stdout;
        text.contains("the broker is not reached").then_some(text)
    });
    assert!(text.ends_with("and commands are refused\n"), "{text}");
    let refused = eventually("commands are refused", || {
        let ended = nodes[0].run(&["release", "v3"]);
        (ended.code != 0).then_some(ended)
    });
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("broker"), "{refused:?}");
    site.runtime.block_on(site.broker.run());
    eventually("all nodes again", || {
        (rows(&nodes[0].run(&["nodes"]).stdout).len() == 3).then_some(())
    });
}

#[test]
fn a_server_alone_says_how_one_joins_a_cluster() {
    let alone = Process::ephemeral(&[]).run(&["nodes"]);
    assert_eq!((alone.code, &*alone.stdout), (1, ""));
    assert!(
        alone
            .stderr
            .contains("this server belongs to no cluster. A server joins one with --cluster"),
        "{alone:?}"
    );
}

const PARTIAL: &str = "2 of 3 nodes answered: the numbers are without the others";

#[test]
fn every_number_that_is_partial_says_so() {
    let server = AdminServer::answering(&[
        (
            "GET /api/admin/stats",
            200,
            r#"{"total":1,"visible":1,"versions":{"v1":1},"routes":{"/":1},"connections":[],"nodes":{"answered":2,"of":3}}"#,
        ),
        (
            "GET /api/admin/connections",
            200,
            r#"{"connections":[{"id":"a","version":"v1","route":"/"}],"nodes":{"answered":2,"of":3}}"#,
        ),
        (
            "GET /api/admin/invalidations",
            200,
            r#"{"invalidations":[],"nodes":{"answered":2,"of":3}}"#,
        ),
        (
            "POST /api/admin/invalidations",
            200,
            r#"{"id":17,"tabs":0,"routes":0,"dryRun":false,"nodes":{"answered":2,"of":3}}"#,
        ),
    ]);
    for words in [&["stats"][..], &["connections"], &["invalidations"]] {
        let said = server.run(words).stdout;
        assert!(said.ends_with(&format!("\n{PARTIAL}\n")), "{words:?}: {said}");
        assert!(
            !server
                .run(&[words, &["--json"]].concat())
                .stdout
                .contains(PARTIAL)
        );
    }
    let told = server.run(&["invalidate", "/"]).stdout;
    assert!(
        told.ends_with(&format!("{PARTIAL}; their tabs are told all the same\n")),
        "{told}"
    );
}

#[test]
fn a_dry_run_that_is_partial_says_so() {
    let server = AdminServer::answering(&[(
        "POST /api/admin/invalidations",
        200,
        r#"{"tabs":0,"routes":0,"dryRun":true,"nodes":{"answered":2,"of":3}}"#,
    )]);
    let said = server.run(&["invalidate", "/", "--dry-run"]).stdout;
    assert_eq!(
        said,
        format!("would tell 0 tabs on 0 routes to refresh; nothing was touched\n{PARTIAL}\n")
    );
}

/// What `headcount nodes --json` says is missing, by name.
fn missing(node: &Process) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(&node.run(&["nodes", "--json"]).stdout).unwrap();
    let missing = json["missing"].as_array().into_iter().flatten();
    missing
        .map(|node| node["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Regression: a node that was killed was listed nowhere, and one that was started again was missing for a minute.
#[test]
fn a_killed_node_is_named_until_it_is_back() {
    let site = Site::start();
    let [one, two, three] = ["one", "two", "three"].map(|name| site.node(name));
    eventually("all nodes", || {
        (rows(&one.run(&["nodes"]).stdout).len() == 3).then_some(())
    });
    three.kill();
    eventually("it is missed", || (missing(&one) == ["three"]).then_some(()));
    let text = one.run(&["nodes"]).stdout;
    let lost = rows(&text).pop().unwrap();
    assert_eq!((lost[0], lost[2], lost[3]), ("three", "lost", "since"), "{text}");
    let said = |words: &[&str]| one.run(words).stdout;
    let line = "2 of 3 nodes answered: three did not";
    for words in [
        &["stats"][..],
        &["release", "v2"],
        &["invalidate", "/"],
        &["lift", "2"],
        &["connections"],
    ] {
        let said = said(words);
        assert!(said.contains(line), "{words:?}: {said}");
    }
    let _three = site.node("three");
    // Sooner than the minute for which one that does not come back is missing.
    for node in [&one, &two] {
        eventually("it is back", || missing(node).is_empty().then_some(()));
        assert!(!node.run(&["stats"]).stdout.contains("answered"));
    }
}

/// Regression: it was missing for a minute, although it was back before it was missed.
#[test]
fn a_node_that_is_back_before_it_is_missed_is_not_missing() {
    let site = Site::start();
    let [one, two] = ["one", "two"].map(|name| site.node(name));
    eventually("both nodes", || {
        (rows(&one.run(&["nodes"]).stdout).len() == 2).then_some(())
    });
    two.kill();
    let _two = site.node("two");
    one.await_said("nothing is heard of a node any more");
    assert_eq!(missing(&one), [""; 0]);
    assert!(!one.run(&["stats"]).stdout.contains("answered"));
}

/// Processes that name this folder in their command line.
fn processes_of(folder: &Path) -> usize {
    let folder = folder.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(folder))
        .count()
}

#[test]
fn a_demo_with_nodes_counts_its_visitors_on_all_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let variables = [
        ("TMPDIR", temporary.path().to_str().unwrap()),
        ("PATH", "/usr/sbin:/usr/bin:/bin"),
    ];
    for is_urgent in [false, true] {
        let demo = Process::demo(&["--nodes", "3", "--visitors", "30", "--roll", "0"], &variables);
        let text = eventually("visitors on all nodes", || {
            let ended = demo.run(&["nodes"]);
            assert_eq!((ended.code, &*ended.stderr), (0, ""));
            let rows = rows(&ended.stdout);
            let all = rows.len() == 3 && rows.iter().all(|row| row[2] != "0");
            all.then_some(ended.stdout)
        });
        let names: Vec<_> = rows(&text).iter().map(|row| row[0]).collect();
        assert_eq!(names, ["node-1", "node-2", "node-3"]);
        let others = demo.await_said("and at");
        assert!(others.contains("30 simulated visitors on 3 nodes"), "{others}");
        demo.await_stats("more than one node holds", |stats| {
            stats["nodes"] == serde_json::json!({"answered": 3, "of": 3})
                && stats["total"].as_u64() > Some(10)
        });
        assert_eq!(
            processes_of(temporary.path()),
            2,
            "its broker, and what ends that where the demo cannot"
        );
        if is_urgent {
            // Two at once: the second one ends it without a drain.
            demo.signal();
            demo.await_said("stopping");
            demo.signal();
            assert!(matches!(demo.wait(), Some(0 | 143)));
        } else {
            assert_eq!(demo.terminate(), Some(0));
        }
        eventually("nothing is left", || {
            let files = std::fs::read_dir(temporary.path()).unwrap().count();
            (processes_of(temporary.path()) + files == 0).then_some(())
        });
    }
}
