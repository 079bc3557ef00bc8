//! One segment file: its name, its header, how it is created and read. Knows records only as bytes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{FallocateFlags, fallocate};

use super::error::LogError;
use crate::files::{Act, FileError, publish};
use crate::wire::FORMAT_VERSION;

const MAGIC: &[u8; 8] = b"HFRAFTLG";
/// magic, version u32, sequence u64, crc before u32, first group u32, CRC32C u32.
pub(super) const SEGMENT_HEADER: usize = 32;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) sequence: u64,
    /// The checksum of the last record of the segment before.
    pub(super) prev: u32,
    /// The group of the first record.
    pub(super) group: u32,
}

pub(super) fn path_of(dir: &Utf8Path, sequence: u64) -> Utf8PathBuf {
    dir.join(format!("{sequence:016x}.log"))
}

/// Creates a segment with its space reserved; header, file and name are durable when this returns.
pub(super) fn create(dir: &Utf8Path, header: SegmentHeader, bytes: u64) -> Result<File, FileError> {
    let path = path_of(dir, header.sequence);
    let temporary = path.with_extension("tmp");
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&temporary)
        .act("create segment", &temporary)?;
    reserve(&file, bytes).act("reserve space for segment", &temporary)?;
    file.write_all_at(&encode(header), 0).act("write segment", &temporary)?;
    file.sync_all().act("sync segment", &temporary)?;
    publish(&temporary, &path)?;
    Ok(file)
}

/// A file system that cannot reserve space still gets a file of the full length.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(bytes),
        Err(errno) => Err(errno.into()),
    }
}

fn encode(header: SegmentHeader) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SEGMENT_HEADER);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&header.sequence.to_le_bytes());
    bytes.extend_from_slice(&header.prev.to_le_bytes());
    bytes.extend_from_slice(&header.group.to_le_bytes());
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// The segments of a directory in order; left-over temporary files are removed.
pub(super) fn list(dir: &Utf8Path) -> Result<Vec<u64>, LogError> {
    let mut sequences = Vec::new();
    for entry in dir.read_dir_utf8().act("list", dir)? {
        let entry = entry.act("list", dir)?;
        let path = entry.path();
        match (path.extension(), path.file_stem().map(|stem| u64::from_str_radix(stem, 16))) {
            (Some("log"), Some(Ok(sequence))) => sequences.push(sequence),
            (Some("tmp"), _) => fs::remove_file(path).act("remove", path)?,
            _ => {
                return Err(LogError::Corrupt {
                    segment: path.to_owned(),
                    offset: 0,
                    what: "this is not a segment of the log".to_owned(),
                });
            }
        }
    }
    sequences.sort_unstable();
    Ok(sequences)
}

/// A whole segment in memory, at most `limit` bytes of it.
pub(super) fn read(path: &Utf8Path, limit: u64) -> Result<(File, SegmentHeader, Bytes), LogError> {
    let file = OpenOptions::new().read(true).write(true).open(path).act("open segment", path)?;
    let mut bytes = Vec::new();
    (&file).take(limit).read_to_end(&mut bytes).act("read segment", path)?;
    let header = decode(path, &bytes)?;
    Ok((file, header, bytes.into()))
}

fn decode(path: &Utf8Path, bytes: &[u8]) -> Result<SegmentHeader, LogError> {
    let corrupt = |what: &str| LogError::Corrupt {
        segment: path.to_owned(),
        offset: 0,
        what: format!("the segment header {what}"),
    };
    let header = bytes.get(..SEGMENT_HEADER).ok_or_else(|| corrupt("is cut off"))?;
    let (body, crc) = header.split_at(SEGMENT_HEADER - 4);
    if body.get(..8) != Some(MAGIC) {
        return Err(corrupt("does not begin with the mark of a segment"));
    }
    if crc.first_chunk().map(|b| u32::from_le_bytes(*b)) != Some(crc32c::crc32c(body)) {
        return Err(corrupt("has a wrong checksum"));
    }
    let number =
        |at: usize| body.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
    if number(8) != FORMAT_VERSION {
        return Err(LogError::Newer { segment: path.to_owned(), found: number(8), known: FORMAT_VERSION });
    }
    let sequence = body.get(12..).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b));
    if path_of(path.parent().unwrap_or(path), sequence) != path {
        return Err(corrupt("names another segment"));
    }
    Ok(SegmentHeader { sequence, prev: number(20), group: number(24) })
}
