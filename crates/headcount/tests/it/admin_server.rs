//! An HTTP server that gives canned answers where the admin API would stand, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::command::{Ended, ended, headcount};

/// One request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Method and target: `GET /api/admin/stats`.
    pub(crate) what: String,
    /// The `Authorization` header, or nothing.
    pub(crate) authorization: String,
    /// The body.
    pub(crate) body: String,
}

/// The server; it ends with the test process.
pub(crate) struct AdminServer {
    /// Where it is.
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Canned = &'static [(&'static str, u16, &'static str)];

impl AdminServer {
    /// Answers the requests named (method and target up to the query) with this status and body; any other with 404.
    pub(crate) fn answering(canned: Canned) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new().fallback(answer).with_state((canned, asked.clone()));
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                send.send(listener.local_addr().unwrap()).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self {
            url: format!("http://{}", receive.recv().unwrap()),
            asked,
        }
    }

    /// Runs a client command against it, with the secret `hunter2`.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        let mut command = headcount(words);
        command
            .env("HEADCOUNT_URL", &self.url)
            .env("HEADCOUNT_ADMIN_SECRET", "hunter2");
        ended(command)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(
    State((canned, asked)): State<(Canned, Arc<Mutex<Vec<Asked>>>)>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let authorization = head
        .headers
        .get("authorization")
        .map_or("", |value| value.to_str().unwrap());
    asked.lock().unwrap().push(Asked {
        what: format!("{} {}", head.method, head.uri),
        authorization: authorization.to_owned(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let what = format!("{} {}", head.method, head.uri.path());
    let (_, status, text) =
        canned
            .iter()
            .find(|(name, ..)| *name == what)
            .unwrap_or(&("", 404, "<h1>no</h1>"));
    Response::builder()
        .status(StatusCode::from_u16(*status).unwrap())
        .body(Body::from(*text))
        .unwrap()
}
