//! Fuzz targets of the server: heads, cookies, addresses, origins and seals. How they work: `crates/headcount-core/src/fuzz/mod.rs`.

mod addresses;
mod cookies;
mod heads;
#[path = "../../../headcount-core/src/fuzz/input.rs"]
mod input;
mod origins;
mod rules;
#[cfg(feature = "sealed-session")]
mod seals;

use http::request::Parts;
use input::{Input, cases};

/// A request head with these headers, as far as HTTP can say them.
fn head(uri: &str, headers: &[(&str, &[u8])]) -> Option<Parts> {
    let mut request = http::Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Some(request.body(()).ok()?.into_parts().0)
}
