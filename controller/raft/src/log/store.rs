//! The log as openraft sees it. Every write goes through the committer; reads come from memory or, where an entry is
//! old, from its segment.

use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use camino::Utf8PathBuf;
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{AnyError, LogState, RaftLogReader, StorageIOError};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::committer::Committer;
use super::cover::Cover;
use super::error::LogError;
use super::index::Read;
use super::queue::{Done, Durable, Shared};
use super::record::{MAX_PAYLOAD, Record};
use super::recover::recover;
use crate::codec::payload_out;
use crate::disk::Disk;
use crate::files::{DirLock, create_dir};
use crate::latency::LatencyCounts;
use crate::types::{Entry, LogId, StorageError, TypeConfig, Vote};
use crate::work::Work;

/// How many bytes of entries one read for replication answers, so that one call stays far below its limit.
const READ_BYTES: usize = 2 << 20;
/// How many entries one read for replication answers.
const READ_ENTRIES: u64 = 256;

/// A handle to the log; the log closes when the last one is gone.
#[derive(Clone)]
pub(crate) struct LogStore {
    inner: Arc<Inner>,
}

/// Where a log is, and how it is written.
pub(crate) struct LogPlace {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: Utf8PathBuf,
    pub(crate) segment_bytes: u64,
    /// The member whose log it is.
    pub(crate) id: u64,
    pub(crate) work: Work,
}

