//! `docs/promises.md` as the bench reads it: id, area, words and bound of each row.

use anyhow::{Context as _, Result, bail};

use crate::bound::Bound;

/// The rows of the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In the order of the page.
    pub rows: Vec<Row>,
}

/// One promise in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its area.
    pub area: String,
    /// What is promised, as written.
    pub promise: String,
    /// What is promised, as a bound.
    pub bound: Bound,
}

impl Page {
    /// Reads the table of the page.
    ///
    /// # Errors
    ///
    /// No table, a row with too few cells, or a promise that is no bound.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| line.starts_with('|')).skip(2);
        let rows: Vec<Row> = lines.map(row).collect::<Result<_>>()?;
        if rows.is_empty() {
            bail!("no promise in the table");
        }
        Ok(Self { rows })
    }
}

fn row(line: &str) -> Result<Row> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [id, area, _, _, promise, _, _, _, _] = cells.as_slice() else { bail!("not nine cells: {line}") };
    let bound = promise.parse().with_context(|| format!("promise `{id}`"))?;
    Ok(Row { id: (*id).to_owned(), area: (*area).to_owned(), promise: (*promise).to_owned(), bound })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_repository_is_read() {
        let page = Page::parse(include_str!("../../../docs/promises.md")).unwrap();
        assert!(page.rows.len() > 10);
    }

    #[test]
    fn a_broken_table_is_refused() {
        assert!(Page::parse("# Promises\n").is_err());
        assert!(Page::parse("| id |\n|--|\n| a | raft |\n").is_err());
        let error =
            Page::parse("| h |\n|-|\n| a | raft | w | p | fast | - | - | - | pending |\n").unwrap_err();
        assert!(format!("{error:#}").contains("promise `a`: `fast` is no bound"), "{error:#}");
    }
}
