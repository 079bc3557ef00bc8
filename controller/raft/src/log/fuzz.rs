//! Entries for the fuzzers: segments from a memory instead of a disk, and checksums put right so that what lies behind them
//! is reached.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use camino::Utf8Path;

use super::index::Read;
use super::record::{Found, HEADER, Link, Record, later_group, parse};
use super::recover::recover;
use super::segment::SEGMENT_HEADER;
use crate::codec::payload_out;
use crate::disk::{Disk, DiskFile};
use crate::types::{Batch, Entry, LogId, Vote, log_id};

/// One segment that can only be read.
struct Memory(Bytes);

impl Disk for Memory {
    fn create_dir(&self, _: &Utf8Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, _: &Utf8Path) -> io::Result<Vec<String>> {
        Ok(vec![format!("{:016x}.log", 1)])
    }

    fn open(&self, _: &Utf8Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(Memory(self.0.clone())))
    }

    fn create(&self, _: &Utf8Path, _: u64) -> io::Result<Arc<dyn DiskFile>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn rename(&self, _: &Utf8Path, _: &Utf8Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&self, _: &Utf8Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_dir(&self, _: &Utf8Path) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self, _: &Utf8Path) -> io::Result<u64> {
        Ok(0)
    }

    fn lock(&self, _: &Utf8Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        Ok(Some(Box::new(())))
    }
}

impl DiskFile for Memory {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.0.get(start..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.0.len()).unwrap_or(u64::MAX))
    }
}

/// Reads bytes as a record, looks for a later one in them, and says what was found.
pub(crate) fn record(bytes: &[u8]) -> String {
    let bytes = Bytes::copy_from_slice(bytes);
    let later = later_group(&bytes, 1).is_some();
    let found = match parse(&bytes) {
        Found::Empty => "empty",
        Found::Bad(what) => what,
        Found::Record(parsed) => {
            let mut again = Vec::new();
            parsed.record.encode(parsed.link, &mut again);
            // A vote has two spellings of a flag; every other record has one form.
            assert!(
                matches!(parsed.record, Record::Vote(_) | Record::Truncate(_)) || bytes.starts_with(&again),
                "a record that was read is not written the same"
            );
            kind(&parsed.record)
        }
    };
    format!("{found}, later: {later}")
}

fn kind(record: &Record) -> &'static str {
    match record {
        Record::Entry(..) => "entry",
        Record::Vote(_) => "vote",
        Record::Truncate(_) => "truncate",
        Record::Purge(_) => "purge",
        Record::Committed(_) => "committed",
    }
}

/// Recovers a log whose only segment are these bytes: how that ended, and every entry that it would serve, as it is stored.
pub(crate) fn segment(bytes: &[u8]) -> (String, Vec<(LogId, Bytes)>) {
    match recover(&Memory(Bytes::copy_from_slice(bytes)), Utf8Path::new("log")) {
        Err(error) => {
            let causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
            (causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")), Vec::new())
        }
        Ok((index, tail)) => {
            let entries: Vec<_> = index.read(Utf8Path::new("log"), 0, u64::MAX, usize::MAX);
            let entries: Vec<(LogId, Bytes)> =
                entries.into_iter().filter_map(served).map(|e| (e.log_id, payload_out(&e.payload))).collect();
            let purged = index.purged.is_some();
            (
                format!(
                    "{} entries, whole: {}, purged: {purged}",
                    ["no", "some"][usize::from(!entries.is_empty())],
                    tail.clean
                ),
                entries,
            )
        }
    }
}

fn served(read: Read) -> Option<Entry> {
    match read {
        Read::Hot(entry) => Some(entry),
        Read::Cold(cold) => cold.load().ok(),
    }
}

/// Puts right what chains the records of a segment: header, checksums, groups. What is too short stays as it is.
pub(crate) fn chained(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut prev = put_header(&mut bytes);
    let (mut at, mut group) = (SEGMENT_HEADER, 1_u32);
    while let Some(header) = bytes.get(at..at.saturating_add(HEADER)) {
        let length = header.first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
        let room = bytes.len() - at - HEADER;
        // A length beyond the end is left as it is: that is a torn write.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > room {
            break;
        }
        let ends = header.get(18) == Some(&1);
        put(&mut bytes, at + 8, &prev.to_le_bytes());
        put(&mut bytes, at + 12, &group.to_le_bytes());
        let crc = {
            let whole = bytes.get(at..at + HEADER + length).unwrap_or_default();
            let (len, rest) = (whole.get(..4).unwrap_or_default(), whole.get(8..).unwrap_or_default());
            crc32c::crc32c_append(crc32c::crc32c(len), rest)
        };
        put(&mut bytes, at + 4, &crc.to_le_bytes());
        prev = crc;
        group = if ends { group.wrapping_add(1) } else { group };
        at += HEADER + length;
    }
    bytes
}

fn put_header(bytes: &mut [u8]) -> u32 {
    put(bytes, 0, b"HFRAFTLG");
    put(bytes, 8, &1_u32.to_le_bytes());
    put(bytes, 12, &1_u64.to_le_bytes());
    put(bytes, 20, &0_u32.to_le_bytes());
    put(bytes, 24, &1_u32.to_le_bytes());
    let crc = crc32c::crc32c(bytes.get(..SEGMENT_HEADER - 4).unwrap_or_default());
    put(bytes, SEGMENT_HEADER - 4, &crc.to_le_bytes());
    0
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + what.len()) {
        place.copy_from_slice(what);
    }
}

/// A segment with one record of each kind.
pub(crate) fn seed() -> Vec<u8> {
    let batch = |text: &'static [u8]| {
        payload_out(&openraft::EntryPayload::Normal(Batch {
            time_ms: 7,
            commands: vec![Bytes::from_static(text), Bytes::from_static(b"second")].into(),
        }))
    };
    let records = [
        Record::Vote(Vote::new(1, 1)),
        Record::Vote(Vote::new_committed(1, 1)),
        Record::Entry(log_id(1, 1, 0), payload_out(&openraft::EntryPayload::Blank)),
        Record::Entry(log_id(1, 1, 1), batch(b"first")),
        Record::Entry(log_id(1, 1, 2), batch(b"third")),
        Record::Committed(log_id(1, 1, 1)),
        Record::Truncate(2),
        Record::Entry(log_id(2, 1, 2), batch(b"other")),
        Record::Purge(log_id(1, 1, 1)),
    ];
    let mut bytes = vec![0; SEGMENT_HEADER];
    for (number, record) in records.iter().enumerate() {
        record.encode(Link { prev: 0, group: 1, ends_group: number % 2 == 1 }, &mut bytes);
    }
    chained(bytes)
}
