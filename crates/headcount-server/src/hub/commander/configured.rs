//! What became of the release that the configuration names.

/// The outcome for the release in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Configured {
    /// It was new, and is current now.
    Announced,
    /// It is current already.
    Current,
    /// It was announced before, or given at the last start; another one is current and stays so.
    Known,
    /// The log that servers share cannot be reached: it is decided when it can be.
    Later,
}

impl Configured {
    /// Says in the log what became of this release.
    pub(crate) fn say(self, release: &str, current: &str) {
        match self {
            Self::Announced => tracing::info!("{release}, the configured release, is new and was announced"),
            Self::Current => tracing::info!("{release}, the configured release, is current"),
            Self::Known => tracing::warn!(
                "{current} stays current: {release}, the configured release, was announced before. To go back to it, announce it: \
                 `headcount release {release}`"
            ),
            Self::Later => tracing::warn!(
                "{release}, the configured release, is announced as soon as the broker answers, if it is new then"
            ),
        }
    }
}
