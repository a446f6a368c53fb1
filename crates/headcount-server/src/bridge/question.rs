//! A question to an app, and those that are open.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::oneshot;

use super::cluster::lock;

/// A question to an app: may this connection's browser see stats?
#[derive(Clone, Debug)]
pub(super) struct AppQuestion {
    pub(super) number: u64,
    pub(super) connection_id: String,
    pub(super) headers: Vec<(String, String)>,
}

/// Who waits for an answer, by the number of the question.
#[derive(Debug, Default)]
pub(super) struct Questions(Mutex<HashMap<u64, oneshot::Sender<bool>>>);

impl Questions {
    pub(super) fn open(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<bool>>> {
        lock(&self.0)
    }
}
