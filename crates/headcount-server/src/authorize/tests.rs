use super::anyone::Anyone;
use super::closure::closure;
use super::*;

/// A question of a browser that showed these headers.
pub(crate) fn request(headers: &[(&str, &str)], now_ms: u64) -> AuthorizeRequest {
    AuthorizeRequest {
        connection_id: "c1".to_owned(),
        now_ms,
        ..AuthorizeRequest::new(Credentials::of(headers))
    }
}

fn answering(verdicts: &[Verdict]) -> Authorizers {
    let mut authorizers = Authorizers::default();
    for &verdict in verdicts {
        authorizers.push(Arc::new(closure(
            Reads::nothing(),
            move |_| async move { verdict },
        )));
    }
    authorizers
}

const ADMITTED: Verdict = Verdict::Admitted { until_ms: 100 };

#[tokio::test]
async fn the_first_admission_decides() {
    use Verdict::{Refused, Unavailable};
    let over = Verdict::Admitted { until_ms: 50 };
    for (verdicts, expected) in [
        (&[][..], Refused),
        (&[Refused, ADMITTED], ADMITTED),
        (&[Unavailable, ADMITTED], ADMITTED),
        (&[ADMITTED, Verdict::Admitted { until_ms: 200 }], ADMITTED),
        (&[Refused, Refused], Refused),
        (&[Unavailable, Refused], Unavailable),
        (&[Refused, Unavailable], Unavailable),
        (&[over], Refused),
        (&[over, ADMITTED], ADMITTED),
    ] {
        let verdict = answering(verdicts).authorize(&request(&[], 50)).await;
        assert_eq!(verdict, expected, "{verdicts:?}");
    }
}

#[tokio::test]
async fn an_app_that_does_not_answer_in_time_could_not_tell() {
    let mut authorizers = Authorizers::default();
    authorizers.push(Arc::new(closure(Reads::nothing(), |_| {
        std::future::pending::<bool>()
    })));
    authorizers.push(Arc::new(Anyone));
    let decision = authorizers
        .ask_within(Duration::from_millis(5), &request(&[], 50), None)
        .await;
    assert_eq!(decision, Decision::Unavailable);
    // It does not delay an admission by another one.
    let decision = authorizers.at_once(&request(&[], 50));
    assert!(
        matches!(decision, Some(Decision::Admitted { by: 1, .. })),
        "{decision:?}"
    );
}

#[tokio::test]
async fn only_the_one_that_admitted_lets_an_admission_stand() {
    use Verdict::{Refused, Unavailable};
    for (verdicts, before, expected) in [
        ([Unavailable, Refused], 0, Decision::Unavailable),
        ([Unavailable, Refused], 1, Decision::Refused),
        ([Refused, Unavailable], 0, Decision::Refused),
        ([Refused, Unavailable], 1, Decision::Unavailable),
        (
            [Unavailable, ADMITTED],
            0,
            Decision::Admitted { until_ms: 100, by: 1 },
        ),
        (
            [ADMITTED, ADMITTED],
            1,
            Decision::Admitted { until_ms: 100, by: 1 },
        ),
    ] {
        let decision = answering(&verdicts).ask(&request(&[], 50), Some(before)).await;
        assert_eq!(decision, expected, "{verdicts:?} after {before}");
    }
}

#[tokio::test]
async fn the_one_that_admitted_is_asked_first_and_its_refusal_counts_when_others_hang() {
    let mut authorizers = Authorizers::default();
    authorizers.push(Arc::new(closure(Reads::nothing(), |_| {
        std::future::pending::<bool>()
    })));
    authorizers.push(Arc::new(closure(Reads::nothing(), |_| async { false })));
    let decision = authorizers
        .ask_within(Duration::from_millis(5), &request(&[], 50), Some(1))
        .await;
    assert_eq!(decision, Decision::Refused);
}

#[tokio::test]
async fn nobody_is_shown_a_cookie_that_was_taken_back() {
    let mut authorizers = Authorizers::default();
    let reads = Reads::header("cookie").and(Reads::beside("user-agent"));
    authorizers.push(Arc::new(closure(reads, |request: AuthorizeRequest| async move {
        let mut headers = request.credentials.headers();
        headers.any(|(name, value)| name == "cookie" && value == "theme=dark")
    })));
    let shown = request(&[("cookie", "sid=1; theme=dark"), ("user-agent", "Firefox")], 50);
    assert_eq!(authorizers.authorize(&shown).await, Verdict::Refused);
    authorizers.ended().end("sid=1");
    assert!(matches!(
        authorizers.authorize(&shown).await,
        Verdict::Admitted { .. }
    ));
    authorizers.ended().end("theme=dark");
    assert_eq!(
        authorizers.at_once(&shown),
        Some(Decision::Refused),
        "nothing is left"
    );
}

#[tokio::test]
async fn what_is_configured_is_asked() {
    let none = Authorizers::configured(&Config::default()).unwrap();
    assert!(none.is_empty());
    let anyone = Authorizers::configured(&Config {
        authorize_anyone: true,
        limits: Limits::default().with(|limits| limits.admission_ms = 700),
        ..Config::default()
    });
    let verdict = anyone.unwrap().authorize(&request(&[], 50)).await;
    assert_eq!(verdict, Verdict::Admitted { until_ms: 750 });
}
