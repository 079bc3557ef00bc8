//! What a controller stands on beside its configuration. Operators have no say in it; tests stand a controller on the release
//! before, or on a disk that is slow.

use std::sync::Arc;

use holdfast_raft::{Disk, RealDisk};
use holdfast_state::NEWEST_LEVEL;

/// The release and the disk.
#[derive(Clone)]
pub struct Platform {
    /// The newest feature level that the release knows.
    pub newest_level: u32,
    /// Where the log and its snapshots are written.
    pub disk: Arc<dyn Disk>,
}

impl Default for Platform {
    fn default() -> Self {
        Self { newest_level: NEWEST_LEVEL, disk: Arc::new(RealDisk) }
    }
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform").field("newest_level", &self.newest_level).finish_non_exhaustive()
    }
}
