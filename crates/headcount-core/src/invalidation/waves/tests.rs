//! When a rule opens how far, and what stops it.

use super::*;

fn share(parts: u16) -> Share {
    Share::new(parts).unwrap()
}

fn waves(parts: &[u16]) -> Result<Schedule, ScheduleError> {
    Schedule::waves(parts.iter().map(|parts| share(*parts)).collect(), 60_000)
}

#[test]
fn waves_that_cannot_be_are_refused() {
    for (parts, error) in [
        (&[][..], ScheduleError::Nothing),
        (&[0, 10_000], ScheduleError::Nothing),
        (&[100, 100, 10_000], ScheduleError::NotAscending),
        (&[500, 100, 10_000], ScheduleError::NotAscending),
        (&[100, 5_000], ScheduleError::NotAll),
    ] {
        assert_eq!(waves(parts), Err(error), "{parts:?}");
    }
    let many: Vec<u16> = (1..=100).chain([10_000]).collect();
    assert_eq!(waves(&many), Err(ScheduleError::TooMany));
    assert!(waves(&many[1..]).is_ok());
    assert_eq!(
        Schedule::waves(vec![Share::ALL], 999),
        Err(ScheduleError::TooShort)
    );
    assert_eq!(Schedule::even(999, 1), Err(ScheduleError::TooShort));
    assert_eq!(Schedule::rate(0, 1), Err(ScheduleError::NoRate));
    assert_eq!(Share::new(10_001), None);
}

#[test]
fn each_wave_opens_when_its_time_has_come() {
    let schedule = waves(&[100, 1_000, 10_000]).unwrap();
    assert_eq!((schedule.first(), schedule.length_ms()), (share(100), 120_000));
    assert_eq!(schedule.widest(), (share(9_000), 60_000));
    assert_eq!(schedule.due(share(100), 5, 60_004), None);
    assert_eq!(schedule.due(share(100), 5, 60_007), Some((share(1_000), 60_007)));
    // However late it is, one wave opens, and the next one has its time.
    assert_eq!(
        schedule.due(share(100), 5, 600_000),
        Some((share(1_000), 600_000))
    );
    assert_eq!(schedule.next(Share::ALL, 0), None);
}

#[test]
fn an_even_schedule_opens_everything_in_its_time_in_few_steps() {
    for (over_ms, tabs, steps) in [
        (600_000, 5, 20_u32),
        (600_000, 77, 77),
        (600_000, 1 << 40, 200),
        (1_500, 9, 1),
    ] {
        let schedule = Schedule::even(over_ms, tabs).unwrap();
        let (mut open, mut since, mut opened) = (schedule.first(), 0, 0);
        while let Some((next, at_ms)) = schedule.next(open, since) {
            assert!(next > open && at_ms >= since);
            (open, since, opened) = (next, at_ms, opened + 1);
        }
        assert_eq!((open, opened), (Share::ALL, steps), "{over_ms} {tabs}");
        // Each step loses less than a millisecond.
        assert!(
            since <= u64::from(over_ms) && since + u64::from(steps) >= u64::from(over_ms),
            "{since}"
        );
    }
}

#[test]
fn an_even_schedule_makes_up_for_little_and_delays_the_rest() {
    let schedule = Schedule::even(200_000, 200).unwrap();
    assert_eq!(schedule.due(Share::NONE, 0, 999), None);
    assert_eq!(schedule.due(Share::NONE, 0, 1_002), Some((share(50), 1_000)));
    assert_eq!(schedule.due(Share::NONE, 0, 2_100), Some((share(100), 2_000)));
    assert_eq!(schedule.due(Share::NONE, 0, 100_000), Some((share(50), 100_000)));
}

#[test]
fn a_rate_takes_as_long_as_its_tabs_do() {
    assert_eq!(Schedule::rate(50, 30_000).unwrap().length_ms(), 600_000);
    assert_eq!(Schedule::rate(50, 0).unwrap().length_ms(), 1_000);
    assert_eq!(
        Schedule::rate(1, u64::MAX).unwrap().length_ms(),
        u64::from(u32::MAX)
    );
}

#[test]
fn it_stops_beyond_a_limit_and_not_before_enough_were_told() {
    let waves = Waves::new(waves(&[100, 10_000]).unwrap(), Some(StopIf::default()), 0);
    let seen = |told, stuck, held, gone| Seen {
        told,
        stuck,
        held,
        gone,
    };
    let found = |seen| waves.judge(seen).map(|finding| finding.measure);
    assert_eq!(found(seen(19, 19, 19, 19)), None);
    assert_eq!(found(seen(20, 1, 0, 0)), Some(Measure::Stuck));
    assert_eq!(found(seen(100, 1, 20, 5)), None, "a limit may be reached");
    assert_eq!(found(seen(100, 0, 21, 0)), Some(Measure::Held));
    assert_eq!(found(seen(100, 0, 0, 6)), Some(Measure::Gone));
    let never = Waves {
        stop_if: None,
        ..waves.clone()
    };
    assert_eq!(never.judge(seen(100, 100, 0, 0)), None);
    let text = waves.judge(seen(120, 3, 0, 0)).unwrap().to_string();
    assert_eq!(
        text,
        "3 of 120 told tabs refreshed and got the same build, and 1 % were allowed"
    );
}

#[test]
fn what_was_accepted_does_not_stop_it_again() {
    let mut waves = Waves::new(waves(&[100, 10_000]).unwrap(), Some(StopIf::default()), 0);
    let seen = |told, stuck| Seen {
        told,
        stuck,
        ..Seen::default()
    };
    assert!(waves.halt(waves.judge(seen(100, 10))));
    assert!(!waves.open(Share::ALL, 9), "not by itself");
    assert!(waves.resume(70, Some(seen(100, 10))));
    assert_eq!((waves.since_ms, waves.judge(seen(100, 10))), (70, None));
    assert_eq!(waves.judge(seen(119, 19)), None, "19 were told since");
    assert!(waves.judge(seen(120, 11)).is_some());
    assert!(waves.judge(seen(30, 1)).is_some(), "counted anew after a restart");
}

#[test]
fn shares_read_as_percentages() {
    let texts = [0, 5, 50, 100, 1_250, 1_255, 10_000].map(|parts| share(parts).to_string());
    assert_eq!(
        texts,
        ["0 %", "0.05 %", "0.5 %", "1 %", "12.5 %", "12.55 %", "100 %"]
    );
    assert_eq!((share(100).of(30), share(100).of(0)), (1, 0));
}
