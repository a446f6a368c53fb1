use super::*;

#[test]
fn the_defaults_are_sound() {
    assert_eq!(Limits::default().problems(), Vec::<String>::new());
}

#[test]
fn every_contradiction_is_reported_at_once() {
    let limits = Limits {
        tick_ms: 0,
        rules_max: 65,
        liveness_ms: 10,
        ..Limits::default()
    };
    let problems = limits.problems();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("tick_ms")));
    assert!(problems.contains(&"`limits.rules_max` (65) must be at most 64".to_owned()));
    assert!(problems.iter().any(|problem| problem.contains("liveness_ms")));
}

/// What is wrong with these limits, which are sound but for one thing.
fn problem(limits: &Limits) -> String {
    let problems = limits.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.concat()
}

#[test]
fn nothing_is_cut_without_a_word() {
    let sound = Limits {
        keepalive_ms: 20_000,
        liveness_ms: 40_500,
        messages_burst: 8_000,
        head_bytes_max: 8_192,
        route_bytes_max: 8_128,
        ..Limits::default()
    };
    assert_eq!(sound.problems(), Vec::<String>::new());
    for (limits, names) in [
        (
            Limits {
                messages_burst: 8_001,
                ..sound.clone()
            },
            "messages_burst",
        ),
        (
            Limits {
                head_bytes_max: 8_191,
                ..Limits::default()
            },
            "head_bytes_max",
        ),
        (
            Limits {
                body_bytes_max: 8_191,
                ..sound.clone()
            },
            "body_bytes_max",
        ),
        (
            Limits {
                message_bytes_max: 8_191,
                ..sound.clone()
            },
            "message_bytes_max",
        ),
        (
            Limits {
                liveness_ms: 40_499,
                ..sound.clone()
            },
            "at least 40500 where",
        ),
        (
            Limits {
                keepalive_ms: 100,
                liveness_ms: 3_099,
                ..sound.clone()
            },
            "SSE",
        ),
        (
            Limits {
                keepalive_ms: 100,
                messages_per_second: 9,
                ..sound.clone()
            },
            "messages_per_second",
        ),
    ] {
        let problem = problem(&limits);
        assert!(problem.contains(names), "{problem}");
    }
}

#[test]
fn an_sse_peer_is_given_up_in_time() {
    for (keepalive_ms, liveness_ms) in [(30_000, 75_000), (100, 3_100), (500, 4_000), (20_000, 40_500)] {
        let limits = Limits {
            keepalive_ms,
            liveness_ms,
            ..Limits::default()
        };
        let late_ms = Limits::LATE_MS + Limits::GIVING_UP_MS;
        assert!(keepalive_ms + limits.silent_ms() + late_ms <= liveness_ms);
        assert!(limits.silent_ms() >= Limits::SILENT_MS_MIN);
    }
    let far = Limits {
        keepalive_ms: u32::MAX,
        liveness_ms: 1,
        ..Limits::default()
    };
    assert!(!far.problems().is_empty() && far.silent_ms() == Limits::SILENT_MS_MIN);
}
