//! The parent's handles of its loaders: commands go out, answers come back, each within a bound.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, Command as Process, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use crate::client::DEADLINE;
use crate::client::command::{Answer, Command};
use crate::failure::Failure;

/// What a loader may take beyond its own deadline.
const GRACE: Duration = Duration::from_secs(10);

/// A loader process.
pub(crate) struct Loader {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
    /// Connections it holds.
    pub(crate) open: usize,
}

impl Loader {
    /// Starts a loader whose connections go to one of `servers` after the other, from the address `source`.
    pub(crate) fn start(servers: &[SocketAddr], source: Ipv4Addr) -> Result<Self, Failure> {
        let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
        let this = std::env::current_exe().map_err(Failure::to("find this program"))?;
        let mut process = Process::new(this);
        process.args([
            "client",
            "--servers",
            &servers.join(","),
            "--source",
            &source.to_string(),
        ]);
        process.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = process.spawn().map_err(Failure::to("start a loader"))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ended());
        };
        let (sender, answers) = sync_channel(16);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            stdin,
            answers,
            open: 0,
        })
    }

    /// Gives a command without waiting for its answer.
    pub(crate) fn tell(&mut self, command: &Command) -> Result<(), Failure> {
        let line = serde_json::to_string(command).unwrap_or_default();
        writeln!(self.stdin, "{line}").map_err(Failure::to("command a loader"))
    }

    /// Waits for the answer to the oldest command that has none yet.
    pub(crate) fn answer(&mut self) -> Result<Answer, Failure> {
        let line = self.answers.recv_timeout(DEADLINE + GRACE).map_err(|_| ended())?;
        let refused = |answer: String| Failure::Refused {
            who: "a loader".to_owned(),
            answer,
        };
        match serde_json::from_str(&line) {
            Ok(Answer::Failed { why }) => Err(refused(why)),
            Ok(answer) => Ok(answer),
            Err(_) => Err(refused(line)),
        }
    }

    /// Gives a command and waits for its answer.
    pub(crate) fn ask(&mut self, command: &Command) -> Result<Answer, Failure> {
        self.tell(command)?;
        self.answer()
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Gives each loader a command and waits for all the answers.
pub(crate) fn ask_all(
    loaders: &mut [Loader],
    command: impl Fn(usize, &Loader) -> Command,
) -> Result<Vec<Answer>, Failure> {
    for (index, loader) in loaders.iter_mut().enumerate() {
        let command = command(index, loader);
        loader.tell(&command)?;
    }
    loaders.iter_mut().map(Loader::answer).collect()
}

fn ended() -> Failure {
    Failure::Ended {
        who: "a loader, or its patience,".to_owned(),
        last_words: String::new(),
    }
}
