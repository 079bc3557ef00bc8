//! What is wrong with a bundle that was not accepted.

use std::fmt;

use holdfast_types::{AsProblem, Problem, ProblemKind};

/// Which text of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Text {
    /// The schema.
    Schema,
    /// The constitution.
    Constitution,
    /// The rules of the tenants.
    Tenant,
    /// The law as data.
    Law,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Schema => "schema",
            Self::Constitution => "constitution",
            Self::Tenant => "tenant rules",
            Self::Law => "law",
        })
    }
}

/// The class of a finding, which decides its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// The text cannot be read at all.
    Unreadable,
    /// A rule does not fit the schema.
    Validation,
    /// A rule lacks its id or reason, doubles an id, is a template, permits in the constitution, or names an instance.
    Form,
    /// The law's data contradicts itself, or a rule names a term the law does not have.
    Law,
}

/// One thing wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}: {message}")]
pub struct Finding {
    /// Where.
    pub text: Text,
    /// Of what class.
    pub kind: FindingKind,
    /// What, in words.
    pub message: String,
}

/// The longest message of a finding, in characters: Cedar quotes source text.
const MAX_MESSAGE: usize = 500;

impl Finding {
    pub(crate) fn new(text: Text, kind: FindingKind, message: impl fmt::Display) -> Self {
        let message = message.to_string().chars().take(MAX_MESSAGE).collect();
        Self { text, kind, message }
    }
}

impl AsProblem for Finding {
    fn problem(&self) -> Problem {
        let code = match self.kind {
            FindingKind::Unreadable => 3000,
            FindingKind::Validation => 3001,
            FindingKind::Form => 3002,
            FindingKind::Law => 3003,
        };
        Problem::new(
            code,
            ProblemKind::Invalid,
            format!("the {} of the bundle cannot be accepted", self.text),
        )
        .because(self.message.clone())
    }
}
