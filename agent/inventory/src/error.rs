//! The one thing that keeps an inventory from being taken at all.

use camino::Utf8PathBuf;
use holdfast_types::{AsProblem, Problem, ProblemKind};

/// Why there is no inventory. Whatever cannot be read below an existing root is a note, never an error.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The root cannot be opened.
    #[error("open inventory root `{root}`")]
    Root {
        /// The root that was given.
        root: Utf8PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The root is a file.
    #[error("inventory root `{root}` is not a directory")]
    NotADirectory {
        /// The root that was given.
        root: Utf8PathBuf,
    },
}

impl AsProblem for InventoryError {
    fn problem(&self) -> Problem {
        let problem = Problem::new(6100, ProblemKind::Invalid, "this machine's inventory cannot be taken");
        let problem = match self {
            Self::Root { source, .. } => problem.because(self.to_string()).because(source.to_string()),
            Self::NotADirectory { .. } => problem.because(self.to_string()),
        };
        problem
            .next("give the directory that holds proc, sys and dev of the machine; in production it is `/`")
    }
}
