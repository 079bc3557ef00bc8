//! The one thread that writes the log: it drains the queue, writes one group, syncs once, then tells everybody. The first
//! error ends writing for good, because after a failed sync nobody knows what the disk holds.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use camino::{Utf8Path, Utf8PathBuf};
use parking_lot::{Condvar, Mutex};

use super::error::LogError;
use super::index::{Index, Place};
use super::record::{Link, Record};
use super::recover::Tail;
use super::segment::{SEGMENT_HEADER, SegmentHeader, create, path_of};
use crate::files::{Act, DirLock, FileError, sync_dir};
use crate::types::{LogId, TypeConfig, Vote};

/// How much is written at once; more waits for the next group so that one group never fills the memory.
const MAX_GROUP_BYTES: usize = 8 << 20;

/// Whom to tell when records are durable.
pub(super) enum Done {
    Append(openraft::storage::LogFlushed<TypeConfig>),
    Call(tokio::sync::oneshot::Sender<Result<(), LogError>>),
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
}

struct Item {
    records: Vec<Record>,
    done: Done,
}

#[derive(Default)]
struct Queue {
    items: Vec<Item>,
    wanted: bool,
    closed: bool,
}

/// What the committer shares with the store.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    pub(super) index: Mutex<Index>,
    pub(super) failure: Mutex<Option<String>>,
    pub(super) counters: LogCounters,
    pub(super) dir: Utf8PathBuf,
}

impl Shared {
    pub(super) fn new(dir: &Utf8Path, index: Index) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            wake: Condvar::new(),
            index: Mutex::new(index),
            failure: Mutex::new(None),
            counters: LogCounters::default(),
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
            self.wake.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.queue.lock().closed = true;
        self.wake.notify_one();
    }

    /// The items to write next, or `None` when the log is closed and everything was handed out.
    fn take(&self) -> Option<Vec<Item>> {
        let mut queue = self.queue.lock();
        while !queue.wanted && !queue.closed {
            self.wake.wait(&mut queue);
        }
        if queue.items.is_empty() && queue.closed {
            return None;
        }
        let mut bytes = 0;
        let many = queue.items.iter().take_while(|item| {
            let fits = bytes < MAX_GROUP_BYTES;
            bytes += item.records.iter().map(Record::size).sum::<usize>();
            fits
        });
        let many = many.count();
        let taken: Vec<Item> = queue.items.drain(..many).collect();
        queue.wanted = queue.items.iter().any(|item| !matches!(item.done, Done::Nobody));
        Some(taken)
    }
}

/// The marks that a new segment repeats, so that older segments can be deleted.
#[derive(Default)]
struct Marks {
    vote: Option<Vote>,
    purged: Option<LogId>,
    committed: Option<LogId>,
}

impl Marks {
    fn note(&mut self, record: &Record) {
        match record {
            Record::Vote(vote) => self.vote = Some(*vote),
            Record::Purge(id) => self.purged = self.purged.max(Some(*id)),
            Record::Committed(id) => self.committed = Some(*id),
            Record::Entry(..) | Record::Truncate(_) => {}
        }
    }

    fn records(&self) -> impl Iterator<Item = Record> {
        let vote = self.vote.map(Record::Vote);
        vote.into_iter().chain(self.purged.map(Record::Purge)).chain(self.committed.map(Record::Committed))
    }
}

struct Committer {
    shared: Arc<Shared>,
    file: Option<Arc<File>>,
    tail: Tail,
    segment_bytes: u64,
    marks: Marks,
    group: Vec<Record>,
    group_bytes: usize,
}

/// Starts the thread. It ends when the log is closed, and holds the directory lock until then.
pub(super) fn start(
    shared: Arc<Shared>,
    tail: Tail,
    segment_bytes: u64,
    lock: Arc<DirLock>,
) -> std::io::Result<JoinHandle<()>> {
    let index = shared.index.lock();
    let marks = Marks { vote: index.vote, purged: index.purged, committed: index.committed };
    let file = tail.segment.and_then(|sequence| index.files.get(&sequence).map(Arc::clone));
    drop(index);
    let mut committer =
        Committer { shared, file, tail, segment_bytes, marks, group: Vec::new(), group_bytes: 0 };
    if !tail.clean {
        committer.tail.next_group = tail.next_group.wrapping_add(1);
    }
    std::thread::Builder::new().name("raft-log".to_owned()).spawn(move || {
        committer.run();
        drop(lock);
    })
}

impl Committer {
    fn run(&mut self) {
        while let Some(items) = self.shared.take() {
            let failed = self.shared.failure.lock().clone();
            let result = match failed {
                Some(reason) => Err(reason),
                None => self.commit(&items).map_err(|error| self.fail(&error)),
            };
            for item in items {
                tell(item.done, &result);
            }
        }
    }

