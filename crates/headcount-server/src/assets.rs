//! Files that a server hands out beside its endpoints: the script of the browser client, and the board.
//!
//! The embedder passes them as a value ([`Builder::assets`](crate::Builder::assets)): this library contains no file and
//! needs no Node to be built; the binary embeds the files of the TypeScript packages. They are prepared once, at start:
//! their types, their tags, and the board's page with the paths of this server.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest, Sha256};

use crate::config::Config;

/// The page of the board.
const PAGE: &str = "index.html";
/// The script of the browser client.
pub(crate) const SCRIPT: &str = "client.js";
/// What leads a browser's debugger from that script to its sources.
pub(crate) const SCRIPT_MAP: &str = "client.js.map";
/// The folder of the script's parts.
pub(crate) const PARTS: &str = "client/";
/// For files with a hash of their content in their name: browsers keep them for a year without asking.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Stands in for the page of a board that is not there.
const NO_BOARD: &[u8] = include_bytes!("assets/no-board.html");

/// Files to hand out. Without any, see each field.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Assets {
    /// `client.js`, `client.js.map` and the folder `client` from `dist` of the package `@headcount/client`, served below the base
    /// path. The folder holds the parts that the script loads when it needs them. Without the script its place answers
    /// `404 not-built`.
    pub client: Vec<AssetFile>,
    /// What the package `@headcount/dashboard` was built to, `index.html` among it, served below the board's path. In the page,
    /// `{{base}}`, `{{admin}}` and `{{version}}` are replaced by the paths of the client endpoints and of the admin API and by
    /// the version of this library, fit for the value of an attribute. Without the page its place answers `404` with one that
    /// says how to get the board.
    pub board: Vec<AssetFile>,
}

/// A file to hand out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AssetFile {
    /// Its path below its folder, such as `index.html` or `assets/board-3f2a.js`. Files in `assets/` of the board, and those in
    /// `client/` of the client with a `-` in their name, are named with a hash of their content: browsers keep them for a year
    /// without asking.
    pub path: Cow<'static, str>,
    /// What is in it.
    pub bytes: Bytes,
    /// The same, compressed with gzip, for clients that accept it; `None` if that saves nothing. Not used for `index.html`.
    pub gzip: Option<Bytes>,
}

impl AssetFile {
    /// A file that is sent as it is.
    ///
    /// ```
    /// use headcount_server::{AssetFile, Assets};
    ///
    /// let mut assets = Assets::default();
    /// assets.client.push(AssetFile::new("client.js", "export {}"));
    /// ```
    pub fn new(path: impl Into<Cow<'static, str>>, bytes: impl Into<Bytes>) -> Self {
        Self {
            path: path.into(),
            bytes: bytes.into(),
            gzip: None,
        }
    }

    /// With the same, compressed with gzip.
    ///
    /// ```
    /// use headcount_server::AssetFile;
    ///
    /// # let (script, gzip) = ("export {}", vec![0x1f, 0x8b]);
    /// let file = AssetFile::new("client.js", script).compressed(gzip);
    /// assert!(file.gzip.is_some());
    /// ```
    #[must_use]
    pub fn compressed(mut self, gzip: impl Into<Bytes>) -> Self {
        self.gzip = Some(gzip.into());
        self
    }
}

/// Files as they are served.
#[derive(Debug)]
pub(crate) struct Served {
    client: HashMap<Cow<'static, str>, ServedFile>,
    board: HashMap<Cow<'static, str>, ServedFile>,
    no_board: ServedFile,
}

/// A file as it is served.
#[derive(Clone, Debug)]
pub(crate) struct ServedFile {
    pub(crate) bytes: Bytes,
    pub(crate) gzip: Option<Bytes>,
    pub(crate) content_type: &'static str,
    pub(crate) cache_control: &'static str,
    /// Weak: it names the content, however that is compressed.
    pub(crate) etag: HeaderValue,
}

impl Served {
    pub(crate) fn new(assets: Assets, config: &Config) -> Self {
        let client = assets.client.into_iter();
        let board = assets.board.into_iter().map(|file| {
            if file.path == PAGE {
                AssetFile {
                    bytes: filled_in(&file.bytes, config),
                    gzip: None,
                    ..file
                }
            } else {
                file
            }
        });
        let no_board = AssetFile {
            path: PAGE.into(),
            bytes: Bytes::from_static(NO_BOARD),
            gzip: None,
        };
        Self {
            client: client
                .map(|file| (file.path.clone(), ServedFile::of_client(file)))
                .collect(),
            board: board
                .map(|file| (file.path.clone(), ServedFile::of_board(file)))
                .collect(),
            no_board: ServedFile::new(no_board, "no-store"),
        }
    }

