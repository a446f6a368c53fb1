//! Numbers in the order in which they were measured, and tables of them.

use std::fmt::Write as _;

use serde::Serialize;

use crate::figure::figure;

/// What was measured at one site, or comes out for one size.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures(pub(super) Vec<(String, f64)>);

impl Figures {
    pub(super) fn set(&mut self, measure: impl Into<String>, value: f64) {
        self.0.push((measure.into(), value));
    }

    fn get(&self, measure: &str) -> Option<f64> {
        let found = self.0.iter().find(|(name, _)| name == measure);
        found.map(|(_, value)| *value)
    }
}

/// Numbers side by side.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    title: String,
    columns: Vec<String>,
    /// Which column is divided by which one in the last cell of a row.
    ratio: (usize, usize),
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Table {
    /// Of these columns, of which the first has the baseline and the last is compared with it. The rows are in the order of the last one.
    pub(super) fn new(title: &str, columns: &[(&str, Figures)]) -> Self {
        let mut rows: Vec<(String, Vec<Option<f64>>)> = Vec::new();
        let names = columns.iter().rev().flat_map(|(_, figures)| &figures.0);
        for (name, _) in names {
            if !rows.iter().any(|(known, _)| known == name) {
                let values = columns.iter().map(|(_, figures)| figures.get(name));
                rows.push((name.clone(), values.collect()));
            }
        }
        Self {
            title: title.to_owned(),
            columns: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            ratio: (columns.len().saturating_sub(1), 0),
            rows,
        }
    }

    /// The baseline is in another column.
    pub(super) fn beside(mut self, column: usize) -> Self {
        self.ratio.1 = column;
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn markdown(&self) -> String {
        let (more, less) = (&self.columns[self.ratio.0], &self.columns[self.ratio.1]);
        let columns = self.columns.join(" | ");
        let mut text = format!("| {} | {columns} | {more} ÷ {less} |\n|---|", self.title);
        text += &"--:|".repeat(self.columns.len() + 1);
        for (measure, values) in &self.rows {
            let _infallible = write!(text, "\n| {measure} |");
            for value in values {
                let _infallible = write!(text, " {} |", cell(*value));
            }
            let (more, less) = (values[self.ratio.0], values[self.ratio.1]);
            let ratio = more.zip(less).filter(|(_, less)| *less > 0.0);
            let ratio = ratio.map_or_else(
                || "–".to_owned(),
                |(more, less)| format!("{}×", figure(more / less)),
            );
            let _infallible = write!(text, " {ratio} |");
        }
        text.push('\n');
        text
    }
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_what_each_site_had_and_the_ratio() {
        let (mut alone, mut six) = (Figures::default(), Figures::default());
        alone.set("bytes a tab", 120.0);
        six.set("bytes a tab", 180.0);
        six.set("messages a second", 30.0);
        let table = Table::new("At rest", &[("alone", alone), ("6 nodes", six)]);
        assert_eq!(
            table.markdown(),
            "| At rest | alone | 6 nodes | 6 nodes ÷ alone |\n|---|--:|--:|--:|\n\
             | bytes a tab | 120 | 180 | 1.50× |\n| messages a second | – | 30.0 | – |\n"
        );
    }
}
