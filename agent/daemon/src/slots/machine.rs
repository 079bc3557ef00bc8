//! The parts of the machine that a release is written to, and what runs. The hands of this module; a test has others.

use std::io::{self, Read};

use holdfast_api::internal::Desired;
use holdfast_release::writer::Target;
use holdfast_release::{Meta, Role, Slot};
use serde::{Deserialize, Serialize};

/// What runs, as init says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// The version.
    pub(crate) version: String,
    /// `A` or `B`.
    pub(crate) slot: String,
    /// Differs after every boot.
    pub(crate) boot: String,
    /// The health gate has passed.
    #[serde(default)]
    pub(crate) healthy: bool,
    /// Why an earlier boot was given up.
    #[serde(default)]
    pub(crate) fallback: String,
    /// `tpm` or `recovery-key`: what opened the keys of this machine; nothing where they are not encrypted.
    #[serde(default, rename = "unlockedBy")]
    pub(crate) unlocked_by: String,
    /// The machine goes down to forget everything.
    #[serde(default)]
    pub(crate) resets: bool,
}

impl Running {
    /// The slot.
    pub(crate) fn slot(&self) -> Slot {
        if self.slot == "B" { Slot::B } else { Slot::A }
    }
}

/// What a machine forgets that is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    /// All it keeps.
    Everything,
    /// Who it is. What it stores stays on its disk.
    Identity,
}

impl Reset {
    /// What the controllers want forgotten.
    pub(crate) fn wanted(desired: &Desired) -> Option<Self> {
        match (desired.reset, desired.reset_keeps_data) {
            (false, _) => None,
            (true, false) => Some(Self::Everything),
            (true, true) => Some(Self::Identity),
        }
    }

    /// As init is asked for it (`agent/init/src/reset.rs`).
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Identity => "identity",
        }
    }
}

/// What of a machine a release is written to.
pub(crate) trait Machine: Send {
    /// What runs.
    fn running(&mut self) -> io::Result<Running>;
    /// A part to write to.
    fn part(&mut self, role: Role) -> io::Result<Box<dyn Target>>;
    /// META as it is.
    fn meta(&mut self) -> io::Result<Meta>;
    /// Writes META: whole or not at all.
    fn put_meta(&mut self, meta: &mut Meta) -> io::Result<()>;
    /// The names of the kernels.
    fn kernels(&mut self) -> io::Result<Vec<String>>;
    /// Writes a kernel: under this name it is whole or not there.
    fn put_kernel(&mut self, name: &str, content: &mut dyn Read) -> io::Result<()>;
    /// Gives a kernel another name.
    fn rename_kernel(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a kernel.
    fn remove_kernel(&mut self, name: &str) -> io::Result<()>;
    /// Replaces the loader where it differs.
    fn put_loader(&mut self, content: &[u8]) -> io::Result<()>;
    /// Has the machine restarted. It may still run for a while.
    fn restart(&mut self) -> io::Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_forgets_what_it_is_told_to_and_nothing_unasked() {
        let wanted = |reset, reset_keeps_data| {
            Reset::wanted(&Desired { reset, reset_keeps_data, ..Desired::default() }).map(Reset::word)
        };
        assert_eq!(wanted(false, true), None);
        assert_eq!(wanted(true, true), Some("identity"));
        // A controller that does not know the other kind means everything.
        assert_eq!(wanted(true, false), Some("everything"));
    }
}
