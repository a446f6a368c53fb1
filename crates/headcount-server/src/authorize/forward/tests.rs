//! Against a real HTTP server on a port the system chose.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicUsize;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::*;
use crate::authorize::tests::request;

const NOW: u64 = 1_795_320_200_000;
const CACHE_MS: u32 = 5_000;

/// An app that counts how often it is asked.
#[derive(Clone, Default)]
struct App {
    asked: Arc<AtomicUsize>,
    release: Arc<Notify>,
}

impl App {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Answers by the cookie, at `/`; `/held` waits to be released, and `/never` never answers.
    async fn serve(&self) -> SocketAddr {
        let (app, held) = (self.clone(), self.clone());
        let router = Router::new()
            .route("/", get(async move |headers: HeaderMap| app.answer(&headers)))
            .route("/held", get(move || held.clone().wait()))
            .route("/never", get(std::future::pending::<()>));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, router).into_future());
        address
    }

    fn answer(&self, headers: &HeaderMap) -> impl IntoResponse + use<> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let shown = |name: &str| {
            headers
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
                .to_owned()
        };
        let status = match shown("cookie").as_str() {
            "sid=admin" => StatusCode::NO_CONTENT,
            "sid=visitor" => StatusCode::FORBIDDEN,
            "sid=broken" => StatusCode::INTERNAL_SERVER_ERROR,
            "sid=lost" => StatusCode::NOT_FOUND,
            "sid=login" => StatusCode::FOUND,
            "a=1; b=2" if shown("user-agent") == "Firefox" && shown("accept-language") == "fr" => {
                StatusCode::OK
            }
            "" if shown("authorization") == "Bearer x" && shown("x-forwarded-for") == "203.0.113.7" => {
                StatusCode::OK
            }
            _ => StatusCode::UNAUTHORIZED,
        };
        (status, [(LOCATION, "/?admitted")], "some text".repeat(100))
    }

    async fn wait(self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.release.notified().await;
    }
}

fn forward(address: SocketAddr, path: &str) -> ForwardAuth {
    ForwardAuth::new(&ForwardAuthConfig {
        url: format!("http://{address}{path}"),
        cache_ms: CACHE_MS,
        timeout_ms: 10_000,
    })
    .unwrap()
}

fn admitted(asked_ms: u64) -> Verdict {
    Verdict::Admitted {
        until_ms: asked_ms + ADMISSION_MS_MIN,
    }
}

#[tokio::test]
async fn the_status_is_the_answer() {
    let forward = forward(App::default().serve().await, "/");
    for (cookie, expected) in [
        ("sid=admin", admitted(NOW)),
        ("sid=visitor", Verdict::Refused),
        ("sid=stranger", Verdict::Refused),
        ("sid=login", Verdict::Refused),
        ("sid=broken", Verdict::Unavailable),
        ("sid=lost", Verdict::Unavailable),
    ] {
        let verdict = forward.authorize(&request(&[("cookie", cookie)], NOW)).await;
        assert_eq!(verdict, expected, "{cookie}");
    }
}

