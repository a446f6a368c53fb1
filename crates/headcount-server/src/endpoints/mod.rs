//! Every URL we own, in one table.

mod admin;
mod body;
#[cfg(feature = "bridge")]
mod bridge;
mod files;
pub(crate) mod guard;
mod health;
mod messages;
#[cfg(feature = "openapi")]
pub mod openapi;
mod principal;
mod query;
mod rules;
mod stream;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response, map_response_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderValue, Method, StatusCode};

use crate::error::Refusal;
use crate::headcount::Headcount;
use crate::metrics::Count;
use crate::origin::RequestOrigin;

impl Headcount {
    /// Every endpoint, for any axum app: `app.merge(headcount.router())`. Serve the app with
    /// `into_make_service_with_connect_info::<SocketAddr>()` if client addresses matter. With
    /// [`admin_apart`](crate::Config::admin_apart) it has neither the admin API nor the board.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use axum::body::Body;
    /// use axum::http::Request;
    /// use headcount_server::{Config, Headcount};
    /// use tower_service::Service as _;
    ///
    /// let headcount = Headcount::builder(Config::default()).start().await?;
    /// let page = axum::routing::get(|| async { "a page of the app" });
    /// let mut app = axum::Router::new().route("/", page).merge(headcount.router());
    /// for path in ["/", "/__skew/health", "/readyz"] {
    ///     let request = Request::get(path).body(Body::empty())?;
    ///     assert_eq!(app.call(request).await?.status(), 200, "{path}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn router(&self) -> Router {
        let router = self.client_router().merge(self.operations_router());
        if self.site().config.admin_apart {
            router
        } else {
            router.merge(self.admin_router()).merge(self.board_router())
        }
    }

    /// The endpoints that browsers speak to, below the base path, alone: for apps that keep the rest elsewhere.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use axum::body::Body;
    /// use axum::http::Request;
    /// use headcount_server::{Config, Headcount};
    /// use tower_service::Service as _;
    ///
    /// let headcount = Headcount::builder(Config::default()).start().await?;
    /// let mut router = headcount.client_router();
    /// for (path, status) in [("/__skew/health", 200), ("/readyz", 404)] {
    ///     let request = Request::get(path).body(Body::empty())?;
    ///     assert_eq!(router.call(request).await?.status(), status, "{path}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn client_router(&self) -> Router {
        let base = &self.site().config.base_path;
        Router::new()
            .route(
                &format!("{base}/sse"),
                get(stream::sse).head(guard::only_get).fallback(guard::only_get),
            )
            .route(
                &format!("{base}/ws"),
                get(stream::websocket)
                    .head(guard::only_get)
                    .fallback(guard::only_get),
            )
            .route(&format!("{base}/route"), post(messages::route))
            .route(
                &format!("{base}/subscribe-stats"),
                post(messages::subscribe_stats),
            )
            .route(&format!("{base}/message"), post(messages::message))
            .route(&format!("{base}/health"), get(health::client))
            .method_not_allowed_fallback(guard::no_method)
            .layer(from_fn_with_state(self.clone(), guard_origin))
            .layer(map_response_with_state(self.clone(), count_refused_bodies))
            // Beyond the guard: pages of any origin may load the script. What it then asks of us is guarded.
            .route(&format!("{base}/client.js"), get(files::script))
            .route(&format!("{base}/client.js.map"), get(files::script_map))
            .route(&format!("{base}/client/{{*file}}"), get(files::script_part))
            .method_not_allowed_fallback(guard::no_method)
            .layer(from_fn_with_state(self.clone(), guard::host))
            .with_state(self.clone())
    }

    /// The board, below [`board_path`](crate::Config::board_path), alone; empty without that or without
    /// [`assets`](crate::Builder::assets). Its page uses [`Headcount::admin_router`] and [`Headcount::client_router`]
    /// at its own origin, so serve those beside it.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use axum::body::Body;
    /// use axum::http::Request;
    /// use headcount_server::{AssetFile, Assets, Config, Headcount};
    /// use tower_service::Service as _;
    ///
    /// let mut assets = Assets::default();
    /// assets.board.push(AssetFile::new("index.html", "<h1>The board</h1>"));
    /// let headcount = Headcount::builder(Config::default()).assets(assets).start().await?;
    /// let request = Request::get("/headcount/").body(Body::empty())?;
    /// assert_eq!(headcount.board_router().call(request).await?.status(), 200);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn board_router(&self) -> Router {
        let (Some(path), Some(_)) = (&self.site().config.board_path, self.assets()) else {
            return Router::new();
        };
        Router::new()
            .route(path, get(files::to_board))
            .route(&format!("{path}/"), get(files::board))
            .route(&format!("{path}/{{*file}}"), get(files::board_file))
            .method_not_allowed_fallback(guard::no_method)
            .layer(from_fn_with_state(self.clone(), guard::host))
            .layer(map_response(files::guarded))
            .with_state(self.clone())
    }

    /// The admin API, below the admin path, alone.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use axum::body::Body;
    /// use axum::http::Request;
    /// use headcount_server::{Config, Headcount, Secret};
    /// use tower_service::Service as _;
    ///
    /// let config = Config::default().with(|config| {
    ///     config.admin_secret = Some(Secret::new("correct horse battery staple"));
    /// });
    /// let headcount = Headcount::builder(config).start().await?;
    /// let request = Request::get("/api/admin/stats")
    ///     .header("authorization", "Bearer correct horse battery staple")
    ///     .body(Body::empty())?;
    /// assert_eq!(headcount.admin_router().call(request).await?.status(), 200);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn admin_router(&self) -> Router {
        let base = &self.site().config.admin_path;
        let router = Router::new();
        #[cfg(feature = "bridge")]
        let router = router
            .route(
                &format!("{base}/bridge"),
                get(bridge::lines).head(guard::only_get).fallback(guard::only_get),
            )
            .route(&format!("{base}/bridge/messages"), post(bridge::messages))
            .route(&format!("{base}/bridge/answers"), post(bridge::answers))
            .route(&format!("{base}/bridge/ended"), post(bridge::ended));
        router
            .route(&format!("{base}/stats"), get(admin::stats))
            .route(&format!("{base}/pages"), get(admin::pages))
            .route(&format!("{base}/adoption"), get(admin::adoption))
            .route(&format!("{base}/nodes"), get(admin::nodes))
            .route(&format!("{base}/refusals"), get(admin::refusals))
            .route(&format!("{base}/history"), get(admin::history))
            .route(&format!("{base}/connections"), get(admin::connections))
            .route(
                &format!("{base}/releases"),
                get(admin::releases).post(admin::announce),
            )
            .route(
                &format!("{base}/invalidations"),
                get(rules::rules)
                    .post(rules::invalidate)
                    .delete(rules::lift_by_query),
            )
            .route(
                &format!("{base}/invalidations/{{id}}"),
                delete(rules::lift).patch(rules::change),
            )
            .route(&format!("{base}/invalidate-route"), post(rules::invalidate_route))
            .route(
                &format!("{base}/session"),
                post(principal::sign_in).delete(principal::sign_out),
            )
            .method_not_allowed_fallback(guard::no_method)
            .layer(map_response_with_state(self.clone(), count_refused_bodies))
            .layer(from_fn_with_state(self.clone(), guard::host))
            .layer(map_response(guard::not_stored))
            .with_state(self.clone())
    }

    /// What load balancers and scrapers ask, alone: `/healthz`, `/readyz` and, with the feature `metrics`, `/metrics`.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use axum::body::Body;
    /// use axum::http::Request;
    /// use headcount_server::{Config, Headcount};
    /// use tower_service::Service as _;
    ///
    /// let headcount = Headcount::builder(Config::default()).start().await?;
    /// let request = Request::get("/readyz").body(Body::empty())?;
    /// assert_eq!(headcount.operations_router().call(request).await?.status(), 200);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn operations_router(&self) -> Router {
        let router = Router::new()
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready));
        #[cfg(feature = "metrics")]
        let router = router.route("/metrics", get(health::metrics));
        router
            .method_not_allowed_fallback(guard::no_method)
            .layer(from_fn_with_state(self.clone(), guard::host))
            .with_state(self.clone())
    }
}

