//! Secrets in files, and what the log says of them.

use std::fs;

use crate::client::{Ask, BOTH, Visit, ask, eventually};
use crate::process::{Process, SECRET};

fn status(server: &Process, secret: &str) -> u16 {
    ask(server.address, &Ask::get("/api/admin/stats").bearer(secret)).status
}

#[test]
fn sighup_takes_new_secrets_and_closes_no_tab() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let write = |name: &str, text: &str| fs::write(file(name), text).unwrap();
    write("secret", "the-first-secret-of-all\n");
    write("previous", "");
    let words = [
        "--ephemeral",
        "--admin-secret-file",
        file("secret").to_str().unwrap(),
        "--admin-secret-previous-file",
        file("previous").to_str().unwrap(),
    ]
    .map(str::to_owned);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let server = Process::start(&words, &[("HEADCOUNT_ADMIN_SECRET", "")]);
    let mut tabs = BOTH.map(|transport| Visit::new(transport, "/").open(server.address));
    assert_eq!(status(&server, "the-first-secret-of-all"), 200);

    write("previous", "the-first-secret-of-all\n");
    write("secret", "the-second-secret-of-all\n");
    server.hang_up();
    eventually("the second one holds", || {
        (status(&server, "the-second-secret-of-all") == 200).then_some(())
    });
    assert_eq!(status(&server, "the-first-secret-of-all"), 200);

    // Every problem with the files is reported, and nothing changes.
    fs::remove_file(file("secret")).unwrap();
    server.hang_up();
    let said = server.await_said("the old ones stay valid");
    assert!(said.contains("cannot be read"), "{said}");
    assert!(!said.contains("secret-of-all"), "{said}");
    assert_eq!(status(&server, "the-first-secret-of-all"), 200);

    write("secret", "the-second-secret-of-all");
    write("previous", "\n");
    server.hang_up();
    eventually("the first one holds no longer", || {
        (status(&server, "the-first-secret-of-all") == 401).then_some(())
    });
    assert_eq!(status(&server, "the-second-secret-of-all"), 200);
    let answer = ask(
        server.address,
        &Ask::post("/api/admin/releases", &serde_json::json!({"version": "v2"}))
            .bearer("the-second-secret-of-all"),
    );
    assert_eq!(answer.status, 200);
    for tab in &mut tabs {
        assert_eq!(tab.next_of("version")["version"], "v2");
    }
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn guesses_are_in_the_log_without_the_guess_or_an_address_that_is_not_tracked() {
    for (words, tracked) in [
        (&["--ephemeral"][..], false),
        (&["--ephemeral", "--ip-tracking"], true),
    ] {
        let server = Process::start(words, &[]);
        for number in 0..3 {
            assert_eq!(status(&server, &format!("guess-number-{number}")), 401);
        }
        let said = server.await_said("wrong secrets were sent");
        assert_eq!(said.matches("wrong secrets were sent").count(), 1, "{said}");
        assert!(!said.contains("guess-number") && !said.contains(SECRET), "{said}");
        assert_eq!(said.contains("127.0.0.1"), tracked, "{said}");
        assert_eq!(server.metric("headcount_refused_total{kind=\"secret\"}"), 3);
    }
}

#[test]
fn a_short_secret_gets_a_warning() {
    for (variable, secret, warned) in [
        ("HEADCOUNT_ADMIN_SECRET", "fifteen-letters", true),
        ("HEADCOUNT_ADMIN_SECRET", "sixteen-letters!", false),
        ("HEADCOUNT_BRIDGE_SECRET", "short", true),
    ] {
        let server = Process::start(&["--ephemeral"], &[(variable, secret)]);
        let key = variable.trim_start_matches("HEADCOUNT_").to_lowercase();
        let warning = format!("`{key}` has fewer than 16 characters");
        assert_eq!(server.said.contains(&warning), warned, "{}", server.said);
        assert!(!server.said.contains(secret), "{}", server.said);
    }
}

#[test]
fn a_demo_answers_this_machine_alone_and_sighup_ends_it_the_kind_way() {
    let mut command = crate::command::headcount([
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--visitors",
        "1",
        "--roll",
        "0",
    ]);
    command
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut talk = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Ctrl-C stops it") {
        assert_ne!(
            std::io::BufRead::read_line(&mut talk, &mut said).unwrap(),
            0,
            "{said}"
        );
    }
    let address = said
        .lines()
        .find_map(|line| line.strip_prefix("listening on http://"));
    let address = address.unwrap().parse().unwrap();
    // Its pages are for this machine only, under every name.
    for (host, expected) in [("evil.example", 403), ("localhost", 200)] {
        let request = format!("GET /checkout HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = crate::client::exchange(address, request.as_bytes());
        assert_eq!(crate::client::Answer::parse(&answer).status, expected, "{host}");
    }
    let killed = std::process::Command::new("kill")
        .args(["-s", "HUP", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let drained = std::thread::spawn(move || std::io::Read::read_to_end(&mut talk, &mut Vec::new()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drained.join().unwrap().unwrap();
}
