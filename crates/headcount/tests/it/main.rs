//! The real binary, as its users run it.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests, and clippy knows only functions marked so"
)]

mod admin_listener;
mod admin_server;
mod board;
// A nats-server for one test.
#[allow(dead_code, reason = "the tests of headcount-nats use all of it")]
#[path = "../../../headcount-nats/tests/it/broker.rs"]
mod broker;
// One set of blunt clients for the library's tests and the binary's.
#[path = "../../../headcount-server/tests/it/client/mod.rs"]
mod client;
mod cluster;
mod command;
mod configuration;
mod descriptors;
mod durability;
mod exit_codes;
#[cfg(debug_assertions)]
mod faults;
mod faults_by_root;
#[path = "../../../headcount-server/tests/it/front.rs"]
mod front;
mod gate;
mod half_open;
mod help;
mod hostile;
mod logs;
mod memory;
mod nodes;
mod printing;
mod process;
mod scenarios;
mod secrets;
