//! The one writer of the log: it drains the queue, writes one group, syncs once, then tells everybody. The first error
//! ends writing for good, because after a failed sync nobody knows what the disk holds. The space of the next segment is
//! reserved ahead, so that a full disk is known while what is under way can still be written.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use camino::Utf8Path;

use super::index::Place;
use super::marks::Marks;
use super::queue::{Item, Shared, tell};
use super::record::{Link, Record};
use super::recover::Tail;
use super::segment::{SEGMENT_HEADER, SegmentHeader, Spare, begin, path_of, release, reserve};
use crate::disk::DiskFile;
use crate::files::{Act, FileError, sync_dir};
use crate::types::LogId;

/// The state of the writer.
pub(super) struct Committer {
    shared: Arc<Shared>,
    file: Option<Arc<dyn DiskFile>>,
    spare: Option<Spare>,
    tail: Tail,
    segment_bytes: u64,
    marks: Marks,
    group: Vec<Record>,
    group_bytes: usize,
    /// Whether reserved space is filled with zeroes, by a thread, before it is used.
    fills: bool,
}

/// A group that was written and is not synced yet.
pub(super) struct Written {
    bytes: u64,
    prev: u32,
    places: Vec<(LogId, Place)>,
}

impl Committer {
    pub(super) fn new(shared: Arc<Shared>, mut tail: Tail, segment_bytes: u64, fills: bool) -> Self {
        let index = shared.index.lock();
        let marks = Marks { vote: index.vote, purged: index.purged, committed: index.committed };
        let file = tail.segment.and_then(|sequence| index.files.get(&sequence).map(Arc::clone));
        drop(index);
        if !tail.clean {
            tail.next_group = tail.next_group.wrapping_add(1);
        }
        let (spare, group) = (None, Vec::new());
        let mut new = Self { shared, file, spare, tail, segment_bytes, marks, group, group_bytes: 0, fills };
        new.provide();
        new
    }

    /// Writes and syncs until the log is closed. Blocks.
    pub(super) fn run(&mut self) {
        while let Some(items) = self.shared.take() {
            let written = self.write(&items);
            self.finish(items, written);
        }
        // Nobody writes here any more when the directory is free for another.
        self.spare = None;
    }

    /// Writes one group; it is durable once it was finished.
    pub(super) fn write(&mut self, items: &[Item]) -> Result<Option<Written>, String> {
        match self.shared.failure() {
            Some(reason) => Err(reason),
            None => self.write_all(items).map_err(|error| self.fail(&error)),
        }
    }

    /// Syncs what was written, tells everybody, and looks after the space of the next segment.
    pub(super) fn finish(&mut self, items: Vec<Item>, written: Result<Option<Written>, String>) {
        let purged = items.iter().flat_map(|item| &item.records).any(|r| matches!(r, Record::Purge(_)));
        let result = written.and_then(|written| {
            let synced = written.map_or(Ok(()), |written| self.sync(written));
            let synced = synced.and_then(|()| if purged { self.delete_old() } else { Ok(()) });
            synced.map_err(|error| self.fail(&error))
        });
        for item in items {
            tell(item.done, &result);
        }
        if result.is_ok() {
            self.provide();
        }
    }

    fn fail(&self, error: &FileError) -> String {
        let reason = error.reason();
        tracing::error!(reason, "the raft log refuses writes from now on");
        self.shared.fail(&reason);
        reason
    }

    /// Reserves the next segment, or says that there is no space for it.
    fn provide(&mut self) {
        let refusing = if self.spare.is_some() {
            None
        } else {
            match reserve(&*self.shared.disk, &self.shared.dir, self.segment_bytes) {
                Ok(mut spare) => {
                    if self.fills {
                        spare.fill();
                    }
                    self.spare = Some(spare);
                    None
                }
                Err(error) => Some(error.reason()),
            }
        };
        let here = if self.tail.clean && self.file.is_some() {
            self.segment_bytes.saturating_sub(self.tail.offset)
        } else {
            0
        };
        let ahead = self.spare.as_ref().map_or(0, |spare| spare.bytes);
        self.shared.space(refusing, here + ahead);
    }

    fn write_all(&mut self, items: &[Item]) -> Result<Option<Written>, FileError> {
        self.group.clear();
        self.group_bytes = 0;
        for record in items.iter().flat_map(|item| &item.records) {
            self.place(record)?;
        }
        self.write_group()
    }

    /// Adds a record to the group; where the segment is full the group is finished first, so that no group spans two.
    fn place(&mut self, record: &Record) -> Result<(), FileError> {
        let end = self.tail.offset + bytes(self.group_bytes) + bytes(record.size());
        if self.file.is_none() || !self.tail.clean || end > self.segment_bytes {
            if let Some(written) = self.write_group()? {
                self.sync(written)?;
            }
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
        let least = bytes(SEGMENT_HEADER + needed + marks.iter().map(Record::size).sum::<usize>());
        let (disk, dir) = (&*self.shared.disk, &self.shared.dir);
        let spare = match self.spare.take() {
            Some(spare) if spare.bytes >= least => spare,
            Some(small) => {
                release(disk, dir, small)?;
                reserve(disk, dir, least)?
            }
            None => reserve(disk, dir, self.segment_bytes.max(least))?,
        };
        let file = begin(disk, dir, header, spare)?;
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

    fn write_group(&mut self) -> Result<Option<Written>, FileError> {
        let (Some(file), Some(segment)) = (self.file.as_ref(), self.tail.segment) else { return Ok(None) };
        if self.group.is_empty() {
            return Ok(None);
        }
        let (buffer, places, prev) = self.encode(segment);
        let path = path_of(&self.shared.dir, segment);
        file.write_at(&buffer, self.tail.offset).act("write segment", &path)?;
        Ok(Some(Written { bytes: bytes(buffer.len()), prev, places }))
    }

    fn sync(&mut self, written: Written) -> Result<(), FileError> {
        let (Some(file), Some(segment)) = (self.file.as_ref(), self.tail.segment) else { return Ok(()) };
        let began = Instant::now();
        file.sync_data().act("sync segment", &path_of(&self.shared.dir, segment))?;
        let counters = &self.shared.counters;
        counters.sync_time.note(began.elapsed());
        counters.fsyncs.fetch_add(1, Ordering::Relaxed);
        counters.records.fetch_add(bytes(self.group.len()), Ordering::Relaxed);
        self.tail.prev = written.prev;
        self.tail.offset += written.bytes;
        self.tail.next_group = self.tail.next_group.wrapping_add(1);
        self.group.clear();
        self.group_bytes = 0;
        self.shared.durable(&written.places);
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
        let dir: &Utf8Path = &self.shared.dir;
        for sequence in old.keys() {
            let path = path_of(dir, *sequence);
            self.shared.disk.remove(&path).act("delete segment", &path)?;
        }
        if old.is_empty() { Ok(()) } else { sync_dir(&*self.shared.disk, dir) }
    }
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
