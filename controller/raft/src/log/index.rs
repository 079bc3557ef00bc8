//! What the log holds, in memory: the place of every entry, the newest entries themselves, vote, purge and commit marks.
//! Knows files only as handles to read a cold entry from.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};

use super::error::LogError;
use super::record::{Found, HEADER, Record, parse};
use super::segment::path_of;
use crate::codec::entry_in;
use crate::disk::{DiskFile, Reading};
use crate::files::Act;
use crate::types::{Entry, LogId, Vote};

/// How many bytes of entries stay in memory; followers that lag further are served from disk.
const CACHE_BYTES: usize = 8 << 20;

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

#[derive(Debug)]
struct Slot {
    id: LogId,
    /// Bytes of the record on disk.
    size: usize,
    /// `None` until the record is written.
    place: Option<Place>,
    entry: Option<Entry>,
}

/// An entry to read from disk.
pub(super) struct Cold {
    id: LogId,
    size: usize,
    offset: u64,
    file: Arc<dyn DiskFile>,
    segment: Utf8PathBuf,
}

/// An entry from memory, or where it is on disk.
pub(super) enum Read {
    Hot(Entry),
    Cold(Cold),
}

/// The entries of the log and the marks beside them.
#[derive(Default)]
pub(super) struct Index {
    slots: VecDeque<Slot>,
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) purged: Option<LogId>,
    pub(super) files: BTreeMap<u64, Arc<dyn DiskFile>>,
    cached_bytes: usize,
    /// Slots before this index are out of memory already.
    evicted_to: u64,
    /// The last entry when it was asked whether the log rests.
    rested: Option<LogId>,
    bytes: u64,
}

impl Index {
    pub(super) fn last(&self) -> Option<LogId> {
        self.slots.back().map(|slot| slot.id).or(self.purged)
    }

    pub(super) fn first_index(&self) -> Option<u64> {
        self.slots.front().map(|slot| slot.id.index)
    }

    /// Index and term of every entry that is not purged.
    pub(super) fn terms(&self) -> Vec<(u64, u64)> {
        self.slots.iter().map(|slot| (slot.id.index, slot.id.leader_id.term)).collect()
    }

    /// Bytes of the entries that are not purged.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the entries after an index.
    pub(super) fn bytes_after(&self, index: u64) -> u64 {
        let after = self.slots.iter().rev().take_while(|slot| slot.id.index > index);
        after.map(|slot| u64::try_from(slot.size).unwrap_or(0)).sum()
    }

    /// The oldest segment that still holds an entry which is needed.
    pub(super) fn oldest_segment(&self) -> Option<u64> {
        self.slots.iter().filter_map(|slot| slot.place).map(|place| place.segment).min()
    }

    pub(super) fn push(
        &mut self,
        id: LogId,
        size: usize,
        place: Option<Place>,
        entry: Option<Entry>,
    ) -> Result<(), LogError> {
        let last = self.slots.back().map(|slot| slot.id.index);
        if last.is_some_and(|last| last.checked_add(1) != Some(id.index)) {
            return Err(LogError::Gap { last, found: id.index });
        }
        self.bytes += u64::try_from(size).unwrap_or(0);
        if entry.is_some() {
            self.cached_bytes += size;
        }
        self.slots.push_back(Slot { id, size, place, entry });
        Ok(())
    }

    /// Notes where an entry was written, and says whether the log still has it: one that was truncated meanwhile has no
    /// slot any more.
    pub(super) fn written(&mut self, id: LogId, place: Place) -> bool {
        let slot = self.position(id.index).and_then(|at| self.slots.get_mut(at)).filter(|slot| slot.id == id);
        let Some(slot) = slot else { return false };
        slot.place = Some(place);
        true
    }

    /// Whether an entry is in the log and not yet on disk.
    pub(super) fn is_pending(&self, id: LogId) -> bool {
        let slot = self.position(id.index).and_then(|at| self.slots.get(at));
        slot.is_some_and(|slot| slot.id == id && slot.place.is_none())
    }

