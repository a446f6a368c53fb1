//! Why a run cannot go on.

use std::io;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot {what}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("{who} answered {answer}")]
    Refused { who: String, answer: String },
    #[error("{who} ended{}", said(.last_words))]
    Ended { who: String, last_words: String },
}

fn said(last_words: &str) -> String {
    if last_words.is_empty() {
        String::new()
    } else {
        format!("; its last words were: {last_words}")
    }
}

impl Failure {
    /// Turns an I/O error into a failure to do `what`.
    pub(crate) fn to(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
