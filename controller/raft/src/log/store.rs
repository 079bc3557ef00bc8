//! The log as openraft sees it. Every write goes through the committer; reads come from memory or, where an entry is
//! old, from its segment.

use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use camino::Utf8Path;
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{AnyError, LogState, RaftLogReader, StorageIOError};
use parking_lot::Mutex;

use super::committer::{Done, Shared, start};
use super::error::LogError;
use super::index::Read;
use super::record::{MAX_PAYLOAD, Record};
use super::recover::recover;
use crate::codec::payload_out;
use crate::files::{DirLock, create_dir};
use crate::types::{Entry, LogId, StorageError, TypeConfig, Vote};

/// How many bytes of entries one read for replication answers, so that one call stays far below its limit.
const READ_BYTES: usize = 2 << 20;
/// How many entries one read for replication answers.
const READ_ENTRIES: u64 = 256;

/// A handle to the log; the log closes when the last one is gone.
#[derive(Clone)]
pub(crate) struct LogStore {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.lock().take() {
            // A committer that panicked has nothing left to write; its waiters saw their senders dropped.
            drop(thread.join());
        }
    }
}

impl LogStore {
    /// Opens the log of `dir`, which the caller has locked; blocks.
    pub(crate) fn open(dir: &Utf8Path, segment_bytes: u64, lock: Arc<DirLock>) -> Result<Self, LogError> {
        create_dir(dir)?;
        let (index, tail) = recover(dir)?;
        let shared = Shared::new(dir, index);
        let thread = start(Arc::clone(&shared), tail, segment_bytes, lock)
            .map_err(|error| LogError::Refused(format!("start the log thread: {error}")))?;
        Ok(Self { inner: Arc::new(Inner { shared, thread: Mutex::new(Some(thread)) }) })
    }

    /// Why the log refuses writes, if it does.
    pub(crate) fn failure(&self) -> Option<String> {
        self.inner.shared.failure.lock().clone()
    }

    pub(crate) fn purged(&self) -> Option<LogId> {
        self.inner.shared.index.lock().purged
    }

    pub(crate) fn last(&self) -> Option<LogId> {
        self.inner.shared.index.lock().last()
    }

    /// Bytes of the entries that are not purged.
    pub(crate) fn bytes(&self) -> u64 {
        self.inner.shared.index.lock().bytes()
    }

    pub(crate) fn fsyncs(&self) -> u64 {
        self.inner.shared.counters.fsyncs.load(Ordering::Relaxed)
    }

    pub(crate) fn records(&self) -> u64 {
        self.inner.shared.counters.records.load(Ordering::Relaxed)
    }

    /// Whether the log has ever been written to.
    pub(crate) fn is_empty(&self) -> bool {
        let index = self.inner.shared.index.lock();
        index.last().is_none() && index.vote.is_none()
    }

    async fn write(&self, record: Record) -> Result<(), LogError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.inner.shared.submit(vec![record], Done::Call(sender));
        receiver.await.unwrap_or_else(|_| Err(LogError::Refused("the log thread ended".to_owned())))
    }

    async fn read(&self, from: u64, to: u64, limit: usize) -> Result<Vec<Entry>, LogError> {
        let shared = &self.inner.shared;
        let found = shared.index.lock().read(&shared.dir, from, to, limit);
        if found.iter().all(|read| matches!(read, Read::Hot(_))) {
            return found.into_iter().map(load).collect();
        }
        tokio::task::spawn_blocking(move || found.into_iter().map(load).collect())
            .await
            .unwrap_or_else(|_| Err(LogError::Refused("the reading task ended".to_owned())))
    }
}

fn load(read: Read) -> Result<Entry, LogError> {
    match read {
        Read::Hot(entry) => Ok(entry),
        Read::Cold(cold) => cold.load(),
    }
}

/// The error openraft stops on; the text is the whole chain, because openraft keeps only text.
fn stop(error: &LogError) -> AnyError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    AnyError::error(text)
}

fn write_error(error: &LogError) -> StorageError {
    StorageIOError::write_logs(stop(error)).into()
}

fn read_error(error: &LogError) -> StorageError {
    StorageIOError::read_logs(stop(error)).into()
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + Send>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        let from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(to) => *to,
            Bound::Unbounded => u64::MAX,
        };
        self.read(from, to, usize::MAX).await.map_err(|error| read_error(&error))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        let end = end.min(start.saturating_add(READ_ENTRIES));
        self.read(start, end, READ_BYTES).await.map_err(|error| read_error(&error))
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let index = self.inner.shared.index.lock();
        Ok(LogState { last_purged_log_id: index.purged, last_log_id: index.last() })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let written = self.write(Record::Vote(*vote)).await;
        written.map_err(|error| StorageError::from(StorageIOError::write_vote(stop(&error))))?;
        self.inner.shared.index.lock().vote = Some(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.inner.shared.index.lock().vote)
    }

    /// A hint that only shortens a restart: it is written with the next group and costs no sync of its own.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        let Some(id) = committed else { return Ok(()) };
        self.inner.shared.index.lock().committed = Some(id);
        self.inner.shared.submit(vec![Record::Committed(id)], Done::Nobody);
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        let index = self.inner.shared.index.lock();
        // The hint may have outlived entries that a torn tail took with it.
        Ok(index.committed.min(index.last()))
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let mut records = Vec::new();
        let shared = &self.inner.shared;
        for entry in entries {
            let payload = payload_out(&entry.payload);
            if payload.len() > MAX_PAYLOAD {
                let refused = LogError::Refused(format!("entry of {} bytes is too large", payload.len()));
                return Err(write_error(&refused));
            }
            let record = Record::Entry(entry.log_id, payload);
            let pushed = shared.index.lock().push(entry.log_id, record.size(), None, Some(entry));
            pushed.map_err(|error| write_error(&error))?;
            records.push(record);
        }
        shared.submit(records, Done::Append(callback));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.inner.shared.index.lock().truncate(log_id.index);
        self.write(Record::Truncate(log_id.index)).await.map_err(|error| write_error(&error))
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.inner.shared.index.lock().purge(log_id);
        self.write(Record::Purge(log_id)).await.map_err(|error| write_error(&error))
    }
}
