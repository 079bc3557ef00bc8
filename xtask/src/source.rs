//! One Rust file in the three forms the checks need: as written, as code, and as code that ships.

use camino::Utf8PathBuf;

use crate::lex::{line_of, mask, without_tests};

/// A Rust source file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Relative to the root of the repository.
    pub(crate) path: Utf8PathBuf,
    /// As written.
    pub(crate) text: String,
    /// Without comments, literals and test items; offsets and lines are those of `text`.
    pub(crate) live: String,
    /// Whether the whole file is a test: it lies in a test directory, or only `#[cfg(test)]` declares it.
    pub(crate) is_test: bool,
}

impl Source {
    /// Reads the forms of `text`.
    pub(crate) fn new(path: impl Into<Utf8PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        let live = without_tests(&mask(&text));
        Self { path: path.into(), text, live, is_test: false }
    }

    /// The line of a byte offset.
    pub(crate) fn line(&self, at: usize) -> usize {
        line_of(&self.text, at)
    }

    /// How many lines the file has without its tests: lines that held text before the tests were cut and are gone
    /// after are not counted.
    pub(crate) fn lines_without_tests(&self) -> usize {
        let whole = mask(&self.text);
        let cut =
            whole.lines().zip(self.live.lines()).filter(|(a, b)| !a.trim().is_empty() && b.trim().is_empty());
        self.text.lines().count().saturating_sub(cut.count())
    }
}
