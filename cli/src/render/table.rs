//! Columns of text, as wide as their widest cell on a screen.

use unicode_width::UnicodeWidthStr as _;

/// Which side a column's cells stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// Rows under a heading.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// A cell with several lines makes the row higher.
    pub(crate) fn row(&mut self, cells: &[String]) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for every column");
        let height = cells.iter().map(|cell| cell.split('\n').count()).max().unwrap_or(1);
        for line in 0..height {
            self.rows.push(
                cells
                    .iter()
                    .map(|cell| cell.split('\n').nth(line).unwrap_or_default().to_owned())
                    .collect(),
            );
        }
    }

    /// The text, each line ended; no blanks at line ends.
    pub(crate) fn render(&self) -> String {
        let headings: Vec<String> =
            self.columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        let mut widths = vec![0; self.columns.len()];
        for row in self.rows.iter().chain([&headings]) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let mut text = String::new();
        for row in [&headings].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), (_, side)) in row.iter().zip(&widths).zip(&self.columns) {
                let blanks = " ".repeat(width.saturating_sub(cell.width()));
                match side {
                    Side::Left => line.extend([cell.as_str(), &blanks, "  "]),
                    Side::Right => line.extend([blanks.as_str(), cell, "  "]),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[("Name", Side::Left), ("Size", Side::Right)]);
        table.row(&["你好你好".to_owned(), "1 B".to_owned()]);
        table.row(&["a\nb".to_owned(), "1.50 MiB".to_owned()]);
        assert_eq!(
            table.render(),
            "Name          Size\n你好你好       1 B\na         1.50 MiB\nb\n"
        );
    }
}
