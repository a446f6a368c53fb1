//! What the broker does not allow this server.
//!
//! A broker answers nothing to a request that its permissions forbid; it sends an error beside it. So that is remembered, to be said where an answer is missing.

use std::sync::{Arc, Mutex, PoisonError};

use async_nats::{ClientError, ServerError};

use crate::seldom::Seldom;

/// How the broker begins to say it.
const VIOLATION: &str = "Permissions Violation for ";

/// The last thing that was not allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Denials(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: Option<String>,
    said: Seldom,
    reported: Seldom,
    attempted: Seldom,
}

impl Denials {
    /// Takes in an error that the broker reports, and says it.
    pub(crate) fn note(&self, error: &ServerError) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(denied) = denied(error) else {
            if let Some(unsaid) = state.reported.due() {
                tracing::warn!(%error, unsaid, "the broker reports an error");
            }
            return;
        };
        if state.last.as_deref() != Some(denied) || state.said.due().is_some() {
            tracing::error!(
                denied,
                "the broker does not allow what a node needs: give its user the permissions that the guide names"
            );
        }
        state.last = Some(denied.to_owned());
    }

    /// A connection that was lost could not be made again. It is tried again; why it failed is said once a minute.
    pub(crate) fn note_attempt(&self, error: &ClientError) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unsaid) = state.attempted.due() {
            tracing::warn!(
                %error,
                unsaid,
                "the broker cannot be connected again: look at whether it runs, and at the login if it refuses that"
            );
        }
    }

    /// A new connection may be allowed more.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last = None;
    }

    /// What was not allowed last, such as `Publish to "headcount.shop.bus.all"`.
    pub(crate) fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last.clone()
    }
}

fn denied(error: &ServerError) -> Option<&str> {
    let ServerError::Other(text) = error else {
        return None;
    };
    let (begin, rest) = text.split_at_checked(VIOLATION.len())?;
    begin.eq_ignore_ascii_case(VIOLATION).then_some(rest)
}
