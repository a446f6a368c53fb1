//! Servers that share a broker: one log of commands, one identity.

mod away;
mod bridge;
mod clocks;
mod counts;
mod history;
mod identity;
mod live;
mod log;
mod lost;
mod metrics;
pub(crate) mod node;
mod odd;
mod sealed;
mod settings;
mod sign_outs;
mod waves;
// A nats-server for one test.
#[allow(dead_code, reason = "the tests of headcount-nats use all of it")]
#[path = "../../../headcount-nats/tests/it/broker.rs"]
pub(crate) mod broker;
// A way to it that can be cut.
#[allow(dead_code, reason = "the tests of headcount-nats use all of it")]
#[path = "../../../headcount-nats/tests/it/gate.rs"]
mod gate;

/// Runs each case at both brokers: `at_each_broker! { a_case, another }`.
macro_rules! at_each_broker {
    ($($case:ident),+ $(,)?) => {
        mod oldest {
            $(#[test]
            fn $case() {
                super::$case(crate::cluster::broker::Version::Oldest);
            })+
        }
        mod current {
            $(#[test]
            fn $case() {
                super::$case(crate::cluster::broker::Version::Current);
            })+
        }
    };
}
use at_each_broker;
