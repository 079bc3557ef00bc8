//! Tables for people: upper-case headers, no borders, columns two spaces apart, nothing after the last column.

use std::fmt;

const GAP: usize = 2;

/// Rows under headers.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    headers: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// At least as wide as this.
    least: Vec<usize>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(headers: &[&'static str]) -> Self {
        Self { headers: headers.to_vec(), rows: Vec::new(), least: Vec::new() }
    }

    /// Adds a row. Control characters and line breaks in a cell would move the rest of the table; they become spaces.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let cell =
            |text: String| if text.is_empty() { "-".to_owned() } else { text.chars().map(clean).collect() };
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// True where there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows alone, under headers printed before, for a list that goes on.
    pub(crate) fn continued(&self) -> String {
        let text = self.to_string();
        text.split_once('\n').map_or_else(String::new, |(_, rows)| rows.to_owned())
    }

    /// A table without rows whose columns are at least as wide as those of this one.
    pub(crate) fn emptied(&self) -> Self {
        Self { headers: self.headers.clone(), rows: Vec::new(), least: self.widths() }
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.headers.iter().map(|h| h.chars().count()).collect();
        for (width, least) in widths.iter_mut().zip(&self.least) {
            *width = (*width).max(*least);
        }
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }
}

fn line<'a>(
    f: &mut fmt::Formatter<'_>,
    cells: impl Iterator<Item = &'a str>,
    widths: &[usize],
) -> fmt::Result {
    let mut pending = 0;
    for (cell, width) in cells.zip(widths) {
        write!(f, "{:pending$}{cell}", "")?;
        pending = width.saturating_sub(cell.chars().count()) + GAP;
    }
    writeln!(f)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        line(f, self.headers.iter().copied(), &widths)?;
        for row in &self.rows {
            line(f, row.iter().map(String::as_str), &widths)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_nothing_trails() {
        let mut table = Table::new(&["NAME", "PHASE", "AGE"]);
        table.row(["train-llama", "Running", "3m12s"].map(str::to_owned));
        table.row(["ü", "", "4s"].map(str::to_owned));
        table.row(["evil\n\u{1b}[31m", "Pending", "0s"].map(str::to_owned));
        let expected = "\
NAME         PHASE    AGE
train-llama  Running  3m12s
ü            -        4s
evil  [31m   Pending  0s
";
        assert_eq!(table.to_string(), expected);
        let mut more = table.emptied();
        more.row(["a", "b", "c"].map(str::to_owned));
        assert_eq!(more.continued(), "a            b        c\n");
    }
}