    /// A file of the client.
    pub(crate) fn client(&self, path: &str) -> Option<&ServedFile> {
        self.client.get(path)
    }

    /// A file of the board.
    pub(crate) fn board(&self, path: &str) -> Option<&ServedFile> {
        self.board.get(path)
    }

    /// The page of the board.
    pub(crate) fn page(&self) -> Option<&ServedFile> {
        self.board(PAGE)
    }

    /// The page that is shown if there is no board.
    pub(crate) fn no_board(&self) -> &ServedFile {
        &self.no_board
    }
}

impl ServedFile {
    fn new(file: AssetFile, cache_control: &'static str) -> Self {
        Self {
            content_type: content_type(&file.path),
            cache_control,
            etag: etag(&file.bytes),
            bytes: file.bytes,
            gzip: file.gzip,
        }
    }

    fn of_client(file: AssetFile) -> Self {
        // The refresh has a name that stays: pages of older builds load it.
        let is_hashed = |name: &str| name.contains('-');
        let cache_control = if file.path.strip_prefix(PARTS).is_some_and(is_hashed) {
            FOR_EVER
        } else {
            "public, max-age=300"
        };
        Self::new(file, cache_control)
    }

    fn of_board(file: AssetFile) -> Self {
        let cache_control = if file.path.starts_with("assets/") {
            FOR_EVER
        } else {
            "no-cache"
        };
        Self::new(file, cache_control)
    }
}

/// The first 128 bits of a SHA-256: enough that no two builds share one by chance.
fn etag(bytes: &[u8]) -> HeaderValue {
    let hash = Sha256::digest(bytes);
    let hash = URL_SAFE_NO_PAD.encode(hash.get(..16).unwrap_or(&hash));
    // Digits and letters always make a header.
    HeaderValue::from_str(&format!("W/\"{hash}\"")).unwrap_or(HeaderValue::from_static("W/\"\""))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The board's page for this server.
fn filled_in(page: &[u8], config: &Config) -> Bytes {
    let text = String::from_utf8_lossy(page);
    let values = [
        ("{{base}}", &*config.base_path),
        ("{{admin}}", &*config.admin_path),
        ("{{version}}", env!("CARGO_PKG_VERSION")),
    ];
    let filled = values.iter().fold(text.into_owned(), |text, (name, value)| {
        text.replace(name, &escaped(value))
    });
    filled.into()
}

/// `text`, escaped for the value of an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &'static str, text: &'static str) -> AssetFile {
        AssetFile {
            path: path.into(),
            bytes: Bytes::from_static(text.as_bytes()),
            gzip: None,
        }
    }

    #[test]
    fn the_page_says_where_this_server_is_and_cannot_be_broken_out_of() {
        let config = Config::default().with(|config| {
            config.base_path = "/it's&co/__skew".to_owned();
            config.admin_path = "/{{base}}".to_owned();
        });
        let page = "<meta content=\"{{base}}\" data-admin='{{admin}}' data-version={{version}}>";
        let served = Served::new(
            Assets {
                board: vec![file(PAGE, page), file("assets/a.js", "{{base}}")],
                ..Assets::default()
            },
            &config,
        );
        let expected = format!(
            "<meta content=\"/it&#39;s&amp;co/__skew\" data-admin='/{{{{base}}}}' data-version={}>",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(served.page().unwrap().bytes, expected);
        assert_eq!(
            served.board("assets/a.js").unwrap().bytes,
            "{{base}}",
            "only the page is filled in"
        );
    }

    #[test]
    fn a_tag_names_the_content() {
        let tag = |text| ServedFile::new(file("a.js", text), "").etag;
        assert_eq!(tag("a"), tag("a"));
        assert_ne!(tag("a"), tag("b"));
        assert_eq!(tag("").len(), 26);
    }

    #[test]
    fn browsers_are_told_what_a_file_is() {
        assert_eq!(content_type("assets/a-1.b.css"), "text/css; charset=utf-8");
        assert_eq!(content_type("client.js.map"), "application/json");
        assert_eq!(content_type("LICENCE"), "application/octet-stream");
    }
}
