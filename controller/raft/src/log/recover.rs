//! Reads the segments back after a start: replays the records, cuts a torn tail, names corruption.

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};

use super::error::LogError;
use super::index::{Index, Place};
use super::record::{Found, Parsed, Record, later_group, parse};
use super::segment::{SEGMENT_HEADER, SegmentHeader, list, path_of, read};
use crate::codec::entry_in;
use crate::disk::Disk;
use crate::files::{Act, sync_dir};

/// A segment never grows past this, whatever its configured size: one record more than the greatest configured segment.
const MAX_SEGMENT_BYTES: u64 = 256 << 20;

/// Where writing goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    /// The newest segment, `None` in a new directory.
    pub(super) segment: Option<u64>,
    pub(super) offset: u64,
    pub(super) prev: u32,
    pub(super) next_group: u32,
    /// Whether the newest segment ends in a whole group; if not, writing goes on in a new one, so that every group of a
    /// segment but its last one is whole.
    pub(super) clean: bool,
}

struct Replay<'a> {
    disk: &'a dyn Disk,
    dir: &'a Utf8Path,
    index: Index,
    tail: Tail,
}

/// Replays every segment of `dir`.
pub(super) fn recover(disk: &dyn Disk, dir: &Utf8Path) -> Result<(Index, Tail), LogError> {
    let sequences = list(disk, dir)?;
    let tail = Tail { segment: None, offset: 0, prev: 0, next_group: 1, clean: false };
    let mut replay = Replay { disk, dir, index: Index::default(), tail };
    let newest = sequences.last().copied();
    for sequence in sequences {
        replay.segment(sequence, newest == Some(sequence))?;
    }
    replay.finish()
}

