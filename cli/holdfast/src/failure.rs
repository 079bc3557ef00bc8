//! How a command ends when it does not end well.

use std::io;
use std::process::ExitCode;

use holdfast_types::{Problem, ProblemKind};

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something a person should read.
    Problem(Box<Problem>),
    /// Whoever read stdout has read enough: `holdfast job list | head -1` is not an error.
    ReaderGone,
    /// Everything is said already; only the exit code is left.
    Ended(ExitCode),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// An error of writing to stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        let problem = Problem::new(7001, ProblemKind::Failed, "the output cannot be written");
        problem.because(error.to_string()).into()
    }
}
