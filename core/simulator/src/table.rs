//! Tables as published traces write them: comma-separated text whose first line names the columns. It must not know what is in them.

use crate::number::whole;

/// The characters of a value that an error shows: not all of a line of a megabyte.
const SHOWN: usize = 40;

/// Why a text is no such table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A line cannot be read as one of a table.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A column is missing.
    #[error("no column is named `{0}`")]
    Column(&'static str),
    /// A value that does not fit its column.
    #[error("line {line}, column `{column}`: `{value}` is not {wanted}")]
    Value {
        /// Which line, from 1.
        line: u64,
        /// Which column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What should.
        wanted: String,
    },
    /// More than is read.
    #[error("it has more than {0}")]
    TooMany(String),
    /// Nothing but the first line.
    #[error("it has no rows")]
    Empty,
}

/// A table, row by row. Columns are asked for by their place among the names it was made with.
pub(crate) struct Rows<'a> {
    reader: csv::Reader<&'a [u8]>,
    record: csv::StringRecord,
    columns: Vec<(&'static str, Option<usize>)>,
}

impl<'a> Rows<'a> {
    /// # Errors
    ///
    /// The first line cannot be read, or lacks a name of `needed`.
    pub(crate) fn new(
        text: &'a [u8],
        needed: &[&'static str],
        optional: &[&'static str],
    ) -> Result<Self, TableError> {
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text);
        let header = reader.headers().map_err(|error| broken(&error))?;
        let find = |name: &&'static str| {
            (*name, header.iter().position(|column| column.trim().eq_ignore_ascii_case(name)))
        };
        let columns: Vec<_> = needed.iter().chain(optional).map(find).collect();
        match columns.iter().take(needed.len()).find(|(_, at)| at.is_none()) {
            Some((name, _)) => Err(TableError::Column(name)),
            None => Ok(Self { reader, record: csv::StringRecord::new(), columns }),
        }
    }

    /// Goes to the next row; false after the last.
    ///
    /// # Errors
    ///
    /// It is no row, or not as long as the first.
    pub(crate) fn next(&mut self) -> Result<bool, TableError> {
        self.reader.read_record(&mut self.record).map_err(|error| broken(&error))
    }

    /// What stands in a column; nothing where the table has no such column.
    pub(crate) fn text(&self, column: usize) -> &str {
        let at = self.columns.get(column).and_then(|(_, at)| *at);
        at.and_then(|at| self.record.get(at)).unwrap_or_default().trim()
    }

    /// A whole number from 0 to `most`.
    ///
    /// # Errors
    ///
    /// Something else stands there.
    pub(crate) fn number(&self, column: usize, most: u64) -> Result<u64, TableError> {
        let number = whole(self.text(column)).filter(|number| *number <= most);
        number.ok_or_else(|| self.refused(column, format!("a number from 0 to {most}")))
    }

    /// An error about the value in a column.
    pub(crate) fn refused(&self, column: usize, wanted: String) -> TableError {
        TableError::Value {
            line: self.record.position().map_or(0, csv::Position::line),
            column: self.columns.get(column).map_or("", |(name, _)| name),
            value: self.text(column).chars().take(SHOWN).collect(),
            wanted,
        }
    }
}

fn broken(error: &csv::Error) -> TableError {
    let line = error.position().map_or(1, csv::Position::line);
    let why = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "it is no UTF-8 text".to_owned(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} fields, and the first line has {expected_len}")
        }
        _ => "it is no row of a table".to_owned(),
    };
    TableError::Line { line, why }
}
