//! Numbers that nobody can guess, for secrets and names.

use std::io;

use crate::failure::Failure;

/// A random number of the system.
pub(super) fn random() -> Result<u64, Failure> {
    getrandom::u64().map_err(|error| Failure::Runtime(io::Error::other(error.to_string())))
}
