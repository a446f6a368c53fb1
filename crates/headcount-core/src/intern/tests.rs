use super::*;

fn names(max: u32) -> Names {
    Names::new(max, 4_096)
}

fn acquire(names: &mut Names, text: &str) -> (u32, bool) {
    names.acquire(text, |text| text.starts_with("release"))
}

fn report(names: &mut Names) -> Vec<(String, u32)> {
    let mut changes = Vec::new();
    names.report(|text, count| changes.push((text.to_string(), count)));
    changes.sort();
    changes
}

#[test]
fn what_does_not_fit_counts_under_other_and_is_still_known() {
    let mut names = names(2);
    let (a, _) = acquire(&mut names, "a");
    acquire(&mut names, "b");
    let (c, new) = acquire(&mut names, "c");
    assert!(new && names.known(c) == Some("c") && names.counted(c) == OTHER);
    assert_eq!(
        report(&mut names),
        [("(other)".into(), 1), ("a".into(), 1), ("b".into(), 1)]
    );
    assert_eq!(names.release(a).shown, Some(c), "its turn has come");
    assert_eq!(
        report(&mut names),
        [("(other)".into(), 0), ("a".into(), 0), ("c".into(), 1)]
    );
}

#[test]
fn what_has_waited_longest_is_shown_first() {
    let mut names = names(1);
    let (shown, _) = acquire(&mut names, "shown");
    let waiting: Vec<u32> = ["a", "b", "c"]
        .iter()
        .map(|text| acquire(&mut names, text).0)
        .collect();
    acquire(&mut names, "b");
    assert_eq!(names.release(waiting[0]).shown, None);
    assert_eq!(names.release(shown).shown, Some(waiting[1]));
    assert_eq!(report(&mut names), [("(other)".into(), 1), ("b".into(), 2)]);
}

#[test]
fn what_waits_is_bounded_in_bytes() {
    let mut names = names(1);
    acquire(&mut names, "shown");
    let fit = 4_096 / waiting_cost("1000");
    let ids: Vec<u32> = (1_000..1_100)
        .map(|text| acquire(&mut names, &text.to_string()).0)
        .collect();
    assert!(ids[..fit].iter().all(|id| *id != OTHER) && ids[fit..].iter().all(|id| *id == OTHER));
    assert_eq!(report(&mut names), [("(other)".into(), 100), ("shown".into(), 1)]);
    for id in &ids[fit..] {
        names.release(*id);
    }
    names.release(ids[0]);
    assert_ne!(
        acquire(&mut names, "again").0,
        OTHER,
        "what has gone leaves its bytes"
    );
}

#[test]
fn a_reserved_name_always_has_a_place() {
    let mut names = names(1);
    let (first, _) = acquire(&mut names, "a");
    let (second, _) = acquire(&mut names, "b");
    let (release, _) = acquire(&mut names, "release-1");
    assert_eq!(names.counted(release), release);
    // A build that is announced while its tabs wait, and one that the log forgets.
    assert_eq!(names.reserve(|text| text == "b"), [second]);
    assert_eq!(
        report(&mut names),
        [("a".into(), 1), ("b".into(), 1), ("release-1".into(), 1)]
    );
    let (third, _) = acquire(&mut names, "c");
    names.release(first);
    assert_eq!(
        names.counted(third),
        OTHER,
        "the forgotten one still has the only place"
    );
    assert_eq!(names.release(release).shown, Some(third));
}

#[test]
fn a_name_that_came_and_went_unreported_leaves_nothing() {
    let mut names = names(4);
    for round in 0..1_000 {
        let (id, new) = acquire(&mut names, &format!("/{round}"));
        assert!(new);
        assert!(names.release(id).gone.is_some());
    }
    assert!(names.changed.len() < 100 && names.by_id.len() < 4 && names.zeros.is_empty());
    assert_eq!(report(&mut names), []);
}

/// Regression: names that were reported to a watcher kept their places when it left.
#[test]
fn a_name_that_has_gone_gives_its_place_away_at_once_and_its_zero_is_still_reported() {
    let mut names = names(2);
    let reported: Vec<u32> = ["/a", "/b"]
        .iter()
        .map(|text| acquire(&mut names, text).0)
        .collect();
    report(&mut names);
    for id in reported {
        assert!(names.release(id).gone.is_some());
    }
    for text in ["/c", "/d"] {
        let (id, _) = acquire(&mut names, text);
        assert_eq!(names.counted(id), id);
    }
    assert_eq!(
        report(&mut names),
        [
            ("/a".into(), 0),
            ("/b".into(), 0),
            ("/c".into(), 1),
            ("/d".into(), 1)
        ]
    );
    assert!(!names.has_changes());
}

#[test]
fn a_name_that_has_gone_and_is_back_is_reported_as_it_is() {
    let mut names = names(1);
    let (id, _) = acquire(&mut names, "/a");
    report(&mut names);
    names.release(id);
    let (id, _) = acquire(&mut names, "/a");
    assert_eq!(report(&mut names), [("/a".into(), 1)]);
    // It comes back while another has its place, and is shown before anything is reported.
    names.release(id);
    let (other, _) = acquire(&mut names, "/b");
    let (waits, _) = acquire(&mut names, "/a");
    assert_eq!(names.counted(waits), OTHER);
    names.release(other);
    assert_eq!(report(&mut names), [("/a".into(), 1)]);
    names.release(waits);
    assert_eq!(report(&mut names), [("/a".into(), 0)]);
}

#[test]
fn keys_of_javascript_objects_are_ordinary() {
    let mut names = names(8);
    for text in ["constructor", "__proto__", "hasOwnProperty", ""] {
        assert!(acquire(&mut names, text).1);
    }
    assert_eq!(report(&mut names).len(), 4);
}
