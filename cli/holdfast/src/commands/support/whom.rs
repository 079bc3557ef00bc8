//! Whom a bundle is encrypted to. A leaf.

use holdfast_controller::sealed_problem;
use holdfast_identity::Recipient;
use holdfast_types::{Problem, ProblemKind};

/// A recipient, as people give it.
pub(super) fn recipient(text: &str) -> Result<Recipient, Problem> {
    text.trim().parse().map_err(|error| sealed_problem(&error))
}

/// Nothing is made that nobody could open.
pub(super) fn nobody() -> Problem {
    Problem::new(7140, ProblemKind::Conflict, "there is nobody to encrypt the bundle to")
}
