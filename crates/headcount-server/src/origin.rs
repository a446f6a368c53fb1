//! Which web origins may talk to us from a browser.

/// Whether `text` is an origin: scheme, host and optional port, nothing behind.
pub fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, host)| {
        matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '?', '#', '@', ' '])
    })
}
