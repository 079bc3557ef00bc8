//! Who says what in the metadata.

use std::fmt;

/// Who says what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Which keys count for each role.
    Root,
    /// Which snapshot is the newest.
    Timestamp,
    /// Which targets belong together.
    Snapshot,
    /// What the files are.
    Targets,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Timestamp, Self::Snapshot, Self::Targets];

    /// Its name in the metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
        }
    }

    /// The most bytes that its file may have.
    #[must_use]
    pub const fn most_bytes(self) -> u64 {
        match self {
            Self::Root => 64 << 10,
            Self::Timestamp | Self::Snapshot => 16 << 10,
            Self::Targets => 128 << 10,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
