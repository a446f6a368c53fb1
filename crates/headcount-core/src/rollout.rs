//! A rollout as its tabs live it: whether enough of them run a release, and when they will.
//!
//! A [`Gate`] is told how many tabs run the release, again and again, and says when it ends and how. A [`Forecast`] says how long that may
//! take, from how tabs left earlier releases ([`Curve`]) and from how they leave now ([`Departures`]). A forecast never decides anything.
//!
//! Invariants: numbers that are not of the whole cluster, or of a server whose tabs are still coming back, never open a gate. A forecast is
//! made only of what was seen; where that is too little it says so.
//!
//! Deliberately absent: clocks, requests and words. Times are arguments.

mod curve;
mod departures;
mod forecast;
mod gate;
#[cfg(test)]
mod tests;

pub use curve::Curve;
pub use departures::Departures;
pub use forecast::{Estimate, Forecast};
pub use gate::{AtLeast, End, Gate, GateState, Goal, Hold, Observation};
