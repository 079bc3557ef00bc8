//! What is wrong with a log, and where it begins.

use std::fmt;

use camino::Utf8PathBuf;
use holdfast_audit::{BundleError, EntryError, Hash, NoteError, ProofError};
use holdfast_types::{AsProblem, Problem, ProblemKind};

/// Where a log is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In this entry.
    Entry(u64),
    /// In one of these entries; which one, the log alone cannot tell.
    Within {
        /// The first that may be wrong.
        first: u64,
        /// The last that may be wrong.
        last: u64,
    },
    /// In the log as a whole.
    Log,
}

impl Place {
    /// The entries from `first` up to `end`, which is not one of them.
    pub(crate) fn range(first: u64, end: u64) -> Self {
        let last = end.saturating_sub(1);
        if first >= last { Self::Entry(first) } else { Self::Within { first, last } }
    }

    /// The first entry that may be wrong.
    #[must_use]
    pub fn first(self) -> Option<u64> {
        match self {
            Self::Entry(first) | Self::Within { first, .. } => Some(first),
            Self::Log => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(index) => write!(f, "entry {index}"),
            Self::Within { first, last } => write!(f, "entries {first} to {last}"),
            Self::Log => f.write_str("the log"),
        }
    }
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A file cannot be read.
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable {
        /// Which.
        path: Utf8PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file is not there.
    #[error("`{0}` is missing")]
    Missing(Utf8PathBuf),
    /// The checkpoint cannot be believed.
    #[error("{0}")]
    Note(NoteError),
    /// No key is given, and the log names none.
    #[error("no verifier key is given, and `keys` of the log names none")]
    NoKey,
    /// The log calls itself by another name than expected.
    #[error("it calls itself `{found}`, expected `{expected}`")]
    Origin {
        /// In its checkpoint.
        found: String,
        /// By the key or the trusted checkpoint.
        expected: String,
    },
    /// The bytes of an entry are not those that were hashed.
    #[error(
        "its bytes hash to {computed}, its tile says {stated}: it was changed, moved, or put in another's place"
    )]
    Leaf {
        /// Of the bytes.
        computed: Hash,
        /// In the tile.
        stated: Hash,
    },
    /// The bytes are no entry.
    #[error("it is not an entry: {0}")]
    Form(EntryError),
    /// The entry belongs somewhere else.
    #[error("it calls itself entry {0}: an entry was removed, added or moved")]
    Sequence(u64),
    /// The entry after it links to another one.
    #[error("the entry after it links to another one: it was changed")]
    Link,
    /// The log ends before it.
    #[error("it is missing: {0}")]
    Cut(String),
    /// A bundle is not one.
    #[error("its bundle is not whole: {0}")]
    Bundle(BundleError),
    /// A tile above the leaves states another hash.
    #[error("`{path}` states {stated} for them, their entries give {computed}")]
    Tile {
        /// Which tile.
        path: Utf8PathBuf,
        /// Of the entries.
        computed: Hash,
        /// In the tile.
        stated: Hash,
    },
    /// The tree has another root than the checkpoint.
    #[error("their root is {computed}, the checkpoint signs {stated}")]
    Root {
        /// Of the entries.
        computed: Hash,
        /// In the checkpoint.
        stated: Hash,
    },
    /// The log is not a continuation of what is trusted.
    #[error(
        "at {size} entries the root is {computed}, the trusted checkpoint says {stated}: history was rewritten"
    )]
    Fork {
        /// Of the trusted checkpoint.
        size: u64,
        /// Of the entries.
        computed: Hash,
        /// In the trusted checkpoint.
        stated: Hash,
    },
    /// The log is shorter than it was.
    #[error("the log has {found} entries, the trusted checkpoint says {trusted}: its end was cut off")]
    Truncated {
        /// Now.
        found: u64,
        /// In the trusted checkpoint.
        trusted: u64,
    },
    /// A proof does not hold.
    #[error("{0}")]
    Proof(ProofError),
}

/// One thing wrong with a log: the first that was found, in the order of its entries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: Box<Fault>,
}

impl Finding {
    pub(crate) fn new(place: Place, fault: Fault) -> Self {
        Self { place, fault: Box::new(fault) }
    }

    /// The bytes of a tile or bundle that states `width` and begins with entry `first`.
    pub(crate) fn bundle(first: u64, width: usize, error: BundleError) -> Self {
        let end = first.saturating_add(u64::try_from(width).unwrap_or(u64::MAX));
        Self::new(Place::range(first, end), Fault::Bundle(error))
    }
}

impl AsProblem for Finding {
    fn problem(&self) -> Problem {
        let (code, kind) = match &*self.fault {
            Fault::Unreadable { .. } | Fault::Missing(_) => (3110, ProblemKind::Failed),
            Fault::Note(_) | Fault::NoKey | Fault::Origin { .. } => (3111, ProblemKind::Failed),
            Fault::Leaf { .. } | Fault::Form(_) | Fault::Sequence(_) | Fault::Link => {
                (3112, ProblemKind::Failed)
            }
            Fault::Cut(_) | Fault::Bundle(_) | Fault::Truncated { .. } => (3113, ProblemKind::Failed),
            Fault::Tile { .. } | Fault::Root { .. } => (3114, ProblemKind::Failed),
            Fault::Fork { .. } => (3115, ProblemKind::Failed),
            Fault::Proof(ProofError::Index { .. }) => (3117, ProblemKind::NotFound),
            Fault::Proof(_) => (3116, ProblemKind::Failed),
        };
        Problem::new(code, kind, format!("the audit log is not whole: {}", self.place))
            .because(self.fault.to_string())
    }
}
