//! The demo shop: a few plain pages with the browser client's script tag.
//!
//! Every page is served as the current release: its cookie and its markup have that version, as those of a build.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::visitors::Shop;

const LAYOUT: &str = include_str!("pages/layout.html");
const NOT_FOUND: (&str, &str) = (
    "Not here",
    "<h1>Not here</h1><p><a href=\"/\">Back to the shop</a></p>",
);

/// Path, title and body of each page.
const PAGES: &[(&str, &str, &str)] = &[
    ("/", "Northlight Supply", include_str!("pages/index.html")),
    ("/products", "Products", include_str!("pages/products.html")),
    (
        "/products/1",
        "Trail lantern",
        include_str!("pages/product-1.html"),
    ),
    (
        "/products/2",
        "Wool blanket",
        include_str!("pages/product-2.html"),
    ),
    ("/products/3", "Enamel mug", include_str!("pages/product-3.html")),
    ("/checkout", "Checkout", include_str!("pages/checkout.html")),
    ("/checkout/pay", "Payment", include_str!("pages/pay.html")),
    ("/gallery", "Gallery", include_str!("pages/gallery.html")),
    (
        "/gallery/mountains",
        "Gallery",
        include_str!("pages/gallery.html"),
    ),
    ("/gallery/sea", "Gallery", include_str!("pages/gallery.html")),
    ("/about", "About", include_str!("pages/about.html")),
];

/// The shop's pages and files.
pub(super) fn router(shop: Shop) -> Router {
    Router::new()
        .route(
            "/style.css",
            get(async || asset("text/css; charset=utf-8", include_str!("pages/style.css"))),
        )
        .route(
            "/badge.js",
            get(async || asset("text/javascript; charset=utf-8", include_str!("pages/badge.js"))),
        )
        .route(
            "/art.svg",
            get(async || asset("image/svg+xml", include_str!("pages/art.svg"))),
        )
        .fallback(get(page))
        .with_state(Arc::new(shop))
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text)
}

async fn page(State(shop): State<Arc<Shop>>, uri: Uri) -> Response {
    let found = PAGES.iter().find(|(path, ..)| *path == uri.path());
    let (status, (title, body)) = found.map_or((StatusCode::NOT_FOUND, NOT_FOUND), |&(_, title, body)| {
        (StatusCode::OK, (title, body))
    });
    let release = (shop.release)();
    let value = utf8_percent_encode(&release, NON_ALPHANUMERIC);
    let cookie = format!("{}={value}; Path=/; SameSite=Lax", shop.cookie);
    let text = LAYOUT
        .replace("{{title}}", title)
        .replace("{{version}}", &escaped(&release))
        .replace("{{endpoint}}", &escaped(&shop.base_path))
        .replace("{{board}}", &escaped(&shop.board_path))
        .replace("{{body}}", body);
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CACHE_CONTROL, "no-cache".to_owned()),
        (SET_COOKIE, cookie),
    ];
    (status, headers, text).into_response()
}

/// `text`, escaped for markup and for quoted attributes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    /// Status, cookie and text of a page, through the router as a server would call it.
    async fn fetch(path: &str, release: &'static str) -> (StatusCode, String, String) {
        use hyper::service::Service;
        let shop = Shop::of(
            &["127.0.0.1:1".parse().unwrap()],
            Arc::new(move || release.to_owned()),
        );
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = TowerToHyperService::new(router(shop))
            .call(request)
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let cookie = parts
            .headers
            .get(SET_COOKIE)
            .map_or("", |value| value.to_str().unwrap())
            .to_owned();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, cookie, String::from_utf8(bytes.into()).unwrap())
    }

    #[tokio::test]
    async fn every_page_says_its_release_and_links_only_to_pages_that_exist() {
        for (path, title, _) in PAGES {
            let (status, cookie, text) = fetch(path, "v2").await;
            assert_eq!(status, StatusCode::OK, "{path}");
            assert_eq!(cookie, "__nkpv=v2; Path=/; SameSite=Lax");
            assert!(
                text.contains(title) && text.contains("data-version=\"v2\"") && !text.contains("{{"),
                "{path}"
            );
            for link in text
                .split("href=\"")
                .chain(text.split("src=\""))
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
            {
                // What headcount itself serves is tested where it is.
                let is_of_the_shop =
                    link.starts_with('/') && !link.starts_with("/__skew") && !link.starts_with("/headcount");
                if is_of_the_shop {
                    assert_eq!(
                        fetch(link, "v2").await.0,
                        StatusCode::OK,
                        "{path} links to {link}"
                    );
                }
            }
        }
    }

    #[tokio::test]
    async fn a_release_cannot_break_out_of_the_markup_or_the_cookie() {
        let (_, cookie, text) = fetch("/", "\"><script>;").await;
        assert!(text.contains("data-version=\"&quot;&gt;&lt;script&gt;;\""));
        assert_eq!(cookie, "__nkpv=%22%3E%3Cscript%3E%3B; Path=/; SameSite=Lax");
    }

    #[tokio::test]
    async fn other_paths_are_not_found() {
        assert_eq!(fetch("/nowhere", "v2").await.0, StatusCode::NOT_FOUND);
    }
}
