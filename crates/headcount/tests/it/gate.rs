//! `headcount wait`: each way it ends, with a real server unless it must answer what no healthy one does.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::admin_server::AdminServer;
use crate::client::{BOTH, Tab, Visit, eventually};
use crate::command::{Ended, headcount, run};
use crate::process::{Process, SECRET};

/// A `headcount wait` that runs. It is killed when it goes.
struct Waiting {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

impl Waiting {
    /// With JSON lines, on numbers that count at once.
    fn start(server: &Process, words: &[&str]) -> Self {
        let mut command = headcount(["wait", "--json", "--settle", "0"]);
        command
            .args(words)
            .env("HEADCOUNT_URL", format!("http://{}", server.address))
            .env("HEADCOUNT_ADMIN_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&lines);
        std::thread::spawn(move || {
            let mut line = String::new();
            while stdout.read_line(&mut line).is_ok_and(|read| read > 0) {
                heard.lock().unwrap().push(std::mem::take(&mut line));
            }
        });
        Self { child, lines }
    }

    /// The objects so far: every line is one.
    fn said(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let objects = lines.iter().map(|line| serde_json::from_str(line));
        objects.collect::<Result<_, _>>().unwrap()
    }

    /// Waits until it has said something like this.
    fn await_said(&self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || self.said().into_iter().find(&so))
    }

    /// Waits for its end: the code, the last object and what it said on stderr.
    fn end(mut self) -> (i32, Value, String) {
        let status = eventually("it ends", || self.child.try_wait().unwrap());
        let mut stderr = String::new();
        let talk = self.child.stderr.as_mut().unwrap();
        talk.read_to_string(&mut stderr).unwrap();
        let last = eventually("its last line", || {
            self.said().pop().filter(|last| last["event"] != "progress")
        });
        (status.code().unwrap(), last, stderr)
    }
}

fn open(server: &Process, first: usize, route: &str, version: &str, many: usize) -> Vec<Tab> {
    let open = |number: usize| {
        Visit::new(BOTH[number % 2], route)
            .version(version)
            .query(&format!("tab=the-tab-of-visitor-{number}"))
            .open(server.address)
    };
    (first..first + many).map(open).collect()
}

#[test]
fn it_waits_for_an_announcement_and_for_tabs_and_is_then_there() {
    let server = Process::ephemeral(&["--release", "v2"]);
    let old = open(&server, 0, "/checkout/pay", "v2", 2);
    let _elsewhere = open(&server, 50, "/", "v2", 3);
    server.await_total(5);
    let waiting = Waiting::start(
        &server,
        &["--release", "v3", "--at-least", "60%", "--on", "/checkout"],
    );
    waiting.await_said("that it is not announced", |said| {
        said["hold"] == "not-announced" && said["tabs"] == 2
    });
    server.post("releases", &json!({"version": "v3"}));
    waiting.await_said("that tabs are behind", |said| {
        said["hold"] == "behind" && said["current"] == "v3" && said["behind"] == 2
    });
    let new = open(&server, 10, "/checkout", "v3", 3);
    let (code, last, stderr) = waiting.end();
    assert_eq!((code, stderr.as_str()), (0, ""), "{last}");
    assert_eq!(
        (&last["event"], &last["tabs"], &last["on"], &last["share"]),
        (&json!("reached"), &json!(5), &json!(3), &json!(0.6))
    );
    drop((old, new));
}

#[test]
fn too_late_and_stalled_have_codes_of_their_own() {
    let server = Process::ephemeral(&["--release", "v3"]);
    let _tabs = open(&server, 0, "/", "v2", 2);
    server.await_total(2);
    let late = Waiting::start(&server, &["--release", "v3", "--timeout", "2s"]);
    let still = Waiting::start(&server, &["--release", "v3", "--stalled", "3s"]);
    for (waiting, code, event, said) in [
        (
            late,
            5,
            "timed-out",
            "error: timed out after 2 s: v3 has 0.0 % of 2 tabs, 2 behind",
        ),
        (
            still,
            6,
            "stalled",
            "error: stalled: the share has not passed its highest for 3 s",
        ),
    ] {
        let (ended, last, stderr) = waiting.end();
        assert_eq!((ended, &last["event"]), (code, &json!(event)), "{stderr}");
        assert!(stderr.starts_with(said), "{stderr}");
        assert!(stderr.contains(last["text"].as_str().unwrap()), "{stderr}");
    }
}

#[test]
fn another_release_ends_it() {
    let server = Process::ephemeral(&["--release", "v2"]);
    server.post("releases", &json!({"version": "v3"}));
    let _tabs = open(&server, 0, "/", "v2", 1);
    server.await_total(1);
    let waiting = Waiting::start(&server, &["--release", "v3"]);
    waiting.await_said("that it waits", |said| said["current"] == "v3");
    server.post("releases", &json!({"version": "v2"}));
    let (code, last, stderr) = waiting.end();
    assert_eq!((code, &last["event"]), (7, &json!("gone-back")), "{stderr}");
    assert!(
        stderr.starts_with("error: gone back: v2 is the current release"),
        "{stderr}"
    );
    // Also where it was so before.
    let (code, ..) = Waiting::start(&server, &["--release", "v3"]).end();
    assert_eq!(code, 7);
}

#[test]
fn a_restart_of_the_server_is_waited_through() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::durable(directory.path());
    server.post("releases", &json!({"version": "v3"}));
    let before = open(&server, 0, "/", "v2", 4);
    server.await_total(4);
    let waiting = Waiting::start(&server, &["--release", "v3", "--at-least", "50%"]);
    waiting.await_said("the tabs", |said| said["tabs"] == 4);
    let address = server.address.to_string();
    server.kill();
    drop(before);
    let away = waiting.await_said("that it is away", |said| said["hold"] == "away");
    assert_eq!(
        (&away["tabs"], &away["current"]),
        (&json!(4), &json!("v3")),
        "what was known is kept"
    );
    let words = ["--data-dir", directory.path().to_str().unwrap()];
    let server = Process::listening(&address, &words, &[]);
    let _after = open(&server, 20, "/", "v3", 4);
    let (code, last, stderr) = waiting.end();
    assert_eq!((code, &last["event"]), (0, &json!("reached")), "{stderr}");
}

