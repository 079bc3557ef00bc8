//! Whether this member takes part: it does not where it was removed, where it came back without its log, and where its
//! state differs from that of the others. A leaf.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::digest::StateHash;

/// Why a member takes no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusion {
    /// The configuration no longer has it.
    Removed,
    /// The others know it as a voter, and its log is empty. What it had voted for and acknowledged is lost, so that its
    /// vote could elect a leader without entries that were acknowledged.
    LostLog,
    /// Its state differs from that of the majority at the same entry.
    Diverged {
        /// The entry.
        index: u64,
        /// The hash of its own state.
        ours: StateHash,
        /// The hash of the majority.
        theirs: StateHash,
    },
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed => f.write_str("this controller was removed from the cluster"),
            Self::LostLog => f.write_str(
                "this controller lost its log: the others know it as a voter and its directory is empty",
            ),
            Self::Diverged { index, ours, theirs } => {
                write!(f, "the state differs at entry {index}: {ours} here, {theirs} on the majority")
            }
        }
    }
}

impl Exclusion {
    /// What to do about it.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            Self::Removed => "stop this controller; to use the machine again join it under a new id",
            Self::LostLog | Self::Diverged { .. } => {
                "replace this controller by itself under a new id: its directory is moved aside and it joins again"
            }
        }
    }
}

/// Shared by those who find out and those who ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing(Arc<Mutex<Option<Exclusion>>>);

impl Standing {
    pub(crate) fn excluded(&self) -> Option<Exclusion> {
        *self.0.lock()
    }

    /// Takes this member out. What was found first stays: it is the cause of the rest.
    pub(crate) fn exclude(&self, why: Exclusion) {
        let mut standing = self.0.lock();
        if standing.is_none() {
            tracing::error!(%why, "this controller takes no part any more");
            *standing = Some(why);
        }
    }

    /// A leader sends entries again, so the member was not removed.
    pub(crate) fn heard_leader(&self) {
        let mut standing = self.0.lock();
        if *standing == Some(Exclusion::Removed) {
            tracing::info!("this controller is a member again");
            *standing = None;
        }
    }
}
