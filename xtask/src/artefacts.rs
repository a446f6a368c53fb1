//! What `cargo xtask dist` makes: one file an artefact, each a function of what is staged.

pub(crate) mod bill;
pub(crate) mod chart;
pub(crate) mod debian;
pub(crate) mod image;
pub(crate) mod licences;
pub(crate) mod npm;
pub(crate) mod staged;
pub(crate) mod sums;
pub(crate) mod tarball;
mod tool;