#[test]
fn a_server_that_has_just_started_is_not_relied_on() {
    let server = Process::ephemeral(&["--release", "v3"]);
    let _tabs = open(&server, 0, "/", "v3", 1);
    server.await_total(1);
    let ended = server.run(&["wait", "--release", "v3", "--settle", "1h", "--timeout", "1s"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(
        ended.stdout.starts_with("the server has just started"),
        "{ended:?}"
    );
}

const PARTIAL: &str = r#"{"at":1,"release":"v3","current":"v3","announcedAt":1,"total":9,"on":9,"behind":0,"share":1.0,"uptimeMs":60000,"nodes":{"answered":1,"of":2,"missing":["two"]}}"#;

#[test]
fn a_part_of_a_cluster_is_never_enough() {
    let server = AdminServer::answering(&[("GET /api/admin/adoption", 200, PARTIAL)]);
    let ended = server.run(&["wait", "--release", "v3", "--timeout", "1s"]);
    assert_eq!(ended.code, 8, "{ended:?}");
    assert!(
        ended
            .stderr
            .starts_with("error: partial: 1 of 2 nodes answered: two did not"),
        "{ended:?}"
    );
    assert_eq!(
        ended.stdout,
        "1 of 2 nodes answered: two did not; v3 has 100.0 % of 9 tabs, 0 behind\n"
    );
}

#[test]
fn what_cannot_get_better_ends_it_at_once() {
    let server = Process::ephemeral(&["--release", "v3"]);
    let mut command = headcount(["wait", "--release", "v3", "--url"]);
    command
        .arg(format!("http://{}", server.address))
        .env("HEADCOUNT_ADMIN_SECRET", "not-the-admin-secret");
    let ended = crate::command::ended(command);
    assert_eq!(ended.code, 4, "{ended:?}");
    for words in [
        &["--release", "v3", "--on", "checkout"][..],
        &["--release", "v3", "--at-least", "101%"],
        &["--release", "unreleased"],
        &["--release", "v3", "--timeout", "soon"],
        &[],
    ] {
        let Ended { code, stderr, .. } = run(&[&["wait"], words].concat());
        assert_eq!(code, 2, "{words:?}: {stderr}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ended = run(&[
        "wait",
        "--release",
        "v3",
        "--timeout",
        "1s",
        "--url",
        &format!("http://{nobody}"),
    ]);
    assert_eq!(ended.code, 3, "{ended:?}");
}

#[test]
fn an_interrupted_one_says_so() {
    let server = Process::ephemeral(&["--release", "v2"]);
    let mut waiting = Waiting::start(&server, &["--release", "v3"]);
    waiting.await_said("anything", |_| true);
    let id = waiting.child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-s", "INT", &id])
        .status();
    assert!(killed.unwrap().success());
    let status = eventually("it ends", || waiting.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(130));
}

#[test]
fn the_help_names_every_end() {
    let help = run(&["wait", "--help"]).stdout;
    for line in [
        "  0    reached",
        "  5    timed out",
        "  6    stalled",
        "  7    gone back",
        "  8    partial",
        "  130  interrupted",
    ] {
        assert!(help.contains(line), "{line}\n{help}");
    }
}