impl Replay<'_> {
    fn segment(&mut self, sequence: u64, newest: bool) -> Result<(), LogError> {
        let path = path_of(self.dir, sequence);
        let (file, header, bytes) = read(self.disk, &path, MAX_SEGMENT_BYTES)?;
        self.follows(&path, header)?;
        self.index.files.insert(sequence, file);
        self.tail = Tail {
            segment: Some(sequence),
            offset: 0,
            prev: header.prev,
            next_group: header.group,
            clean: true,
        };
        let mut at = SEGMENT_HEADER;
        let mut group = at;
        loop {
            let rest = bytes.slice(at.min(bytes.len())..);
            match self.next(&rest) {
                Ok(parsed) => {
                    let place = Place { segment: sequence, offset: offset(at) };
                    // Until the first record the tail is that of a header, which counts as a group that has ended.
                    if self.tail.clean {
                        group = at;
                    }
                    at += parsed.size;
                    self.record(&path, place, parsed)?;
                }
                Err(what) => {
                    self.tail.offset = offset(at);
                    self.end(&path, &rest, what, newest)?;
                    let last = bytes.get(group..at).unwrap_or_default();
                    return if newest { self.harden(&path, last) } else { Ok(()) };
                }
            }
        }
    }

    /// The segments form one chain: none is missing between the oldest and the newest.
    fn follows(&self, path: &Utf8Path, header: SegmentHeader) -> Result<(), LogError> {
        let Some(before) = self.tail.segment else { return Ok(()) };
        if before.checked_add(1) == Some(header.sequence) && header.prev == self.tail.prev {
            return Ok(());
        }
        let what = format!("it does not continue segment {before:016x} at byte {}", self.tail.offset);
        Err(LogError::Corrupt { segment: path.to_owned(), offset: 0, what })
    }

    /// The record at the start of `rest` if it continues the chain, or what stands there instead.
    fn next(&self, rest: &Bytes) -> Result<Parsed, &'static str> {
        match parse(rest) {
            Found::Record(parsed) if parsed.link.prev != self.tail.prev => {
                Err("the record does not continue the one before")
            }
            Found::Record(parsed) if parsed.link.group != self.tail.next_group => {
                Err("a group of records is missing")
            }
            Found::Record(parsed) => Ok(parsed),
            Found::Empty => Err("nothing was written here"),
            Found::Bad(what) => Err(what),
        }
    }

    fn record(&mut self, path: &Utf8Path, place: Place, parsed: Parsed) -> Result<(), LogError> {
        self.tail.prev = parsed.crc;
        self.tail.clean = parsed.link.ends_group;
        if parsed.link.ends_group {
            self.tail.next_group = self.tail.next_group.wrapping_add(1);
        }
        match parsed.record {
            Record::Vote(vote) => self.index.vote = Some(vote),
            Record::Committed(id) => self.index.committed = Some(id),
            Record::Truncate(from) => self.index.truncate(from),
            Record::Purge(upto) => self.index.purge(upto),
            Record::Entry(id, payload) => {
                // Decoded now, so that an entry nobody can read stops the start and not the apply. As a copy of its own:
                // one small entry would keep the whole segment in memory.
                let entry = entry_in(id, Bytes::copy_from_slice(&payload))
                    .map_err(|source| LogError::Decode { index: id.index, source })?;
                self.index.push(id, parsed.size, Some(place), Some(entry)).map_err(|gap| {
                    LogError::Corrupt {
                        segment: path.to_owned(),
                        offset: place.offset,
                        what: gap.to_string(),
                    }
                })?;
                self.index.shrink();
            }
        }
        Ok(())
    }

    /// The records end here. In the newest segment that is where writing stopped, perhaps in the middle of a group; a
    /// whole record of a later group behind it proves that this place had been synced, and so does an older segment,
    /// whose successor exists only because it was synced to its end.
    fn end(&mut self, path: &Utf8Path, rest: &Bytes, what: &str, newest: bool) -> Result<(), LogError> {
        let blank = rest.iter().all(|byte| *byte == 0);
        if blank {
            return Ok(());
        }
        // An older segment that was cut is cut for good, so there its bytes after the end are decay too.
        let behind = later_group(rest, self.tail.next_group);
        if !newest || behind.is_some() {
            let seen =
                behind.map(|at| format!("; a later record stands at byte {}", self.tail.offset + offset(at)));
            return Err(LogError::Corrupt {
                segment: path.to_owned(),
                offset: self.tail.offset,
                what: format!("{what}{}", seen.unwrap_or_default()),
            });
        }
        tracing::warn!(segment = %path, offset = self.tail.offset, what, "cut a torn record off the raft log");
        self.cut(path)
    }

    /// Writes the last group again and syncs it. The process before this one may have ended because that sync failed: then
    /// the group is read back from memory, and the system never writes it by itself.
    fn harden(&self, path: &Utf8Path, group: &[u8]) -> Result<(), LogError> {
        if let Some(file) = self.tail.segment.and_then(|sequence| self.index.files.get(&sequence)) {
            let at = self.tail.offset.saturating_sub(offset(group.len()));
            file.write_at(group, at).act("write segment", path)?;
            file.sync().act("sync segment", path)?;
        }
        Ok(sync_dir(self.disk, self.dir)?)
    }

    fn cut(&mut self, path: &Utf8Path) -> Result<(), LogError> {
        let file = self.tail.segment.and_then(|sequence| self.index.files.get(&sequence));
        if let Some(file) = file {
            file.set_len(self.tail.offset).act("cut segment", path)?;
            file.sync().act("sync segment", path)?;
        }
        self.tail.clean = false;
        Ok(())
    }

    fn finish(self) -> Result<(Index, Tail), LogError> {
        let after_purge = self.index.purged.map(|id| id.index.saturating_add(1));
        if let (Some(wanted), Some(first)) = (after_purge, self.index.first_index())
            && wanted != first
        {
            let segment: Utf8PathBuf = path_of(self.dir, self.index.oldest_segment().unwrap_or(0));
            let what = format!("the log was purged to {wanted} but its first entry is {first}");
            return Err(LogError::Corrupt { segment, offset: 0, what });
        }
        Ok((self.index, self.tail))
    }
}

fn offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}
