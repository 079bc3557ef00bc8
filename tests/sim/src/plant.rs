//! Bugs to plant, so that it can be shown that each invariant sees one. A leaf.

/// A bug that is not there unless it was planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Plant {
    /// None.
    #[default]
    None,
    /// Disks say that they synced and did not.
    LyingDisk,
    /// A member that crashes comes back with an empty disk and its old name.
    Forgetful,
    /// The network turns over a bit of an entry.
    Spoiler,
    /// One member leaves out a command now and then.
    Dropper,
    /// The machine forgets idempotency keys.
    Keyless,
    /// Reads skip the barrier.
    StaleRead,
    /// A command that is refused takes the revision back.
    Rewind,
    /// Watches that resume leave out a change.
    GapWatch,
    /// The network stays cut.
    NeverHeals,
}

impl Plant {
    /// Its name on the command line.
    #[must_use]
    pub fn word(self) -> String {
        clap::ValueEnum::to_possible_value(&self)
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
