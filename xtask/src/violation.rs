//! What a check found: where, which rule, and what is wrong. A leaf that every check may use.

use std::fmt;

use camino::Utf8PathBuf;

/// One breach of one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    /// The file, relative to the root of the repository.
    pub(crate) path: Utf8PathBuf,
    /// The line, counted from one.
    pub(crate) line: usize,
    /// The rule, as its check is named.
    pub(crate) rule: &'static str,
    /// What is wrong, with its numbers.
    pub(crate) text: String,
}

impl Violation {
    /// A breach of `rule` at a line of a file.
    pub(crate) fn new(
        path: impl Into<Utf8PathBuf>,
        line: usize,
        rule: &'static str,
        text: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), line, rule, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.text)
    }
}
