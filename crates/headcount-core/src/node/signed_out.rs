//! What a node knows of sign-outs, and of what others know.

use super::readings::Readings;
use super::sign_outs::Remembered;
use super::untold::Untold;

#[derive(Debug, Default)]
pub(super) struct SignedOut {
    pub(super) remembered: Remembered,
    pub(super) untold: Untold,
    pub(super) readings: Readings,
}