    fn fail(&self, error: &FileError) -> String {
        let reason = error.reason();
        tracing::error!(reason, "the raft log refuses writes from now on");
        *self.shared.failure.lock() = Some(reason.clone());
        reason
    }

    fn commit(&mut self, items: &[Item]) -> Result<(), FileError> {
        self.group.clear();
        self.group_bytes = 0;
        let mut purged = false;
        for record in items.iter().flat_map(|item| &item.records) {
            self.place(record)?;
            purged |= matches!(record, Record::Purge(_));
        }
        self.flush()?;
        if purged { self.delete_old() } else { Ok(()) }
    }

    /// Adds a record to the group; where the segment is full the group is finished first, so that no group spans two.
    fn place(&mut self, record: &Record) -> Result<(), FileError> {
        let end = self.tail.offset + bytes(self.group_bytes) + bytes(record.size());
        if self.file.is_none() || !self.tail.clean || end > self.segment_bytes {
            self.flush()?;
            self.roll(record.size())?;
        }
        self.add(record.clone());
        Ok(())
    }

    fn add(&mut self, record: Record) {
        self.marks.note(&record);
        self.group_bytes += record.size();
        self.group.push(record);
    }

    /// Opens the next segment and begins it with the marks.
    fn roll(&mut self, needed: usize) -> Result<(), FileError> {
        let sequence = self.tail.segment.map_or(0, |sequence| sequence + 1);
        let header = SegmentHeader { sequence, prev: self.tail.prev, group: self.tail.next_group };
        let marks: Vec<Record> = self.marks.records().collect();
        let least = SEGMENT_HEADER + needed + marks.iter().map(Record::size).sum::<usize>();
        let file = Arc::new(create(&self.shared.dir, header, self.segment_bytes.max(bytes(least)))?);
        self.shared.counters.fsyncs.fetch_add(1, Ordering::Relaxed);
        self.shared.index.lock().files.insert(sequence, Arc::clone(&file));
        self.file = Some(file);
        self.tail.segment = Some(sequence);
        self.tail.offset = bytes(SEGMENT_HEADER);
        self.tail.clean = true;
        for mark in marks {
            self.add(mark);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), FileError> {
        let (Some(file), Some(segment)) = (self.file.as_ref(), self.tail.segment) else { return Ok(()) };
        if self.group.is_empty() {
            return Ok(());
        }
        let path = path_of(&self.shared.dir, segment);
        let (buffer, places, prev) = self.encode(segment);
        file.write_all_at(&buffer, self.tail.offset).act("write segment", &path)?;
        file.sync_data().act("sync segment", &path)?;
        self.shared.counters.fsyncs.fetch_add(1, Ordering::Relaxed);
        self.shared.counters.records.fetch_add(bytes(self.group.len()), Ordering::Relaxed);
        self.tail.prev = prev;
        self.tail.offset += bytes(buffer.len());
        self.tail.next_group = self.tail.next_group.wrapping_add(1);
        let mut index = self.shared.index.lock();
        for (id, place) in places {
            index.written(id, place);
        }
        index.shrink();
        drop(index);
        self.group.clear();
        self.group_bytes = 0;
        Ok(())
    }

    fn encode(&self, segment: u64) -> (Vec<u8>, Vec<(LogId, Place)>, u32) {
        let mut buffer = Vec::with_capacity(self.group_bytes);
        let mut places = Vec::new();
        let mut prev = self.tail.prev;
        for (nth, record) in self.group.iter().enumerate() {
            if let Record::Entry(id, _) = record {
                places.push((*id, Place { segment, offset: self.tail.offset + bytes(buffer.len()) }));
            }
            let ends_group = nth + 1 == self.group.len();
            prev = record.encode(Link { prev, group: self.tail.next_group, ends_group }, &mut buffer);
        }
        (buffer, places, prev)
    }

    /// Deletes the segments before the oldest one that is needed. The marks of a deleted segment stand at the head of its
    /// successor, which was synced before anything followed it.
    fn delete_old(&self) -> Result<(), FileError> {
        let Some(current) = self.tail.segment else { return Ok(()) };
        let mut index = self.shared.index.lock();
        let keep = index.oldest_segment().map_or(current, |oldest| oldest.min(current));
        let kept = index.files.split_off(&keep);
        let old = std::mem::replace(&mut index.files, kept);
        drop(index);
        for sequence in old.keys() {
            let path = path_of(&self.shared.dir, *sequence);
            fs::remove_file(&path).act("delete segment", &path)?;
        }
        if old.is_empty() { Ok(()) } else { sync_dir(&self.shared.dir) }
    }
}

fn tell(done: Done, result: &Result<(), String>) {
    let result = result.clone().map_err(LogError::Refused);
    match done {
        Done::Append(callback) => callback.log_io_completed(result.map_err(LogError::into_io)),
        // A caller that no longer waits has given up on the answer, not on the record.
        Done::Call(sender) => drop(sender.send(result)),
        Done::Nobody => {}
    }
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
