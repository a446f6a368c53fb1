//! What was measured, and what made it doubtful.

use std::collections::BTreeMap;

use crate::client::command::Transport;
use crate::server::Subject;

/// Repeats that differ by more than this share of their median are reported as noisy.
const SPREAD: f64 = 0.5;

/// Numbers by row, transport and server.
#[derive(Debug, Default)]
pub(crate) struct Results {
    numbers: BTreeMap<(Subject, Option<Transport>, String), f64>,
    /// What the reader of the numbers should know.
    pub(crate) notes: Vec<String>,
}

impl Results {
    pub(crate) fn set(&mut self, subject: Subject, transport: Option<Transport>, row: &str, value: f64) {
        self.numbers.insert((subject, transport, row.to_owned()), value);
    }

    /// Keeps the median of repeats, and notes when they disagree.
    pub(crate) fn median(
        &mut self,
        subject: Subject,
        transport: Option<Transport>,
        row: &str,
        mut values: Vec<f64>,
    ) {
        values.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (values.first(), values.last()) else {
            return;
        };
        let median = values[values.len() / 2];
        if most - least > SPREAD * median {
            let on = transport.map_or_else(String::new, |transport| format!(", {transport}"));
            self.notes.push(format!(
                "noisy: `{row}` ({subject:?}{on}): {least:.3} to {most:.3}, median {median:.3}"
            ));
        }
        self.set(subject, transport, row, median);
    }

    pub(crate) fn get(&self, subject: Subject, transport: Option<Transport>, row: &str) -> Option<f64> {
        self.numbers.get(&(subject, transport, row.to_owned())).copied()
    }
}

/// A count as a number to divide.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of bytes and messages stay far below 2^52"
)]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_kept_and_disagreement_is_noted() {
        let mut results = Results::default();
        results.median(Subject::Baseline, None, "steady", vec![3.0, 2.9, 3.1]);
        assert_eq!(results.get(Subject::Baseline, None, "steady"), Some(3.0));
        assert!(results.notes.is_empty());
        results.median(Subject::Baseline, None, "wild", vec![9.0, 1.0, 3.0]);
        assert_eq!(results.get(Subject::Baseline, None, "wild"), Some(3.0));
        assert_eq!(results.notes.len(), 1);
    }
}
