//! What every side has in common: slots that are files, and a file that is carried to the site.

use std::fs::File;
use std::time::Duration;

use anyhow::Result;
use camino::Utf8Path;

/// What there is room for in the slot of a small machine.
const SLOT_BYTES: u64 = 192 << 20;
/// Where a slot of a machine lies.
pub(super) const SLOTS: [&str; 3] = ["ROOT-B", "HASH-B", "KERNEL-B"];

/// A side that is ready to install the same release again and again.
pub(super) trait Side {
    /// Bytes of the file that is carried to the site.
    fn bytes(&self) -> Result<u64>;

    /// Proves it and writes all of it; the CPU time that took.
    fn install(&mut self) -> Result<Duration>;
}

/// Empty slots for a side: what one wrote is no help for the next.
pub(super) fn emptied(directory: &Utf8Path) -> Result<()> {
    for name in SLOTS {
        let slot = File::create(directory.join(name))?;
        slot.set_len(SLOT_BYTES)?;
        slot.sync_all()?;
    }
    Ok(())
}
