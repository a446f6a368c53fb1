//! Precedence, and what is said about a configuration that does not hold.

use clap::{CommandFactory, Parser};

use super::*;
use crate::arguments::{Arguments, Command};

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::of(
        variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into())),
    )
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn problems(arguments: &ServeArguments, variables: &[(&str, &str)]) -> Vec<String> {
    match load(arguments, &environment(variables)) {
        Err(Failure::Config(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let settings = load(&ServeArguments::default(), &environment(&[])).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:4477".parse().unwrap());
    assert_eq!(settings.data_dir, Some("./headcount-data".into()));
    assert_eq!(settings.log, LogSettings::default());
    assert!(settings.server.admin_secret.is_none() && settings.server.sealed_session.is_none());
}

/// Each `[default: …]` in the help of `serve`, with its flag.
fn defaults_in_the_help() -> Vec<(String, String)> {
    let mut command = Arguments::command();
    command.build();
    let serve = command.find_subcommand("serve").unwrap();
    let default = |argument: &clap::Arg| {
        let help = argument.get_help()?.to_string();
        let (_, default) = help.split_once("[default: ")?;
        let flag = format!("--{}", argument.get_long()?);
        Some((flag, default.trim_end_matches(']').to_owned()))
    };
    serve.get_arguments().filter_map(default).collect()
}

#[test]
fn the_defaults_in_the_help_are_those_of_the_settings() {
    let with = |words: &[&str]| {
        let words = [&["headcount", "serve"], words].concat();
        let Command::Serve(arguments) = Arguments::try_parse_from(words).unwrap().command else {
            panic!("another command");
        };
        // Without a password the session's settings take no part, and without a broker those of a cluster.
        let password = "p".repeat(32);
        let environment = environment(&[
            ("HEADCOUNT_SESSION_PASSWORD", &password),
            ("HEADCOUNT_CLUSTER", "nats://one.example"),
            CLUSTER_SECRET,
        ]);
        let mut settings = load(&arguments, &environment).unwrap();
        settings.server.cookie_name = Some(settings.server.version_cookie());
        format!("{settings:?}")
    };
    let said = defaults_in_the_help();
    assert!(said.len() > 12, "{said:?}");
    for (flag, default) in said {
        // These say what happens instead of a value.
        let said = [
            "--admin-listen",
            "--release",
            "--cluster",
            "--cluster-ca",
            "--node-name",
        ];
        if !said.contains(&flag.as_str()) {
            assert_eq!(with(&[&flag, &default]), with(&[]), "{flag} {default}");
        }
    }
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let file = file(
        "release = 'file'\nbase_path = '/file'\ncookie_name = 'file'\n[limits]\ntick_ms = 1\ndrain_ms = 1\nhead_ms = 1\n",
    );
    let arguments = ServeArguments {
        config: Some(file.path().to_owned()),
        release: Some("flag".to_owned()),
        limit: vec!["tick_ms=3".to_owned()],
        ..ServeArguments::default()
    };
    let variables = [
        ("HEADCOUNT_RELEASE", "variable"),
        ("HEADCOUNT_BASE_PATH", "/variable"),
        ("HEADCOUNT_LIMITS_TICK_MS", "2"),
        ("HEADCOUNT_LIMITS_DRAIN_MS", "2"),
        ("PATH", "/bin"),
    ];
    let server = load(&arguments, &environment(&variables)).unwrap().server;
    assert_eq!(server.release.as_deref(), Some("flag"));
    assert_eq!(server.base_path, "/variable");
    assert_eq!(server.cookie_name.as_deref(), Some("file"));
    assert_eq!(server.admin_path, "/api/admin");
    assert_eq!(
        (
            server.limits.tick_ms,
            server.limits.drain_ms,
            server.limits.head_ms
        ),
        (3, 2, 1)
    );
    assert_eq!(server.limits.keepalive_ms, 30_000);
}

#[test]
fn the_board_can_be_moved_and_turned_off() {
    let board_path = |text: &str| {
        let file = file(text);
        let arguments = ServeArguments {
            config: Some(file.path().to_owned()),
            ..ServeArguments::default()
        };
        load(&arguments, &environment(&[])).unwrap().server.board_path
    };
    assert_eq!(board_path("").as_deref(), Some("/headcount"));
    assert_eq!(board_path("board_path = '/ops'").as_deref(), Some("/ops"));
    assert_eq!(board_path("board_path = 'off'"), None);
    assert_eq!(board_path("board_path = ''"), None);
}

#[test]
fn the_file_may_come_from_a_variable() {
    let file = file("release = 'file'\n");
    let variables = [("HEADCOUNT_CONFIG", file.path().to_str().unwrap())];
    let server = load(&ServeArguments::default(), &environment(&variables))
        .unwrap()
        .server;
    assert_eq!(server.release.as_deref(), Some("file"));
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let file =
        file("relase = 'x'\nip_tracking = 'yes'\n[limits]\nliveness_ms = 10\ntick = 5\n[extra]\na = 1\n");
    let at = |line: usize| format!("{}:{line}", file.path().display());
    let arguments = ServeArguments {
        config: Some(file.path().to_owned()),
        listen: Some("nowhere".to_owned()),
        limit: vec!["tik_ms=3".to_owned(), "tick_ms".to_owned()],
        trusted_proxy: vec!["10.0.0.0/8".to_owned(), "ten".to_owned()],
        ..ServeArguments::default()
    };
    let variables = [
        ("HEADCOUNT_ROUTE_TRAKING", "true"),
        ("HEADCOUNT_CONNECTION_TRACKING", "false"),
    ];
    let problems = problems(&arguments, &variables);
    let expected = [
        format!("{}: unknown key `relase`; did you mean `release`?", at(1)),
        format!("{}: `ip_tracking` is text: write true or false", at(2)),
        format!(
            "{}: unknown key `limits.tick`; did you mean `limits.tick_ms`?",
            at(5)
        ),
        format!(
            "{}: unknown key `extra`; `headcount serve --help` lists the settings",
            at(6)
        ),
        "HEADCOUNT_ROUTE_TRAKING: unknown variable; did you mean HEADCOUNT_ROUTE_TRACKING?".to_owned(),
        "--limit: unknown limit `tik_ms`; did you mean `tick_ms`?".to_owned(),
        "--limit: `tick_ms` has no value: write NAME=VALUE, as in tick_ms=200".to_owned(),
        "--listen: `nowhere` is not an address: write an IP address and a port, as in 127.0.0.1:4477"
            .to_owned(),
        "--trusted-proxy: `ten` is not a network: write an address and its prefix length, as in 10.0.0.0/8"
            .to_owned(),
        "`route_tracking` needs `connection_tracking`: turn that on, or turn `route_tracking` off \
         (`connection_tracking` was set by HEADCOUNT_CONNECTION_TRACKING)"
            .to_owned(),
        format!(
            "`limits.liveness_ms` (10) must be at least 60500 where `limits.keepalive_ms` is 30000: a peer is found gone by \
             a ping that went unanswered until the next one (`limits.liveness_ms` was set in {})",
            at(4)
        ),
    ];
    for one in &expected {
        assert!(problems.contains(one), "missing: {one}\nfound: {problems:#?}");
    }
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
}

#[test]
fn broken_toml_is_reported_with_its_line_beside_other_problems() {
    let file = file("release = 'x'\nbase_path = \n");
    let arguments = ServeArguments {
        config: Some(file.path().to_owned()),
        ..ServeArguments::default()
    };
    let problems = problems(&arguments, &[("HEADCOUNT_SHARDS", "many")]);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(
        problems[0].starts_with(&format!("{}:2: ", file.path().display())),
        "{problems:#?}"
    );
    assert_eq!(
        problems[1],
        "HEADCOUNT_SHARDS: `many` is not valid: write a whole number from 0 to 1024"
    );
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    let arguments = ServeArguments {
        config: Some("/nowhere/headcount.toml".into()),
        ..ServeArguments::default()
    };
    let problems = problems(&arguments, &[]);
    assert!(
        problems[0].starts_with("/nowhere/headcount.toml: cannot be read: "),
        "{problems:#?}"
    );
}

#[test]
fn secrets_come_from_files_without_their_line_end() {
    let secret = file("hunter2\n");
    let variables = [("HEADCOUNT_ADMIN_SECRET_FILE", secret.path().to_str().unwrap())];
    let server = load(&ServeArguments::default(), &environment(&variables))
        .unwrap()
        .server;
    assert_eq!(server.admin_secret.unwrap().expose(), "hunter2");
}

#[test]
fn a_stronger_secret_file_wins_over_a_weaker_secret() {
    let secret = file("from the file");
    let arguments = ServeArguments {
        admin_secret_file: Some(secret.path().to_str().unwrap().to_owned()),
        ..ServeArguments::default()
    };
    let settings = load(
        &arguments,
        &environment(&[("HEADCOUNT_ADMIN_SECRET", "variable")]),
    )
    .unwrap();
    assert_eq!(settings.server.admin_secret.unwrap().expose(), "from the file");
}

#[test]
fn a_secret_given_twice_in_one_source_is_a_contradiction_and_not_shown() {
    let secret = file("hunter2");
    let variables = [
        ("HEADCOUNT_ADMIN_SECRET", "hunter3"),
        ("HEADCOUNT_ADMIN_SECRET_FILE", secret.path().to_str().unwrap()),
    ];
    let problems = problems(&ServeArguments::default(), &variables);
    assert_eq!(
        problems,
        ["HEADCOUNT_ADMIN_SECRET and HEADCOUNT_ADMIN_SECRET_FILE set the same thing: keep one"]
    );
}

#[test]
fn an_empty_secret_is_refused_and_does_not_open_the_door() {
    let problems = problems(&ServeArguments::default(), &[("HEADCOUNT_ADMIN_SECRET", "")]);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].contains("`admin_secret` is empty"), "{problems:#?}");
    assert!(
        problems[0].ends_with("(`admin_secret` was set by HEADCOUNT_ADMIN_SECRET)"),
        "{problems:#?}"
    );
}

#[test]
fn a_session_rule_without_a_password_is_a_contradiction() {
    let arguments = ServeArguments {
        session_cookie: Some("s".to_owned()),
        ..ServeArguments::default()
    };
    let problems = problems(&arguments, &[]);
    assert_eq!(
        problems,
        ["--session-cookie: needs the session password: set HEADCOUNT_SESSION_PASSWORD or its _FILE twin"]
    );
}

#[test]
fn sessions_and_forward_auth_are_read_from_tables() {
    let file = file(
        "[sealed_session]\npassword = '0123456789abcdef0123456789abcdef'\ncookie = 's'\n\
         rule = 'user.role == \"editor\"'\n[forward_auth]\nurl = 'http://app/may'\ncache_ms = 7\n",
    );
    let arguments = ServeArguments {
        config: Some(file.path().to_owned()),
        ..ServeArguments::default()
    };
    let server = load(&arguments, &environment(&[])).unwrap().server;
    let sealed = server.sealed_session.unwrap();
    assert_eq!(sealed.cookie, "s");
    assert!(
        format!("{:?}", sealed.rule).contains("editor"),
        "{:?}",
        sealed.rule
    );
    let forward = server.forward_auth.unwrap();
    assert_eq!(
        (forward.url.as_str(), forward.cache_ms, forward.timeout_ms),
        ("http://app/may", 7, 3_000)
    );
}

#[test]
fn anyone_is_admitted_on_loopback_only() {
    let arguments = |listen: &str| ServeArguments {
        listen: Some(listen.to_owned()),
        authorize: Some("anyone".to_owned()),
        ..ServeArguments::default()
    };
    assert!(
        load(&arguments("[::1]:0"), &environment(&[]))
            .unwrap()
            .server
            .authorize_anyone
    );
    let problems = problems(&arguments("0.0.0.0:80"), &[]);
    assert_eq!(
        problems,
        [
            "--authorize: `anyone` is for loopback only, and `listen` is 0.0.0.0:80: listen on 127.0.0.1, or configure who may see stats"
        ]
    );
}

#[test]
fn keeping_nothing_and_a_data_dir_contradict_only_in_one_source() {
    let dir = Some("/data".to_owned());
    let both = ServeArguments {
        data_dir: dir.clone(),
        ephemeral: true,
        ..ServeArguments::default()
    };
    assert_eq!(
        problems(&both, &[]),
        ["--ephemeral and --data-dir contradict each other: keep one"]
    );
    let stronger_dir = ServeArguments {
        data_dir: dir.clone(),
        ..ServeArguments::default()
    };
    let settings = load(&stronger_dir, &environment(&[("HEADCOUNT_EPHEMERAL", "true")])).unwrap();
    assert_eq!(settings.data_dir, Some("/data".into()));
    let stronger_ephemeral = ServeArguments {
        ephemeral: true,
        ..ServeArguments::default()
    };
    let settings = load(
        &stronger_ephemeral,
        &environment(&[("HEADCOUNT_DATA_DIR", "/data")]),
    )
    .unwrap();
    assert_eq!(settings.data_dir, None);
}

#[test]
fn what_kubernetes_sets_for_a_service_named_headcount_is_not_ours() {
    let variables = [
        ("HEADCOUNT_SERVICE_HOST", "10.0.0.1"),
        ("HEADCOUNT_SERVICE_PORT_HTTP", "80"),
        ("HEADCOUNT_PORT", "tcp://10.0.0.1:80"),
        ("HEADCOUNT_PORT_80_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(load(&ServeArguments::default(), &environment(&variables)).is_ok());
}

#[test]
fn the_reference_names_every_setting_as_the_program_does() {
    let page = include_str!("../../../../docs/reference/configuration.md");
    let limits = include_str!("../../../../docs/reference/limits.md");
    for setting in super::table::all() {
        let (table, key) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if table == "limits" {
            let row = format!("| `{key}` |");
            assert!(limits.contains(&row), "{row}");
        } else {
            let (row, variable) = (format!("| `{key}`<br>"), format!("<br>`{}`", setting.variable()));
            let rows = page.lines().filter(|line| line.starts_with(&row));
            assert!(rows.clone().any(|line| line.contains(&variable)), "{variable}");
        }
    }
    for default in super::limits::defaults() {
        let (name, value) = default.split_once('=').unwrap();
        let row = limits
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap();
        let number = row.split('|').nth(2).unwrap().trim().split(' ').next().unwrap();
        assert_eq!(number.replace(',', ""), value, "{name}");
    }
}

const CLUSTER_SECRET: (&str, &str) = ("HEADCOUNT_CLUSTER_SECRET", "0123456789abcdef");

#[test]
fn a_cluster_has_brokers_and_a_secret() {
    let arguments = ServeArguments {
        cluster: Some("nats://one:4222, nats://two:4222".to_owned()),
        cluster_name: Some("shop".to_owned()),
        node_name: Some("a".to_owned()),
        ..ServeArguments::default()
    };
    let settings = load(&arguments, &environment(&[CLUSTER_SECRET])).unwrap();
    let cluster = settings.cluster.unwrap();
    assert_eq!(cluster.addresses, ["nats://one:4222", "nats://two:4222"]);
    assert_eq!((&*cluster.name, &*cluster.node), ("shop", "a"));
    assert!(
        load(&ServeArguments::default(), &environment(&[]))
            .unwrap()
            .cluster
            .is_none()
    );
}

#[test]
fn what_contradicts_a_cluster_is_reported_with_its_place() {
    let with = |cluster: &str, variables: &[(&str, &str)]| {
        let arguments = ServeArguments {
            cluster: Some(cluster.to_owned()),
            ..ServeArguments::default()
        };
        problems(&arguments, variables)
    };
    let missing = with("nats://one", &[]);
    assert!(
        missing[0].starts_with("`cluster` needs `cluster_secret`: set HEADCOUNT_CLUSTER_SECRET"),
        "{missing:?}"
    );
    let short = with("nats://one", &[("HEADCOUNT_CLUSTER_SECRET", "short")]);
    assert!(
        short[0].starts_with("`cluster_secret` is shorter than 16 characters"),
        "{short:?}"
    );
    assert!(
        short[0].ends_with("(`cluster_secret` was set by HEADCOUNT_CLUSTER_SECRET)"),
        "{short:?}"
    );
    let address = with("http://one", &[CLUSTER_SECRET]);
    assert!(address[0].contains("begin it with `nats://`"), "{address:?}");
    let name = with("nats://one", &[CLUSTER_SECRET, ("HEADCOUNT_CLUSTER_NAME", "a.b")]);
    assert!(name[0].contains("`a.b` is no name of a cluster"), "{name:?}");
    let alone = problems(&ServeArguments::default(), &[CLUSTER_SECRET]);
    assert!(
        alone[0].starts_with("HEADCOUNT_CLUSTER_SECRET: needs a broker: set `cluster`"),
        "{alone:?}"
    );
}
