//! The example `examples/embed.rs`, run as it stands: an axum app with our router merged in, on stock `axum::serve`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use headcount_server::{CommandError, Config, Headcount, Invalidation};
use serde_json::{Value, json};
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest;

#[path = "../../examples/embed.rs"]
mod embed;

/// Longer than any answer here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A browser's tab, as far as the server can tell.
struct Tab(WebSocket<TcpStream>);

impl Tab {
    fn open(address: SocketAddr, route: &str, cookie: &str) -> Self {
        let mut request = format!("ws://{address}/__skew/ws?route={route}")
            .into_client_request()
            .unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        Self(tungstenite::client(request, socket(address)).unwrap().0)
    }

    fn send(&mut self, message: &Value) {
        self.0.send(message.to_string().into()).unwrap();
    }

    /// The next message of one of these types. Fails when nothing comes for [`PATIENCE`].
    fn next_of(&mut self, types: &[&str]) -> Value {
        loop {
            if let tungstenite::Message::Text(text) = self.0.read().unwrap() {
                let message: Value = serde_json::from_str(&text).unwrap();
                if types.iter().any(|kind| message["type"] == *kind) {
                    return message;
                }
            }
        }
    }
}

fn socket(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Status and body of a request.
fn fetch(address: SocketAddr, line: &str, cookie: &str) -> (u16, String) {
    let mut socket = socket(address);
    write!(
        socket,
        "{line} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// Runs `visit` against the example's app on a free port.
async fn with_app(visit: impl FnOnce(SocketAddr) + Send + 'static) {
    let headcount = embed::start().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = embed::app(&headcount);
    let served = tokio::spawn(async move { axum::serve(listener, app).await });
    tokio::task::spawn_blocking(move || visit(address)).await.unwrap();
    headcount.shutdown().await;
    served.abort();
}

#[tokio::test]
async fn tabs_are_welcomed_counted_and_reloaded() {
    with_app(|address| {
        let mut home = Tab::open(address, "/", "");
        let mut pay = Tab::open(address, "/checkout/pay", "");
        assert_eq!(home.next_of(&["connected", "welcome"])["version"], "v1");
        let welcome = json!({ "type": "welcome", "text": "you are on /checkout/pay" });
        assert_eq!(pay.next_of(&["welcome"]), welcome);

        let (status, routes) = fetch(address, "GET /admin/tabs", "sid=ada");
        let routes: Value = serde_json::from_str(&routes).unwrap();
        assert_eq!((status, routes), (200, json!({ "/": 1, "/checkout/pay": 1 })));

        let (status, told) = fetch(address, "POST /admin/refresh-checkout", "sid=ada");
        assert_eq!((status, told.as_str()), (200, "tabs told to reload: 1\n"));
        let command = pay.next_of(&["version"]);
        assert_eq!(
            (&command["force"], &command["version"]),
            (&json!(true), &json!("v1"))
        );
    })
    .await;
}

#[tokio::test]
async fn the_apps_own_rule_says_who_sees_stats() {
    with_app(|address| {
        let answers = ["stats", "stats-unauthorized"];
        let mut admin = Tab::open(address, "/", "sid=ada");
        admin.send(&json!({ "type": "subscribe-stats" }));
        assert_eq!(admin.next_of(&answers)["total"], 1);

        let mut visitor = Tab::open(address, "/", "sid=eve");
        visitor.send(&json!({ "type": "subscribe-stats" }));
        assert_eq!(visitor.next_of(&answers)["type"], "stats-unauthorized");
        while admin.next_of(&["stats"])["total"] != 2 {}

        assert_eq!(fetch(address, "GET /admin/tabs", "sid=eve").0, 403);
        assert_eq!(fetch(address, "POST /admin/refresh-checkout", "").0, 403);
    })
    .await;
}

#[tokio::test]
async fn an_invalidation_is_checked_when_it_is_given() {
    let headcount = Headcount::builder(Config::default()).start().await.unwrap();
    let refused = |invalidation| {
        let headcount = headcount.clone();
        async move {
            let dry = headcount.dry_run(invalidation).await.unwrap_err();
            dry.to_string()
        }
    };
    for (invalidation, part) in [
        (Invalidation::exact("checkout"), "/"),
        (Invalidation::regex("("), "the regular expression cannot be read"),
        (Invalidation::glob("checkout"), "begin it with `/` or `*`"),
        (Invalidation::segment("/").versions([""; 1]), "version"),
        (Invalidation::segment("/").versions([""; 0]), "version"),
        (Invalidation::everything().seconds(0), "at least 1 second"),
        (
            Invalidation::everything()
                .seconds(2)
                .spread(Duration::from_secs(3)),
            "at most 2000 milliseconds",
        ),
    ] {
        let sentence = refused(invalidation.clone()).await;
        assert!(sentence.contains(part), "{invalidation:?}: {sentence}");
    }
    let told = headcount
        .invalidate(Invalidation::segment("/checkout").prompt())
        .await
        .unwrap();
    assert_eq!((told.id, told.tabs), (Some(1), 0));
    headcount.shutdown().await;
    let late = headcount.invalidate(Invalidation::everything()).await;
    assert!(
        matches!(late, Err(CommandError::Stopped | CommandError::Draining)),
        "{late:?}"
    );
}
