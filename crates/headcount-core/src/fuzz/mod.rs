//! Fuzz targets: check untrusted input against the invariants that hold for any input.
//!
//! One file is one target with one test. The test takes bytes, makes its case from them ([`Input`]) and asserts properties;
//! not to panic is the least of them. `cargo test` runs each target a fixed number of times with random bytes. A failure prints
//! its seed: repeat it with `BOLERO_RANDOM_SEED=<seed> cargo test -p headcount-core fuzz::<target>`. `cargo xtask fuzz [target]
//! --seconds N` runs libFuzzer, which is guided by the branches that an input reaches, and leaves what fails in
//! `__fuzz__/<target>/crashes/`. Every run of the tests begins with the files there, so commit the file with the fix.

mod bodies;
mod entries;
mod events;
mod frames;
mod identifiers;
mod input;
mod messages;
mod nodes;
mod patterns;
mod resumes;
mod routes;
mod sessions;

use input::{Input, cases};
