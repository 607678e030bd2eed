//! Columns for people: aligned by width, cut to nothing.
//!
//! Must never hide a value, and must never let a text of somebody else move the cursor of a terminal.

use std::fmt;

/// Rows under headings.
pub(crate) struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Columns from the left that are texts; `true`: it is a number and stands on the right.
    right: Vec<bool>,
}

impl Table {
    /// A table of texts, whose first `numbers` columns are numbers.
    pub(crate) fn new(heads: &[&str], numbers: usize) -> Table {
        let right = (0..heads.len()).map(|column| column < numbers).collect();
        Table {
            heads: heads.iter().map(|&head| head.to_owned()).collect(),
            rows: Vec::new(),
            right,
        }
    }

    /// A table of numbers, whose first `texts` columns are texts.
    pub(crate) fn of_numbers(heads: &[&str], texts: usize) -> Table {
        let mut table = Table::new(heads, 0);
        table.right.iter_mut().skip(texts).for_each(|right| *right = true);
        table
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| plain(&cell)).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = || std::iter::once(&self.heads).chain(&self.rows);
        let width = |column: usize| {
            all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> =
            (0..self.heads.len()).map(|column| width(column).unwrap_or(0)).collect();
        for row in all() {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                if *right {
                    line.push_str(&format!("{cell:>width$}  "));
                } else {
                    line.push_str(&format!("{cell:<width$}  "));
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A text without what a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_and_no_control_character_passes() {
        let mut table = Table::of_numbers(&["journey", "sent"], 1);
        table.row(["ä\u{1b}[2J\n".to_owned(), "12345".to_owned()]);
        table.row(["welcome_back".to_owned(), "7".to_owned()]);
        let lines = ["journey        sent", "ä [2J         12345", "welcome_back      7"];
        assert_eq!(table.to_string().lines().collect::<Vec<_>>(), lines);
        let mut table = Table::new(&["id", "name"], 1);
        table.row(["10".to_owned(), "a".to_owned()]);
        assert_eq!(table.to_string(), "id  name\n10  a\n");
    }
}
