//! The real binary, as its users run it.
#![expect(
    clippy::unwrap_used,
    reason = "these are tests, and clippy knows only functions marked so"
)]

mod admin_server;
mod command;
mod configuration;
mod exit_codes;
mod help;
mod printing;
