//! What a newcomer reads first.

use crate::command::run;

#[test]
fn help_is_data_and_lists_commands_and_exit_codes() {
    let help = run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for part in [
        "serve",
        "demo",
        "stats",
        "connections",
        "release",
        "invalidate",
        "lift",
        "HEADCOUNT_URL",
    ] {
        assert!(help.stdout.contains(part), "{part}\n{}", help.stdout);
    }
    for line in [
        "  0  done",
        "  1  failure",
        "  2  usage",
        "  3  unreachable",
        "  4  unauthorized",
    ] {
        assert!(help.stdout.contains(line), "{line}\n{}", help.stdout);
    }
}

#[test]
fn the_version_is_the_crates() {
    let version = run(&["--version"]);
    assert_eq!(
        (version.code, version.stdout),
        (0, format!("headcount {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn every_command_has_help() {
    let commands = [
        "serve",
        "demo",
        "stats",
        "connections",
        "nodes",
        "release",
        "releases",
        "invalidate",
        "invalidations",
        "lift",
        "pause",
        "resume",
        "abort",
        "change",
        "wait",
    ];
    for command in commands {
        let help = run(&[command, "--help"]);
        assert_eq!(help.code, 0, "{command}");
        assert!(
            help.stdout.contains("Usage: headcount"),
            "{command}\n{}",
            help.stdout
        );
    }
}

#[test]
fn help_is_a_command_too() {
    for (words, same) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "stats"], &["stats", "--help"]),
    ] {
        let (help, flag) = (run(words), run(same));
        assert_eq!((help.code, &help.stdout), (0, &flag.stdout), "{words:?}");
    }
}

#[test]
fn no_flag_takes_a_secret() {
    let help = run(&["serve", "--help"]).stdout;
    assert!(
        !help.contains("--admin-secret ") && !help.contains("--session-password "),
        "{help}"
    );
    let refused = run(&["serve", "--admin-secret", "hunter2"]);
    assert_eq!(refused.code, 2);
}