impl Headcount {
    /// The site of a server that serves only its own endpoints: any other path is answered `404`, with a body as all our
    /// errors have. For [`Headcount::serve`].
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use axum::body::Body;
    /// use axum::http::Request;
    /// use headcount_server::Headcount;
    /// use tower_service::Service as _;
    ///
    /// let request = Request::get("/any/page").body(Body::empty())?;
    /// assert_eq!(Headcount::no_site().call(request).await?.status(), 404);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn no_site() -> Router {
        Router::new().fallback(async || Refusal::no_such_endpoint())
    }

    /// The router for the server's own sockets, with the checks that only those need.
    pub(crate) fn behind_own_door(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), guard::own_door))
    }
}

/// Counts bodies that were too long or too slow.
async fn count_refused_bodies(State(headcount): State<Headcount>, response: Response) -> Response {
    match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => headcount.count(Count::RefusedLongBody),
        StatusCode::REQUEST_TIMEOUT => headcount.count(Count::RefusedSlowBody),
        _ => {}
    }
    response
}

/// Turns away pages of foreign origins, and tells browsers that pages of allowed ones may read the answer.
async fn guard_origin(State(headcount): State<Headcount>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let allowed = match headcount.site().origins.classify(&parts) {
        RequestOrigin::Foreign => {
            return headcount.refuse_origin(&parts).into_response();
        }
        RequestOrigin::Allowed(_) => parts.headers.get(ORIGIN).cloned(),
        RequestOrigin::NotABrowser | RequestOrigin::SameOrigin => None,
    };
    let Some(origin) = allowed else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let mut response = if parts.method == Method::OPTIONS {
        preflight()
    } else {
        next.run(Request::from_parts(parts, body)).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(VARY, HeaderValue::from_static("origin"));
    response
}

fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST"),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("content-type, last-event-id"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
