//! headcount inside an axum app: its endpoints beside those of the app, hooks, and the app's own decision about who may see
//! stats.
//!
//! ```text
//! cargo run -p headcount-server --example embed
//! ```
//!
//! Then open <http://127.0.0.1:3000/> in a few tabs, sign in in one of them, and watch what each is told.

#![expect(clippy::print_stdout, reason = "an example prints to its terminal")]

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Json, Router};
use headcount_server::authorize::closure::closure;
use headcount_server::authorize::{AuthorizeRequest, Reads};
use headcount_server::head::{Head, cookie};
use headcount_server::{CommandError, Config, Headcount, Hooks, Invalidation, StartError};
use serde_json::json;

/// The cookie that signing in sets. Your app has its own sessions.
const SESSION: &str = "sid=ada";

#[cfg(not(test))] // A test runs the rest of this file on another port.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let headcount = start().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    // With the address of each socket, for `ip_tracking` and for limits per address.
    let app = app(&headcount).into_make_service_with_connect_info::<std::net::SocketAddr>();
    let stop = async move {
        let _no_signals = tokio::signal::ctrl_c().await;
        // Tells every tab when to come back and ends its stream, which axum would wait for.
        headcount.shutdown().await;
    };
    println!("open http://127.0.0.1:3000/");
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    Ok(())
}

/// The server: data in its configuration, behaviour in closures.
pub(crate) async fn start() -> Result<Headcount, StartError> {
    let config = Config::default().with(|config| config.release = Some("v1".to_owned()));
    let hooks = Hooks::new()
        .on_open(|opened| {
            let route = opened.route.as_deref().unwrap_or("?");
            let welcome = json!({ "type": "welcome", "text": format!("you are on {route}") });
            let sent = opened.tab.send(&welcome);
            println!("{} opened {route} on {}: {sent:?}", opened.id, opened.version);
        })
        .on_route_update(|moved| println!("{} went to {}", moved.id, moved.route))
        .on_close(|closed| println!("{} closed", closed.id));
    let admins = closure(Reads::cookie("sid"), |request: AuthorizeRequest| async move {
        is_admin(&*request.credentials)
    });
    Headcount::builder(config)
        .hooks(hooks)
        .authorizer(admins)
        .start()
        .await
}

/// The app: its pages, two endpoints for its admins, and all endpoints of headcount.
pub(crate) fn app(headcount: &Headcount) -> Router {
    Router::new()
        .route("/admin/tabs", get(tabs))
        .route("/admin/refresh-checkout", post(refresh_checkout))
        .route("/sign-in", get(sign_in))
        .with_state(headcount.clone())
        .merge(headcount.router())
        .fallback(page)
}

/// How many tabs are on which page, from inside the app.
async fn tabs(_: Admin, State(headcount): State<Headcount>) -> Result<Json<BTreeMap<String, u64>>, Failure> {
    Ok(Json(headcount.stats().await?.routes))
}

/// Reloads every tab on the checkout and below it, whatever its build, and says how many those are.
async fn refresh_checkout(_: Admin, State(headcount): State<Headcount>) -> Result<String, Failure> {
    let rule = Invalidation::segment("/checkout").all();
    let told = headcount.invalidate(rule).await?;
    Ok(format!("tabs told to reload: {}\n", told.tabs))
}

async fn page() -> Html<&'static str> {
    Html(include_str!("embed.html"))
}

async fn sign_in() -> impl IntoResponse {
    let cookie = format!("{SESSION}; Path=/; HttpOnly; SameSite=Lax");
    ([(SET_COOKIE, cookie)], Redirect::to("/"))
}

/// The one rule on who is an admin. headcount reads heads of requests as [`Head`], wherever they come from, so it serves the
/// app's handlers and the authorizer alike.
fn is_admin(head: &dyn Head) -> bool {
    cookie(head, "sid") == Some("ada")
}

/// A request of an admin.
struct Admin;

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        is_admin(parts).then_some(Self).ok_or(StatusCode::FORBIDDEN)
    }
}

/// A command that headcount did not carry out.
struct Failure(CommandError);

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}
