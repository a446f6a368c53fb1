//! Short aligned tables.
//!
//! Cells contain texts from visitors (routes, versions), so terminal control characters are shown escaped.

use std::fmt::Write;

pub(crate) use crate::escape::plain;

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table under construction. Columns keep their width over several [`Table::take`]s, so that a listing that comes in
/// pages stays aligned as far as it can be known.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(Align, usize)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[(&str, Align)]) -> Self {
        let mut table = Self {
            columns: headings.iter().map(|&(_, align)| (align, 0)).collect(),
            rows: Vec::new(),
        };
        table.row(headings.iter().map(|(heading, _)| *heading));
        table
    }

    /// Adds a row.
    pub(crate) fn row<Cell: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let row: Vec<String> = cells.into_iter().map(|cell| plain(cell.as_ref())).collect();
        for ((_, width), cell) in self.columns.iter_mut().zip(&row) {
            *width = (*width).max(cell.chars().count());
        }
        self.rows.push(row);
    }

    /// The rows so far as text, a line each; the table is then empty, and its columns as wide as they were.
    pub(crate) fn take(&mut self) -> String {
        let mut text = String::new();
        for row in self.rows.drain(..) {
            let mut line = String::new();
            for ((align, width), cell) in self.columns.iter().zip(&row) {
                let padding = " ".repeat(width - cell.chars().count());
                let (before, after) = match align {
                    Align::Left => ("", padding.as_str()),
                    Align::Right => (padding.as_str(), ""),
                };
                // Writing into a String cannot fail.
                let _ = write!(line, "{before}{cell}{after}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A count with thousands set apart: `1,041`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 tab`, `1,041 tabs`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&[("ROUTE", Align::Left), ("TABS", Align::Right)]);
        table.row(["/checkout", "3"]);
        table.row(["/", "1,041"]);
        assert_eq!(
            table.take(),
            "ROUTE       TABS\n/checkout      3\n/          1,041\n"
        );
        table.row(["/a", "2"]);
        assert_eq!(table.take(), "/a             2\n");
    }

    #[test]
    fn counts_have_thousands_and_plurals() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "tab"), "1 tab");
        assert_eq!(counted(0, "tab"), "0 tabs");
    }
}
