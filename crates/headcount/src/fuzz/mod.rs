//! Fuzz targets of the binary. How they work: `crates/headcount-core/src/fuzz/mod.rs`.

#[path = "../../../headcount-core/src/fuzz/input.rs"]
#[expect(
    dead_code,
    reason = "shared by the targets of three crates, and each uses some of it"
)]
mod input;
mod settings;

use input::{Input, cases};
