//! The browser client and the board, as far as they were built when this binary was (`build.rs` writes the two lists).

use headcount_server::{AssetFile, Assets};

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// All of them.
pub(crate) fn embedded() -> Assets {
    let mut assets = Assets::default();
    assets.client = client();
    assets.board = board();
    assets
}

/// Whether the board is among them.
pub(crate) fn has_board() -> bool {
    board().iter().any(|file| file.path == "index.html")
}
