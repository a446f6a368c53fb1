//! One file a command. Each asks the server, and says what happened; two describe this program to a shell and to `man`.
//!
//! What is printed is made by a pure function of the server's answer, which is what the tests look at.

pub(crate) mod completions;
pub(crate) mod connections;
pub(crate) mod invalidate;
pub(crate) mod invalidations;
pub(crate) mod man_pages;
pub(crate) mod release;
pub(crate) mod serve;
pub(crate) mod stats;
