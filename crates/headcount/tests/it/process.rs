//! `headcount serve` as a process, on a port of the system's choice.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use crate::client::{Answer, Ask, ask, eventually};
use crate::command::{Ended, ended, headcount};
use crate::nodes::{self, Nodes};

pub(crate) const SECRET: &str = "your-admin-secret";

/// A running server. It is killed when it goes.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    /// What it said before it listened.
    pub(crate) said: String,
    /// What it said since.
    talk: Arc<Mutex<String>>,
    /// What it writes to, where it is not read.
    _unread: Option<BufReader<ChildStderr>>,
    child: Child,
    /// The others, where this is the first of several nodes and `address` that of their front.
    pub(crate) nodes: Option<Nodes>,
}

/// What becomes of what it says after it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    Follows,
    Stalls,
    Leaves,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

impl Process {
    /// Without a store, stats open to anyone, with an admin secret and these further arguments. Several of a cluster, if the scenarios run so.
    pub(crate) fn ephemeral(words: &[&str]) -> Self {
        let words = [&["--ephemeral", "--authorize", "anyone"], words].concat();
        if nodes::are_several() {
            return nodes::start(&words);
        }
        Self::start(&words, &[])
    }

    /// With its store in this directory.
    pub(crate) fn durable(directory: &Path) -> Self {
        Self::start(&["--data-dir", directory.to_str().unwrap()], &[])
    }

    /// With these words and variables. The release is `v1` and there is a secret, unless a variable says otherwise.
    pub(crate) fn start(words: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::listening("127.0.0.1:0", words, variables)
    }

    /// As [`Process::start`], on another address than the usual one.
    pub(crate) fn listening(address: &str, words: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = headcount(["serve", "--listen", address, "--shards", "2"]);
        command.args(words);
        Self::spawn(command, variables, Reader::Follows)
    }

    /// Keeps nothing, and is read so after it listens.
    pub(crate) fn read_by(reader: Reader) -> Self {
        let words = ["serve", "--listen", "127.0.0.1:0", "--shards", "2", "--ephemeral"];
        Self::spawn(headcount(words), &[], reader)
    }

    /// `headcount demo` with these words and variables.
    pub(crate) fn demo(words: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = headcount(["demo", "--listen", "127.0.0.1:0"]);
        command.args(words);
        Self::spawn(command, variables, Reader::Follows)
    }

    /// With these words, as a process that may open this many files.
    pub(crate) fn with_files(files: u32, words: &[&str]) -> Self {
        let binary = headcount([""; 0]);
        let mut command = Command::new("/bin/sh");
        command
            .env_clear()
            .args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")])
            .arg(binary.get_program())
            .args(["serve", "--listen", "127.0.0.1:0", "--shards", "2"])
            .args(words);
        Self::spawn(command, &[], Reader::Follows)
    }

    fn spawn(mut command: Command, variables: &[(&str, &str)], reader: Reader) -> Self {
        command
            .env("HEADCOUNT_ADMIN_SECRET", SECRET)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if variables.contains(&("HEADCOUNT_ADMIN_SECRET", "")) {
            command.env_remove("HEADCOUNT_ADMIN_SECRET");
        }
        let mut child = command.spawn().unwrap();
        let mut talk = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert_ne!(talk.read_line(&mut line).unwrap(), 0, "it ended: {said}");
            if let Some(url) = line.trim().strip_prefix("listening on http://") {
                break url.parse().unwrap();
            }
            said.push_str(&line);
        };
        let later = Arc::<Mutex<String>>::default();
        let unread = match reader {
            Reader::Follows => {
                follow(talk, Arc::clone(&later));
                None
            }
            Reader::Stalls => Some(talk),
            Reader::Leaves => None,
        };
        Self {
            address,
            said,
            talk: later,
            _unread: unread,
            child,
            nodes: None,
        }
    }

    /// Waits until it has said this since it listened; all of that.
    pub(crate) fn await_said(&self, part: &str) -> String {
        eventually(&format!("it says {part:?}"), || {
            Some(self.talk.lock().unwrap().clone()).filter(|talk| talk.contains(part))
        })
    }

    /// Has it read its secrets again.
    pub(crate) fn hang_up(&self) {
        let killed = std::process::Command::new("kill")
            .args(["-s", "HUP", &self.child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
    }

    /// How many files it has open.
    pub(crate) fn files(&self) -> u32 {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        files.count().try_into().unwrap()
    }

    /// From now on it may open this many files.
    pub(crate) fn limit_files(&self, files: u32) {
        let id = Pid::from_raw(self.child.id().try_into().unwrap());
        let limit = Rlimit {
            current: Some(files.into()),
            maximum: Some(256),
        };
        prlimit(id, Resource::Nofile, limit).unwrap();
    }

    /// What it said since it listened.
    pub(crate) fn said_since(&self) -> String {
        self.talk.lock().unwrap().clone()
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and says how it ended.
    pub(crate) fn terminate(self) -> Option<i32> {
        self.signal();
        self.wait()
    }

    /// Asks it to stop.
    pub(crate) fn signal(&self) {
        let killed = std::process::Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(killed.unwrap().success());
    }

    /// Waits for its end, and says how it ended.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// A client subcommand against it.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        let mut command = headcount(words);
        command
            .env("HEADCOUNT_URL", format!("http://{}", self.address))
            .env("HEADCOUNT_ADMIN_SECRET", SECRET);
        ended(command)
    }

    /// One request to the admin API, with its secret.
    pub(crate) fn admin(&self, request: Ask) -> Answer {
        ask(self.address, &request.bearer(SECRET))
    }

    pub(crate) fn post(&self, endpoint: &str, body: &Value) -> Value {
        let answer = self.admin(Ask::post(format!("/api/admin/{endpoint}"), body));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    pub(crate) fn stats(&self) -> Value {
        let answer = self.admin(Ask::get("/api/admin/stats"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Waits until the stats are so.
    pub(crate) fn await_stats(&self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || Some(self.stats()).filter(&so))
    }

    pub(crate) fn await_total(&self, total: u64) {
        self.await_stats(&format!("{total} open"), |stats| stats["total"] == total);
    }

    pub(crate) fn await_routes(&self, routes: &Value) {
        self.await_stats(&format!("routes {routes}"), |stats| stats["routes"] == *routes);
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = ask(self.address, &Ask::get("/metrics")).body;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .parse()
            .unwrap()
    }

    /// A message to every tab: what a tab reads before it came before. Its number.
    pub(crate) fn mark(&self, name: &str) -> Value {
        self.post("releases", &json!({"version": name}))["id"].clone()
    }

    /// Memory in use, bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes * 1_024
    }
}

fn follow(mut talk: BufReader<ChildStderr>, heard: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut line = String::new();
        while talk.read_line(&mut line).is_ok_and(|read| read > 0) {
            heard.lock().unwrap().push_str(&std::mem::take(&mut line));
        }
    });
}