    /// Lets the oldest written entries out of memory until the rest fits.
    pub(super) fn shrink(&mut self) {
        self.shrink_to(CACHE_BYTES);
    }

    /// Lets every written entry out of memory where none has come since this was asked last.
    pub(super) fn rest(&mut self) {
        let last = self.last();
        if std::mem::replace(&mut self.rested, last) == last {
            self.shrink_to(0);
            self.slots.shrink_to_fit();
        }
    }

    fn shrink_to(&mut self, bytes: usize) {
        while self.cached_bytes > bytes {
            let first = self.first_index().unwrap_or(0);
            self.evicted_to = self.evicted_to.max(first);
            let at = self.position(self.evicted_to);
            let Some(slot) = at.and_then(|at| self.slots.get_mut(at)) else { return };
            if slot.place.is_none() {
                return;
            }
            if slot.entry.take().is_some() {
                self.cached_bytes = self.cached_bytes.saturating_sub(slot.size);
            }
            self.evicted_to += 1;
        }
    }

    pub(super) fn truncate(&mut self, from: u64) {
        while self.slots.back().is_some_and(|slot| slot.id.index >= from) {
            let slot = self.slots.pop_back();
            self.forget(slot);
        }
        self.evicted_to = self.evicted_to.min(from);
    }

    pub(super) fn purge(&mut self, upto: LogId) {
        while self.slots.front().is_some_and(|slot| slot.id.index <= upto.index) {
            let slot = self.slots.pop_front();
            self.forget(slot);
        }
        self.purged = self.purged.max(Some(upto));
    }

    fn forget(&mut self, slot: Option<Slot>) {
        let Some(slot) = slot else { return };
        self.bytes = self.bytes.saturating_sub(u64::try_from(slot.size).unwrap_or(0));
        if slot.entry.is_some() {
            self.cached_bytes = self.cached_bytes.saturating_sub(slot.size);
        }
    }

    /// The entries of `[from, to)` that are there, cut after `limit` bytes but never empty for that reason.
    pub(super) fn read(&self, dir: &Utf8Path, from: u64, to: u64, limit: usize) -> Vec<Read> {
        let first = self.first_index().unwrap_or(u64::MAX);
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut index = from.max(first);
        while index < to && (bytes < limit || found.is_empty()) {
            let Some(slot) = self.position(index).and_then(|at| self.slots.get(at)) else { break };
            let Some(read) = self.read_slot(dir, slot) else { break };
            found.push(read);
            bytes += slot.size;
            index += 1;
        }
        found
    }

    fn read_slot(&self, dir: &Utf8Path, slot: &Slot) -> Option<Read> {
        if let Some(entry) = &slot.entry {
            return Some(Read::Hot(entry.clone()));
        }
        let place = slot.place?;
        let file = self.files.get(&place.segment)?;
        Some(Read::Cold(Cold {
            id: slot.id,
            size: slot.size,
            offset: place.offset,
            file: Arc::clone(file),
            segment: path_of(dir, place.segment),
        }))
    }

    fn position(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.first_index()?)?).ok()
    }
}

impl Cold {
    /// Reads and checks the entry; blocks.
    pub(super) fn load(self) -> Result<Entry, LogError> {
        let mut bytes = vec![0; self.size.max(HEADER)];
        let mut reading = Reading { file: Arc::clone(&self.file), offset: self.offset };
        reading.read_exact(&mut bytes).act("read segment", &self.segment)?;
        let what = match parse(&Bytes::from(bytes)) {
            Found::Record(parsed) => match parsed.record {
                Record::Entry(id, payload) if id == self.id => {
                    return entry_in(id, payload)
                        .map_err(|source| LogError::Decode { index: id.index, source });
                }
                _ => "another record stands where an entry was written",
            },
            Found::Empty => "an entry that was written is gone",
            Found::Bad(what) => what,
        };
        Err(LogError::Corrupt { segment: self.segment, offset: self.offset, what: what.to_owned() })
    }
}
