//! The log without the raft above it, for `tests/bench`: what its format and its one writer make of a disk.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use camino::Utf8Path;
use openraft::EntryPayload;

use crate::disk::{Disk as _, RealDisk};
use crate::files::DirLock;
use crate::log::{LogPlace, LogStore};
use crate::options::SEGMENT_BYTES;
use crate::types::{Batch, Entry, log_id};
use crate::work::Work;

/// A log that anybody appends to.
#[derive(Clone)]
pub struct LogAlone(LogStore);

impl fmt::Debug for LogAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogAlone").field("last", &self.0.last()).finish()
    }
}

impl LogAlone {
    /// Opens the log of a directory, which is created where it is not there. Blocks.
    ///
    /// # Errors
    ///
    /// The directory is in use, or is no log.
    pub fn open(dir: &Utf8Path) -> Result<Self, String> {
        RealDisk.create_dir(dir).map_err(|error| format!("create {dir}: {error}"))?;
        let lock = DirLock::take(&RealDisk, dir).map_err(|error| error.to_string())?;
        let lock = lock.ok_or_else(|| format!("{dir} is in use"))?;
        let (disk, work, segment_bytes) = (Arc::new(RealDisk), Work::Threads, SEGMENT_BYTES);
        let place = LogPlace { disk, dir: dir.join("log"), segment_bytes, id: 1, work };
        LogStore::open(place, Arc::new(lock)).map(Self).map_err(|error| error.to_string())
    }

    /// Appends an entry of one command, and waits until it is durable.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub async fn append(&self, command: Bytes) -> Result<(), String> {
        let batch = Batch { time_ms: 0, commands: Arc::from([command]) };
        let entry = |index| Entry { log_id: log_id(1, 1, index), payload: EntryPayload::Normal(batch) };
        self.0.append_next(entry).await.map_err(|error| error.to_string())
    }

    /// Syncs so far.
    #[must_use]
    pub fn fsyncs(&self) -> u64 {
        self.0.fsyncs()
    }
}
