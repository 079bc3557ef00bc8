//! How a step of `up` fails, and how values of answers are read; used by every step.

use holdfast_types::{Problem, ProblemKind};

/// The code of [`cannot`].
pub(in crate::up) const CANNOT: u16 = 7091;

/// Why the cluster cannot come up.
pub(in crate::up) fn cannot(because: impl Into<String>) -> Problem {
    Problem::new(7091, ProblemKind::Failed, "the cluster cannot come up").because(because)
}

/// A JSON value as a person reads it.
pub(in crate::up) fn word(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
