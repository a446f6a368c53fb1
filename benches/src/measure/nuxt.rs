//! The memory of a tab behind a Nuxt app: the server asks the app who may see stats, and browsers have cookies.
//!
//! The app's bridge is open. No tab asks for stats, as hardly any does. What handshakes showed is kept for a moment, so memory is
//! taken when that is over and the allocator has given it back.

use std::time::Duration;

use headcount_core::limits::Limits;

use super::resting::{REST, memory};
use super::stand::Stand;
use crate::failure::Failure;

/// Within this time an allocator gives back what it does not need: jemalloc takes ten seconds, and its thread may sleep as long before.
const GIVEN_BACK: Duration = Duration::from_secs(25);

pub(super) fn measure(mut stand: Stand<'_>) -> Result<(), Failure> {
    let mut after = REST;
    if stand.subject.has_bridge() {
        after += Duration::from_millis(Limits::default().handshake_credentials_ms.into()) + GIVEN_BACK;
    }
    memory(
        &mut stand,
        ["rest-nuxt-bytes", "rest-nuxt-anonymous-bytes"],
        after,
    )
    .map(drop)
}
