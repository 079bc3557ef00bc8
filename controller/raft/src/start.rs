//! What a member began from when it was started, and what it found damaged on the way. A leaf.

/// Where the state of a member came from when it was started; the log brought what came after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// From the log alone.
    #[default]
    Log,
    /// From the copy of the applied state.
    Copy,
    /// From a snapshot.
    Snapshot,
}

/// What became of the copy of the applied state, which is looked at behind a start that did not need it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Copied {
    /// None is kept, or nobody has looked at it yet.
    #[default]
    Unknown,
    /// It was read to its end.
    Whole,
    /// It is being written anew.
    Unfinished,
    /// It was written anew.
    Anew,
    /// It failed, and there is none until the next start.
    GivenUp,
}

/// How a member was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// Where its state came from.
    pub source: Source,
    /// The last entry that this state included.
    pub index: Option<u64>,
    /// What became of the copy.
    pub copied: Copied,
    /// What could not be used, in words: it was set aside or written anew.
    pub damage: Vec<String>,
}
