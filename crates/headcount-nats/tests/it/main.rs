//! The log and the bus at real brokers: the oldest that is supported, and a current one.
//!
//! Each test starts its own broker, on a port that is free, with its own store.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests, and clippy knows only functions marked so"
)]

mod broker;
mod bus;
mod faults;
mod gate;
mod lost;
mod node;
mod order;
mod permissions;
mod purged;
mod refusals;
mod sealed;
mod tls;
mod trio;

/// Runs each case at both brokers: `at_each_broker! { a_case, another }`.
macro_rules! at_each_broker {
    ($($case:ident),+ $(,)?) => {
        mod oldest {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(crate::broker::Version::Oldest).await;
            })+
        }
        mod current {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(crate::broker::Version::Current).await;
            })+
        }
    };
}
pub(crate) use at_each_broker;
