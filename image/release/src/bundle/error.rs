//! Why a bundle is refused.

use holdfast_types::{AsProblem, Problem, ProblemKind, Time};

use super::role::Role;

/// Why a bundle is refused. Nothing of it is used then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not the archive that a bundle is.
    #[error("it is no bundle: {0}")]
    Archive(String),
    /// It ends early.
    #[error("it ends at byte {end}; `{name}` goes on to byte {needed}")]
    Truncated {
        /// What is cut off.
        name: String,
        /// Bytes there are.
        end: u64,
        /// Bytes there should be.
        needed: u64,
    },
    /// A file of the metadata that does not say what it has to.
    #[error("the {role} metadata cannot be used: {why}")]
    Metadata {
        /// Which one.
        role: Role,
        /// What is wrong.
        why: String,
    },
    /// Too few of the keys that count have signed.
    #[error(
        "the {role} metadata has {have} valid signatures of the keys that are trusted for it; {need} are needed"
    )]
    Signatures {
        /// Which one.
        role: Role,
        /// Keys whose signature is valid.
        have: u64,
        /// Keys that are needed.
        need: u64,
    },
    /// Its time is over.
    #[error("the {role} metadata ended at {expires}; it is {at}")]
    Expired {
        /// Which one.
        role: Role,
        /// When it ended.
        expires: Time,
        /// What was taken for the present.
        at: Time,
    },
    /// Older than what was accepted before.
    #[error("the {role} metadata has version {found}; version {floor} was accepted before")]
    Older {
        /// Which one.
        role: Role,
        /// Its version.
        found: u64,
        /// The version of before.
        floor: u64,
    },
    /// Files of the metadata that do not belong together.
    #[error("the {role} metadata is not the one that was signed with the others: {why}")]
    Mixed {
        /// Which one.
        role: Role,
        /// What differs.
        why: String,
    },
    /// A file of the payload that is not what was signed.
    #[error("`{name}` is not what was signed: {why}")]
    File {
        /// Which one.
        name: String,
        /// What differs.
        why: String,
    },
    /// The payload does not fit together.
    #[error("the release does not fit together: {0}")]
    Release(String),
}

impl AsProblem for BundleError {
    fn problem(&self) -> Problem {
        let summary = "the bundle is refused";
        match self {
            Self::Archive(_) | Self::Truncated { .. } => Problem::new(8101, ProblemKind::Invalid, summary),
            Self::Metadata { .. } => Problem::new(8102, ProblemKind::Invalid, summary),
            Self::Signatures { .. } => Problem::new(8103, ProblemKind::Refused, summary),
            Self::Expired { .. } => Problem::new(8104, ProblemKind::Refused, summary),
            Self::Older { .. } => Problem::new(8105, ProblemKind::Refused, summary),
            Self::Mixed { .. } => Problem::new(8106, ProblemKind::Refused, summary),
            Self::File { .. } => Problem::new(8107, ProblemKind::Refused, summary),
            Self::Release(_) => Problem::new(8108, ProblemKind::Refused, summary),
        }
        .because(self.to_string())
        .next("holdfast-verify release FILE")
    }
}
