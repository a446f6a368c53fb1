//! What the operating system does for us, and what is done where it does not.
//!
//! headcount is made for Linux: `linux` is what runs there. `portable` does without, so that the code builds and its tests pass on other Unix systems.
//! `--cfg headcount_portable` in `RUSTFLAGS` takes it on Linux as well; `cargo xtask test` runs the tests of this crate so.

#[cfg(all(target_os = "linux", not(headcount_portable)))]
mod linux;
#[cfg(not(all(target_os = "linux", not(headcount_portable))))]
mod portable;

#[cfg(all(target_os = "linux", not(headcount_portable)))]
pub(crate) use linux::{SPREADS_CONNECTIONS, bound, open_descriptors};
#[cfg(not(all(target_os = "linux", not(headcount_portable))))]
pub(crate) use portable::{SPREADS_CONNECTIONS, bound, open_descriptors};
