//! What a source gives: a setting, its text, and where it stands.

use super::location::Location;
use super::setting::Setting;

/// One setting that one source gives.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// Which setting.
    pub(super) setting: &'static Setting,
    /// Its text; for a list its items, otherwise exactly one.
    pub(super) texts: Vec<String>,
    /// Where it stands.
    pub(super) place: Location,
}