struct Inner {
    shared: Arc<Shared>,
    id: u64,
    work: Work,
    cover: Cover,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The writer where it is a task; it ends with the log, wherever it was.
    _task: JoinSet<()>,
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
    /// Opens the log of a directory, which the caller has locked. Blocks.
    pub(crate) fn open(place: LogPlace, lock: Arc<DirLock>) -> Result<Self, LogError> {
        let LogPlace { disk, dir, segment_bytes, id, work } = place;
        create_dir(&*disk, &dir)?;
        let (index, tail) = recover(&*disk, &dir)?;
        let shared = Shared::new(disk, &dir, index);
        let fills = matches!(work, Work::Threads);
        let mut committer = Committer::new(Arc::clone(&shared), tail, segment_bytes, fills);
        let (mut thread, mut task) = (None, JoinSet::new());
        match &work {
            Work::Threads => {
                let named = std::thread::Builder::new().name("raft-log".to_owned());
                let started = named.spawn(move || {
                    committer.run();
                    drop(lock);
                });
                let started =
                    started.map_err(|error| LogError::Refused(format!("start the log thread: {error}")))?;
                thread = Some(started);
            }
            Work::Inline(delay) => {
                let (shared, delay) = (Arc::clone(&shared), Arc::clone(delay));
                task.spawn(async move {
                    let _lock = lock;
                    while let Some(items) = shared.taken().await {
                        let written = committer.write(&items);
                        tokio::time::sleep(delay()).await;
                        committer.finish(items, written);
                    }
                });
            }
        }
        let (thread, cover) = (Mutex::new(thread), Cover::new());
        let inner = Inner { shared, id, work, cover, thread, _task: task };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Why the log refuses writes for good, if it does.
    pub(crate) fn failure(&self) -> Option<String> {
        self.inner.shared.failure()
    }

    /// Why the log has no space for more than what is under way, if so. It may have again.
    pub(crate) fn refusing(&self) -> Option<String> {
        self.inner.shared.refusing()
    }

    /// Bytes that can be written without any more space.
    pub(crate) fn room(&self) -> u64 {
        self.inner.shared.room()
    }

    /// Looks for space again where there was none.
    pub(crate) fn look_for_space(&self) {
        if self.refusing().is_some() {
            self.inner.shared.submit(Vec::new(), Done::Watched);
        }
    }

    /// Lets entries out of memory where none has come since this was asked last: everybody has them, and who does not is
    /// served from disk.
    pub(crate) fn rest(&self) {
        self.inner.shared.index.lock().rest();
    }

    /// Waits until the log refuses writes for good.
    pub(crate) async fn failed(&self) {
        let mut durable = self.inner.shared.durable.subscribe();
        // A log that is closed does not fail any more.
        if durable.wait_for(|durable| durable.failure.is_some()).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The state on disk reaches `index`: the log before it may go.
    pub(crate) fn covered(&self, index: u64) {
        let shared = &self.inner.shared;
        self.inner.cover.reaches(index, |id| shared.submit(vec![Record::Purge(id)], Done::Watched));
    }

    /// A snapshot that was to be installed was not saved.
    pub(crate) fn uncovered(&self) {
        self.inner.cover.lose();
    }

    /// Waits until an entry of the log is durable; one that the log does not have needs no waiting.
    pub(crate) async fn durable_to(&self, id: LogId) -> Result<(), LogError> {
        let shared = &self.inner.shared;
        let mut durable = shared.durable.subscribe();
        let written = |durable: &Durable| durable.failure.is_some() || !shared.index.lock().is_pending(id);
        let durable = durable.wait_for(written).await;
        let durable = durable.map_err(|_| LogError::Refused("the log is closed".to_owned()))?;
        match &durable.failure {
            Some(reason) if shared.index.lock().is_pending(id) => Err(LogError::Refused(reason.clone())),
            _ => Ok(()),
        }
    }

    /// How much of what openraft takes for committed is durable here: only that may be told to others.
    pub(crate) async fn durable_part(&self, committed: LogId, patience: Duration) -> Option<LogId> {
        if !patience.is_zero() {
            // In vain is no error: then less is told.
            drop(tokio::time::timeout(patience, self.durable_to(committed)).await);
        }
        let last = self.inner.shared.durable.borrow().last;
        last.map(|last| last.min(committed))
    }

    pub(crate) fn sync_time(&self) -> LatencyCounts {
        self.inner.shared.counters.sync_time.counts()
    }

    pub(crate) fn purged(&self) -> Option<LogId> {
        self.inner.shared.index.lock().purged
    }

    pub(crate) fn last(&self) -> Option<LogId> {
        self.inner.shared.index.lock().last()
    }

    pub(crate) fn terms(&self) -> Vec<(u64, u64)> {
        self.inner.shared.index.lock().terms()
    }

    /// Bytes of the entries that are not purged.
    pub(crate) fn bytes(&self) -> u64 {
        self.inner.shared.index.lock().bytes()
    }

    /// Bytes of the entries after an index.
    pub(crate) fn bytes_after(&self, index: u64) -> u64 {
        self.inner.shared.index.lock().bytes_after(index)
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

    /// The vote that was saved last.
    pub(crate) fn vote(&self) -> Option<Vote> {
        self.inner.shared.index.lock().vote
    }

    /// Entries from `from` on, for whoever has no runtime. Blocks.
    pub(crate) fn read_now(&self, from: u64, limit: usize) -> Result<Vec<Entry>, LogError> {
        let shared = &self.inner.shared;
        let found = shared.index.lock().read(&shared.dir, from, u64::MAX, limit);
        found.into_iter().map(load).collect()
    }

    /// Begins an empty log behind a snapshot. Blocks.
    pub(crate) fn begin_after(&self, vote: Vote, applied: LogId) -> Result<(), LogError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let shared = &self.inner.shared;
        shared.index.lock().purge(applied);
        shared.submit(vec![Record::Vote(vote), Record::Purge(applied)], Done::Call(sender));
        // On a thread of its own, because a thread of a runtime may not wait like this.
        let answer = std::thread::scope(|scope| scope.spawn(|| receiver.blocking_recv()).join());
        let gone = || LogError::Refused("the log thread ended".to_owned());
        answer.map_err(|_| gone())?.map_err(|_| gone())?
    }

    /// Appends what `make` makes of the next index, and waits until it is durable.
    #[cfg(feature = "measuring")]
    pub(crate) async fn append_next(&self, make: impl FnOnce(u64) -> Entry) -> Result<(), LogError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let shared = &self.inner.shared;
        {
            // Held over both, so that entries are written in the order of their places.
            let mut index = shared.index.lock();
            let entry = make(index.last().map_or(0, |last| last.index + 1));
            let (id, record) = (entry.log_id, Record::Entry(entry.log_id, payload_out(&entry.payload)));
            index.push(id, record.size(), None, Some(entry))?;
            shared.submit(vec![record], Done::Call(sender));
        }
        receiver.await.unwrap_or_else(|_| Err(LogError::Refused("the log thread ended".to_owned())))
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
        let loaded = self.inner.work.blocking(move || found.into_iter().map(load).collect()).await;
        loaded.unwrap_or_else(|_| Err(LogError::Refused("the reading task ended".to_owned())))
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
        let mut found = self.read(start, end, READ_BYTES).await.map_err(|error| read_error(&error))?;
        // A member that leads no more may purge what its replication still means to send: what is left would follow an
        // entry that it does not follow.
        if found.first().is_some_and(|first| first.log_id.index != start) {
            found.clear();
        }
        Ok(found)
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

    /// A member that led when it ended does not lead again without an election, as openraft would have it: it may have
    /// sent entries that its own disk does not have, and would give others their places.
    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        let vote = self.inner.shared.index.lock().vote;
        Ok(vote.map(|vote| match vote.leader_id.voted_for() {
            Some(own) if own == self.inner.id => Vote::new(vote.leader_id.term, own),
            _ => vote,
        }))
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
        if !self.inner.cover.settled().await {
            return Err(write_error(&LogError::Refused("the snapshot before it was not saved".to_owned())));
        }
        let mut records = Vec::new();
        let shared = &self.inner.shared;
        let mut leads = false;
        for entry in entries {
            let payload = payload_out(&entry.payload);
            if payload.len() > MAX_PAYLOAD {
                let refused = LogError::Refused(format!("entry of {} bytes is too large", payload.len()));
                return Err(write_error(&refused));
            }
            let record = Record::Entry(entry.log_id, payload);
            let mut index = shared.index.lock();
            leads = index.vote.is_some_and(|vote| own(&vote, self.inner.id, &entry.log_id));
            let last = index.last().map(|last| last.index);
            if last.is_some_and(|last| entry.log_id.index.saturating_sub(1) > last) {
                return Err(write_error(&LogError::Gap { last, found: entry.log_id.index }));
            }
            let pushed = index.push(entry.log_id, record.size(), None, Some(entry));
            drop(index);
            pushed.map_err(|error| write_error(&error))?;
            records.push(record);
        }
        if !leads {
            shared.submit(records, Done::Append(callback));
            return Ok(());
        }
        if let Some(reason) = shared.failure() {
            return Err(write_error(&LogError::Refused(reason)));
        }
        // The leader's own disk works while its followers' do (Raft, section 10.2.1 of Ongaro's thesis): openraft goes on
        // to replicate at once. What it takes for committed meanwhile is shown to nobody before it is durable here: the
        // machine waits in `apply`, and followers are told of no commit beyond it.
        shared.submit(records, Done::Watched);
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.inner.shared.truncate(log_id.index);
        self.write(Record::Truncate(log_id.index)).await.map_err(|error| write_error(&error))
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.inner.shared.index.lock().purge(log_id);
        if self.inner.cover.allows(log_id) {
            self.write(Record::Purge(log_id)).await.map_err(|error| write_error(&error))?;
        }
        self.inner.shared.durable.send_modify(|durable| durable.last = durable.last.max(Some(log_id)));
        Ok(())
    }
}

/// Whether a member appends an entry of its own term as the leader of it.
fn own(vote: &Vote, id: u64, entry: &LogId) -> bool {
    vote.committed
        && vote.leader_id.voted_for() == Some(id)
        && vote.leader_id.term == entry.leader_id.term
        && entry.leader_id.node_id == id
}
