//! What became of an invalidation in one tab.

/// What a tab did about an invalidation that it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It reloads the page now.
    Reloading,
    /// The page is not well, or would come as the build that the tab has: it waits for the new one.
    Waiting,
    /// Something would be lost: it waits.
    Held,
    /// It asked its user.
    Prompted,
    /// It has reloaded for this before, and got the same build again.
    Stuck,
    /// There is nothing to do.
    Current,
}
