//! What the writer of the log shares with those who use it: the queue, the index, how far the log is durable, and whether
//! it refuses writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use parking_lot::{Condvar, Mutex};
use tokio::sync::{Notify, watch};

use super::error::LogError;
use super::index::{Index, Place};
use super::record::Record;
use crate::disk::Disk;
use crate::latency::Recorder;
use crate::types::{LogId, TypeConfig};

/// How much is written at once; more waits for the next group so that one group never fills the memory.
const MAX_GROUP_BYTES: usize = 8 << 20;

/// Whom to tell when records are durable.
pub(super) enum Done {
    Append(openraft::storage::LogFlushed<TypeConfig>),
    Call(tokio::sync::oneshot::Sender<Result<(), LogError>>),
    /// Written at once; whoever cares looks at how far the log is durable.
    Watched,
    /// Written with whatever comes next; nobody waits, and nothing depends on it.
    Nobody,
}

/// Counters of the log since it was opened.
#[derive(Debug, Default)]
pub(crate) struct LogCounters {
    /// Syncs of a segment, one for each group of records, and the syncs of new segments.
    pub(crate) fsyncs: AtomicU64,
    /// Records written.
    pub(crate) records: AtomicU64,
    /// How long syncs took.
    pub(crate) sync_time: Recorder,
}

/// Records to write together.
pub(super) struct Item {
    pub(super) records: Vec<Record>,
    pub(super) done: Done,
}

#[derive(Default)]
struct Queue {
    items: Vec<Item>,
    wanted: bool,
    closed: bool,
}

/// How far the log is on disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Durable {
    /// The last entry that survives a power cut.
    pub(crate) last: Option<LogId>,
    /// Why nothing more will become durable.
    pub(crate) failure: Option<String>,
}

/// What the writer shares with the store.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    woken: Notify,
    pub(super) index: Mutex<Index>,
    pub(super) durable: watch::Sender<Durable>,
    refusing: Mutex<Option<String>>,
    room: AtomicU64,
    pub(super) counters: LogCounters,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: Utf8PathBuf,
}

impl Shared {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: &Utf8Path, index: Index) -> Arc<Self> {
        let durable = watch::Sender::new(Durable { last: index.last(), failure: None });
        Arc::new(Self {
            queue: Mutex::default(),
            wake: Condvar::new(),
            woken: Notify::new(),
            index: Mutex::new(index),
            durable,
            refusing: Mutex::new(None),
            room: AtomicU64::new(0),
            counters: LogCounters::default(),
            disk,
            dir: dir.to_owned(),
        })
    }

    pub(super) fn submit(&self, records: Vec<Record>, done: Done) {
        let mut queue = self.queue.lock();
        queue.wanted |= !matches!(done, Done::Nobody);
        let wake = queue.wanted;
        queue.items.push(Item { records, done });
        drop(queue);
        if wake {
            self.call();
        }
    }

    fn call(&self) {
        self.wake.notify_one();
        self.woken.notify_one();
    }

    pub(super) fn close(&self) {
        self.queue.lock().closed = true;
        self.call();
    }

    /// The items to write next, or `None` when the log is closed and everything was handed out. Blocks.
    pub(super) fn take(&self) -> Option<Vec<Item>> {
        let mut queue = self.queue.lock();
        while !queue.wanted && !queue.closed {
            self.wake.wait(&mut queue);
        }
        queue.take()
    }

    /// As [`Shared::take`], for a writer that is a task.
    pub(super) async fn taken(&self) -> Option<Vec<Item>> {
        loop {
            let woken = self.woken.notified();
            {
                let mut queue = self.queue.lock();
                if queue.wanted || queue.closed {
                    return queue.take();
                }
            }
            woken.await;
        }
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.durable.borrow().failure.clone()
    }

    /// Nothing is written from now on.
    pub(super) fn fail(&self, reason: &str) {
        self.durable.send_modify(|durable| durable.failure = Some(reason.to_owned()));
    }

    /// Entries were synced to these places.
    pub(super) fn durable(&self, places: &[(LogId, Place)]) {
        let mut index = self.index.lock();
        // An entry that was truncated meanwhile is on disk, and not in the log.
        let last = places.iter().filter(|(id, place)| index.written(*id, *place)).last();
        index.shrink();
        // Let go first: whoever waits looks into the index while it holds the place that is told.
        drop(index);
        if let Some((last, _)) = last {
            self.durable.send_modify(|durable| durable.last = Some(*last));
        }
    }

    /// Forgets the entries from an index on.
    pub(super) fn truncate(&self, from: u64) {
        let mut index = self.index.lock();
        index.truncate(from);
        let last = index.last();
        drop(index);
        self.durable.send_modify(|durable| durable.last = durable.last.min(last));
    }

    /// Whether the next segment has its space, and how much can still be written without it.
    pub(super) fn space(&self, refusing: Option<String>, room: u64) {
        self.room.store(room, Ordering::Relaxed);
        let mut known = self.refusing.lock();
        if known.is_none()
            && let Some(reason) = &refusing
        {
            tracing::error!(
                reason,
                room,
                "no space for the next segment of the raft log: writes are refused"
            );
        } else if known.is_some() && refusing.is_none() {
            tracing::info!("there is space again for the raft log");
        }
        *known = refusing;
    }

    pub(super) fn refusing(&self) -> Option<String> {
        self.refusing.lock().clone()
    }

    pub(super) fn room(&self) -> u64 {
        self.room.load(Ordering::Relaxed)
    }
}

impl Queue {
    fn take(&mut self) -> Option<Vec<Item>> {
        if self.items.is_empty() && self.closed {
            return None;
        }
        let mut bytes = 0;
        let many = self.items.iter().take_while(|item| {
            let fits = bytes < MAX_GROUP_BYTES;
            bytes += item.records.iter().map(Record::size).sum::<usize>();
            fits
        });
        let many = many.count();
        let taken: Vec<Item> = self.items.drain(..many).collect();
        self.wanted = self.items.iter().any(|item| !matches!(item.done, Done::Nobody));
        Some(taken)
    }
}

/// Tells whoever waits how writing ended.
pub(super) fn tell(done: Done, result: &Result<(), String>) {
    let result = result.clone().map_err(LogError::Refused);
    match done {
        Done::Append(callback) => callback.log_io_completed(result.map_err(LogError::into_io)),
        // A caller that no longer waits has given up on the answer, not on the record.
        Done::Call(sender) => drop(sender.send(result)),
        Done::Watched | Done::Nobody => {}
    }
}
