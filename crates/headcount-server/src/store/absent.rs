//! Stands in for the thread that writes a file, in a program that was built without the feature `store` and has no such thread.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::time::Duration;

use super::error::StoreError;
use super::health::Health;

/// No desk.
#[derive(Debug)]
pub(super) struct Desk<Entry>(Infallible, PhantomData<Entry>);

impl<Entry> Desk<Entry> {
    pub(super) fn health(&self) -> &Health {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "as the desk that is there")]
    pub(super) async fn write(&self, _: Entry, _: Duration) -> Result<(), StoreError> {
        match self.0 {}
    }

    pub(super) fn leave(&self, _: Entry) -> bool {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "as the desk that is there")]
    pub(super) async fn release(&self, _: Duration) {
        match self.0 {}
    }
}
