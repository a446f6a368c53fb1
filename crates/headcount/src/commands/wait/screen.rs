//! What is printed when: a line that is kept up to date on a terminal, a line a minute elsewhere, an object a change as JSON.

use headcount_core::rollout::End;

use super::progress::Progress;
use crate::failure::Failure;
use crate::output;

/// The time between two lines where nobody watches.
const EVERY_MS: u64 = 60_000;

/// How it is printed, and what was.
#[derive(Debug)]
pub(super) struct Screen {
    form: Form,
    /// What was shown last, and when.
    last: Option<(Progress, u64)>,
    /// Characters on the line that is kept up to date.
    width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Terminal,
    Lines,
}

impl Screen {
    pub(super) fn new(is_json: bool) -> Self {
        let form = match (is_json, output::is_terminal()) {
            (true, _) => Form::Json,
            (false, true) => Form::Terminal,
            (false, false) => Form::Lines,
        };
        Self {
            form,
            last: None,
            width: 0,
        }
    }

    /// Shows what is known, if it is time to.
    pub(super) fn show(&mut self, progress: &Progress, now_ms: u64) -> Result<(), Failure> {
        let is_due = match (&self.last, self.form) {
            (None, _) | (_, Form::Terminal) => true,
            (Some((last, _)), Form::Json) => !progress.is_as(last),
            (Some((last, at_ms)), Form::Lines) => {
                now_ms.saturating_sub(*at_ms) >= EVERY_MS || progress.hold != last.hold
            }
        };
        if !is_due {
            return Ok(());
        }
        self.last = Some((progress.clone(), now_ms));
        match self.form {
            Form::Json => output::json(&progress.json(None).to_string()),
            Form::Lines => output::data(&progress.line()),
            Form::Terminal => {
                let line = progress.line();
                let before = std::mem::replace(&mut self.width, line.chars().count());
                output::again(&line, before)
            }
        }
    }

    /// Shows the end. The text of one that is an error is left to who reports errors, but for JSON.
    pub(super) fn end(&mut self, progress: &Progress, end: End, text: &str) -> Result<(), Failure> {
        self.close()?;
        match (self.form, end) {
            (Form::Json, _) => output::json(&progress.json(Some((end, text))).to_string()),
            (_, End::Reached) => output::data(text),
            _ => Ok(()),
        }
    }

    /// Ends the line that was kept up to date.
    pub(super) fn close(&mut self) -> Result<(), Failure> {
        match std::mem::take(&mut self.width) {
            0 => Ok(()),
            _ => output::data("\n"),
        }
    }
}
