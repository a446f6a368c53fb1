//! A log that cannot be written: nothing but the log suffers.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::client::{Ask, Transport, Visit, ask};
use crate::command::{ended, headcount};
use crate::process::{Process, Reader};

/// More than a pipe holds of the lines that commands log.
const COMMANDS: u32 = 1_200;

/// Where the reader had left, the first command ended the commander. Where it did not read, everything stopped when the pipe was full.
#[test]
fn a_log_that_is_not_read_holds_nothing_up() {
    for reader in [Reader::Leaves, Reader::Stalls] {
        let server = Process::read_by(reader);
        let mut tab = Visit::new(Transport::WebSocket, "/").open(server.address);
        for number in 0..COMMANDS {
            server.post("releases", &json!({"version": format!("v{number}")}));
        }
        while tab.next_of("version")["version"] != format!("v{}", COMMANDS - 1) {}
        assert_eq!(
            ask(server.address, &Ask::get("/healthz")).status,
            200,
            "{reader:?}"
        );
        let guess = Ask::get("/api/admin/stats").bearer("a wrong one");
        assert_eq!(ask(server.address, &guess).status, 401, "{reader:?}");
        assert_eq!(server.terminate(), Some(0), "{reader:?}");
    }
}

/// What a server with few files says from its start to its end, with these words behind `serve`.
fn said_by(words: &[&str]) -> Vec<String> {
    let mut command = Command::new("/bin/sh");
    command
        .env_clear()
        .args(["-c", "ulimit -n 256; exec \"$0\" \"$@\""])
        .arg(headcount([""; 0]).get_program())
        .args(["serve", "--listen", "127.0.0.1:0", "--ephemeral"])
        .args(words)
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains("browsers connect at") {
            let id = child.id().to_string();
            let killed = Command::new("kill").arg(id).status();
            assert!(killed.unwrap().success());
        }
        lines.push(line);
    }
    assert_eq!(child.wait().unwrap().code(), Some(0), "{lines:?}");
    lines
}

#[test]
fn each_line_is_json_where_the_log_is() {
    let lines = said_by(&["--log-format", "json", "--admin-listen", "127.0.0.1:0"]);
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let one = |begins: &str| {
        let found = lines
            .iter()
            .find(|line| line["fields"]["message"].as_str().unwrap().starts_with(begins));
        found.unwrap_or_else(|| panic!("{begins}: {lines:?}"))
    };
    for (begins, level, field) in [
        ("no admin secret", "WARN", None),
        ("room for ", "WARN", Some("connections")),
        ("admin API on http://", "INFO", Some("url")),
        ("listening on http://", "INFO", Some("url")),
        ("browsers connect at /__skew", "INFO", Some("base_path")),
        ("stopping: ", "INFO", None),
    ] {
        let line = one(begins);
        assert_eq!(line["level"], level, "{line}");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(
            field.is_none_or(|field| !line["fields"][field].is_null()),
            "{line}"
        );
    }
}

#[test]
fn a_failure_is_json_where_the_log_is() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let words = [
        "serve",
        "--ephemeral",
        "--log-format",
        "json",
        "--listen",
        &address,
    ];
    let ended = ended(headcount(words));
    let line: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!((ended.code, &line["level"]), (1, &json!("ERROR")), "{line}");
    let message = line["fields"]["message"].as_str().unwrap();
    assert!(message.starts_with("cannot listen on "), "{line}");
}

#[test]
fn only_an_address_with_the_admin_api_names_its_path() {
    let paths = |words: &[&str]| {
        let lines = said_by(words);
        let line = lines.iter().find(|line| line.starts_with("  browsers connect"));
        line.unwrap_or_else(|| panic!("{lines:?}")).clone()
    };
    assert_eq!(
        paths(&[]),
        "  browsers connect at /__skew, the admin API is at /api/admin"
    );
    assert_eq!(
        paths(&["--admin-listen", "127.0.0.1:0"]),
        "  browsers connect at /__skew"
    );
}
