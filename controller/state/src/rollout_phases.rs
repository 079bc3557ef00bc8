//! The phases of a rollout and of a node in one, as words and as what may follow what.

/// Where a rollout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the words")]
pub enum Phase {
    Running,
    Paused,
    Stopped,
    Aborting,
    Aborted,
    Done,
}

/// The phases of a rollout that is not over.
pub(crate) const ACTIVE: [Phase; 4] = [Phase::Running, Phase::Paused, Phase::Stopped, Phase::Aborting];

impl Phase {
    const ALL: [Self; 6] =
        [Self::Running, Self::Paused, Self::Stopped, Self::Aborting, Self::Aborted, Self::Done];

    /// The phase as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Paused => "Paused",
            Self::Stopped => "Stopped",
            Self::Aborting => "Aborting",
            Self::Aborted => "Aborted",
            Self::Done => "Done",
        }
    }

    /// The phase of a word; one that is not known is over.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word).unwrap_or(Self::Done)
    }
}

/// Where a node is in a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the words")]
pub enum NodeStep {
    Pending,
    Draining,
    Fetching,
    Writing,
    Staged,
    Rebooting,
    Verifying,
    Done,
    Failed,
    Recalled,
    Returning,
    Returned,
}

impl NodeStep {
    const ALL: [Self; 12] = [
        Self::Pending,
        Self::Draining,
        Self::Fetching,
        Self::Writing,
        Self::Staged,
        Self::Rebooting,
        Self::Verifying,
        Self::Done,
        Self::Failed,
        Self::Recalled,
        Self::Returning,
        Self::Returned,
    ];

    /// The step as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Draining => "Draining",
            Self::Fetching => "Fetching",
            Self::Writing => "Writing",
            Self::Staged => "Staged",
            Self::Rebooting => "Rebooting",
            Self::Verifying => "Verifying",
            Self::Done => "Done",
            Self::Failed => "Failed",
            Self::Recalled => "Recalled",
            Self::Returning => "Returning",
            Self::Returned => "Returned",
        }
    }

    /// The step of a word; one that is not known has failed.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|step| step.as_str() == word).unwrap_or(Self::Failed)
    }

    /// Whether the node takes no work because of the rollout.
    #[must_use]
    pub const fn is_away(self) -> bool {
        !matches!(self, Self::Pending | Self::Done | Self::Recalled | Self::Returned)
    }

    /// Whether one may follow the other by a step. What people decide (again, back) does not come as a step.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        let follows = match self {
            Self::Pending => Self::Draining,
            Self::Draining => Self::Fetching,
            Self::Fetching => Self::Writing,
            Self::Writing => Self::Staged,
            Self::Staged => Self::Rebooting,
            Self::Rebooting => Self::Verifying,
            Self::Verifying => Self::Done,
            Self::Recalled => Self::Returning,
            Self::Returning => Self::Returned,
            Self::Done | Self::Failed | Self::Returned => return false,
        };
        // A node that runs the release already has nothing to do.
        next == follows || next == Self::Failed || (self == Self::Pending && next == Self::Done)
    }

    /// Whether the step is a leaf of the audit log, and not only an event.
    pub(crate) const fn is_kept_in_the_log(self) -> bool {
        matches!(self, Self::Draining | Self::Rebooting | Self::Done | Self::Failed | Self::Returned)
    }
}