#[tokio::test]
async fn the_browsers_own_headers_are_passed_on() {
    let forward = forward(App::default().serve().await, "/");
    let browser = [
        ("user-agent", "Firefox"),
        ("accept-language", "fr"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ];
    assert_eq!(forward.authorize(&request(&browser, NOW)).await, admitted(NOW));
    let mut tool = request(&[("authorization", "Bearer x")], NOW);
    assert_eq!(forward.authorize(&tool).await, Verdict::Refused);
    tool.ip = Some(IpAddr::from([203, 0, 113, 7]));
    assert_eq!(forward.authorize(&tool).await, admitted(NOW));
}

#[tokio::test]
async fn a_stranger_is_refused_unasked() {
    let app = App::default();
    let forward = forward(app.serve().await, "/");
    for cookie in [
        "",
        "headcount_ticket=x",
        "headcount_ticket=x; headcount_browser=y",
    ] {
        let stranger = request(&[("user-agent", "Firefox"), ("cookie", cookie)], NOW);
        assert_eq!(forward.authorize(&stranger).await, Verdict::Refused, "{cookie}");
    }
    assert_eq!(app.asked(), 0);
    let admin = request(&[("cookie", "headcount_ticket=x; sid=admin")], NOW);
    assert_eq!(forward.authorize(&admin).await, admitted(NOW));
}

#[tokio::test]
async fn an_answer_holds_for_the_same_headers_for_a_while() {
    let app = App::default();
    let forward = forward(app.serve().await, "/");
    let end = NOW + u64::from(CACHE_MS);
    let asked_after = async |cookie: &str, now_ms: u64| {
        forward.authorize(&request(&[("cookie", cookie)], now_ms)).await;
        app.asked()
    };
    assert_eq!(asked_after("sid=admin", NOW).await, 1);
    assert_eq!(asked_after("sid=admin", end - 1).await, 1);
    assert_eq!(asked_after("sid=visitor", end - 1).await, 2);
    assert_eq!(asked_after("sid=visitor", end - 1).await, 2);
    assert_eq!(asked_after("sid=admin", end).await, 3);
    assert_eq!(asked_after("sid=broken", end).await, 4);
    assert_eq!(asked_after("sid=broken", end + FAILURE_MS_MAX - 1).await, 4);
    assert_eq!(asked_after("sid=broken", end + FAILURE_MS_MAX).await, 5);
}

#[tokio::test]
async fn a_remembered_answer_does_not_lengthen_the_admission() {
    let forward = forward(App::default().serve().await, "/");
    let admin = |now_ms| request(&[("cookie", "sid=admin")], now_ms);
    assert_eq!(forward.authorize(&admin(NOW)).await, admitted(NOW));
    assert_eq!(forward.authorize(&admin(NOW + 4_000)).await, admitted(NOW));
}

#[tokio::test]
async fn many_tabs_of_one_browser_are_one_question() {
    let app = App::default();
    let forward = forward(app.serve().await, "/held");
    let admin = request(&[("cookie", "sid=admin")], NOW);
    app.release.notify_one();
    let ask = || forward.authorize(&admin);
    let verdicts = tokio::join!(ask(), ask(), ask(), ask());
    let one = admitted(NOW);
    assert_eq!(verdicts, (one, one, one, one));
    assert_eq!(app.asked(), 1);
}

/// Polls once, and finds nothing yet.
async fn begin(future: &mut VerdictFuture<'_>) {
    tokio::select! {
        biased;
        verdict = future => unreachable!("{verdict:?} without a round trip"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn a_question_given_up_is_asked_by_the_next_in_line() {
    let forward = forward(App::default().serve().await, "/");
    let admin = request(&[("cookie", "sid=admin")], NOW);
    let (mut first, mut second) = (forward.authorize(&admin), forward.authorize(&admin));
    begin(&mut first).await;
    begin(&mut second).await;
    drop(first);
    assert_eq!(second.await, admitted(NOW));
}

#[tokio::test]
async fn a_slow_app_could_not_tell() {
    let forward = ForwardAuth::new(&ForwardAuthConfig {
        url: format!("http://{}/never", App::default().serve().await),
        cache_ms: CACHE_MS,
        timeout_ms: 20,
    });
    let admin = request(&[("cookie", "sid=admin")], NOW);
    assert_eq!(forward.unwrap().authorize(&admin).await, Verdict::Unavailable);
}

#[tokio::test]
async fn an_app_that_is_not_there_could_not_tell() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let admin = request(&[("cookie", "sid=admin")], NOW);
    assert_eq!(
        forward(address, "/").authorize(&admin).await,
        Verdict::Unavailable
    );
}

#[tokio::test]
async fn tls_is_spoken_to_an_https_url() {
    // The app speaks plain HTTP, so a client that insists on TLS gets no answer from it.
    let app = App::default();
    let forward = ForwardAuth::new(&ForwardAuthConfig {
        url: format!("https://{}/", app.serve().await),
        cache_ms: CACHE_MS,
        timeout_ms: 10_000,
    });
    let admin = request(&[("cookie", "sid=admin")], NOW);
    assert_eq!(forward.unwrap().authorize(&admin).await, Verdict::Unavailable);
    assert_eq!(app.asked(), 0);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let forward = forward(listener.local_addr().unwrap(), "/");
    let peers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&peers);
    let router = Router::new().route(
        "/",
        get(async move |peer: axum::extract::ConnectInfo<SocketAddr>| {
            seen.lock().unwrap().push(peer.0);
            "a body that has to be read first"
        }),
    );
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, service).into_future());
    for now_ms in [NOW, NOW + 60_000, NOW + 120_000] {
        let verdict = forward
            .authorize(&request(&[("cookie", "sid=admin")], now_ms))
            .await;
        assert_eq!(verdict, admitted(now_ms));
    }
    let peers = peers.lock().unwrap();
    assert_eq!(peers.len(), 3);
    assert!(peers.iter().all(|peer| *peer == peers[0]), "{peers:?}");
}

#[test]
fn the_oldest_question_is_forgotten_first() {
    let forward = forward(SocketAddr::from(([127, 0, 0, 1], 9)), "/");
    let key = |n: usize| key(&[(COOKIE, HeaderValue::from(n))]);
    let first = forward.question(key(0), NOW);
    for n in 1..=QUESTIONS_MAX {
        forward.question(key(n), NOW + n as u64);
    }
    assert_eq!(forward.questions.lock().unwrap().len(), QUESTIONS_MAX);
    let again = forward.question(key(0), NOW);
    assert!(!Arc::ptr_eq(&first, &again));
}

#[test]
fn a_url_that_cannot_be_asked_is_refused() {
    let new = |url: &str| {
        ForwardAuth::new(&ForwardAuthConfig {
            url: url.to_owned(),
            cache_ms: 1,
            timeout_ms: 1,
        })
    };
    assert!(matches!(new("http://a b"), Err(ForwardAuthError::Url { .. })));
    assert!(matches!(
        new("http://ada:pw@app/check"),
        Err(ForwardAuthError::UserInfo)
    ));
    for url in ["/check", "ftp://app/check", "app:3000"] {
        assert!(matches!(new(url), Err(ForwardAuthError::Form(_))), "{url}");
    }
}
