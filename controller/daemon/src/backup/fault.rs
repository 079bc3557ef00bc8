//! What a person is told where a backup cannot be made or read. A leaf.

use std::io;

use holdfast_identity::SealedError;
use holdfast_types::{Problem, ProblemKind};

/// A backup cannot be made, or not be read from where it lies.
pub(crate) fn failed(because: impl Into<String>) -> Problem {
    Problem::new(1281, ProblemKind::Failed, "the backup cannot be made or read").because(because)
}

/// A backup is not what was written.
pub(crate) fn damaged(because: impl Into<String>) -> Problem {
    Problem::new(1279, ProblemKind::Failed, "the backup is damaged")
        .because(because)
        .next("use another backup of the cluster")
}

/// What a person is told of a sealed stream.
#[must_use]
pub fn sealed_problem(error: &SealedError) -> Problem {
    let text = error.to_string();
    match error {
        SealedError::Io(error) => io_problem(error),
        SealedError::Damaged(_) | SealedError::Foreign | SealedError::Newer { .. } => damaged(text),
        SealedError::Stranger { .. } => {
            Problem::new(1286, ProblemKind::Refused, text).next("holdfast cluster backup verify FILE")
        }
        SealedError::Text(_) => Problem::new(1284, ProblemKind::Invalid, text),
        SealedError::Recipients { .. } => Problem::new(1277, ProblemKind::Conflict, text)
            .because("a backup is only ever written encrypted, to keys that the operators hold")
            .next("holdfast cluster backup-key --out FILE"),
        SealedError::Crypto(_) => failed(text),
    }
}

/// As [`sealed_problem`], where the error came through a reader.
pub(crate) fn io_problem(error: &io::Error) -> Problem {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<SealedError>()) {
        Some(inner) if !matches!(inner, SealedError::Io(_)) => sealed_problem(inner),
        _ if error.kind() == io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
        _ => failed(error.to_string()),
    }
}
