//! One file a command. Each asks the server, and says what happened; two describe this program to a shell and to `man`.
//!
//! What is printed is made by a pure function of the server's answer, which is what the tests look at.

use crate::failure::Failure;

pub(crate) mod completions;
pub(crate) mod connections;
pub(crate) mod invalidate;
pub(crate) mod invalidations;
pub(crate) mod man_pages;
pub(crate) mod nodes;
pub(crate) mod release;
pub(crate) mod serve;
pub(crate) mod stats;
pub(crate) mod wait;
pub(crate) mod waves;

/// Errors with what was probably meant, if `text` is not a route.
fn check_route(text: &str) -> Result<(), Failure> {
    if text.starts_with('/') {
        return Ok(());
    }
    Err(Failure::Usage(if text.is_empty() {
        "the route is empty: write one such as `/checkout`, or `/` for the whole site".to_owned()
    } else {
        let path = path_of(text).split(['?', '#']).next().unwrap_or_default();
        format!("a route begins with `/`: did you mean `/{path}`?")
    }))
}

/// As [`check_route`], for a glob.
fn check_glob(text: &str) -> Result<(), Failure> {
    if text.is_empty() || text.starts_with(['/', '*']) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "a glob begins with `/` or `*`: did you mean `/{}`?",
        path_of(text)
    )))
}

/// What stands behind the first slash of a URL's path; all of it where it is no URL.
fn path_of(text: &str) -> &str {
    match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => text,
    }
}
