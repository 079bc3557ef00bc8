//! One segment file: its name, its header, how it is created and read. Knows records only as bytes.

use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};

use super::error::LogError;
use super::fill::Filling;
use crate::disk::{Disk, DiskFile, Reading};
use crate::files::{Act, FileError, sync_dir};
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

/// The space of a segment, reserved before it is needed so that a full disk is known in time.
pub(super) struct Spare {
    file: Arc<dyn DiskFile>,
    pub(super) bytes: u64,
    filling: Option<Filling>,
}

impl Spare {
    /// Fills it with zeroes until it is needed.
    pub(super) fn fill(&mut self) {
        self.filling = Filling::start(Arc::clone(&self.file), self.bytes);
    }
}

fn spare_path(dir: &Utf8Path) -> Utf8PathBuf {
    dir.join("spare.tmp")
}

/// Reserves the space of a segment. It has no name of a segment yet, so a crash leaves nothing behind that counts.
pub(super) fn reserve(disk: &dyn Disk, dir: &Utf8Path, bytes: u64) -> Result<Spare, FileError> {
    let path = spare_path(dir);
    let file = disk.create(&path, bytes).act("reserve space for segment", &path)?;
    Ok(Spare { file, bytes, filling: None })
}

/// Lets reserved space go that is too small for what is to be written.
pub(super) fn release(disk: &dyn Disk, dir: &Utf8Path, spare: Spare) -> Result<(), FileError> {
    drop(spare);
    let path = spare_path(dir);
    disk.remove(&path).act("remove", &path)
}

/// Makes reserved space a segment; header, file and name are durable when this returns.
pub(super) fn begin(
    disk: &dyn Disk,
    dir: &Utf8Path,
    header: SegmentHeader,
    spare: Spare,
) -> Result<Arc<dyn DiskFile>, FileError> {
    let (path, temporary) = (path_of(dir, header.sequence), spare_path(dir));
    spare.filling.map_or(Ok(()), Filling::stop).act("fill segment", &path)?;
    spare.file.write_at(&encode(header), 0).act("write segment", &path)?;
    spare.file.sync().act("sync segment", &path)?;
    disk.rename(&temporary, &path).act("create segment", &path)?;
    sync_dir(disk, dir)?;
    Ok(spare.file)
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
pub(super) fn list(disk: &dyn Disk, dir: &Utf8Path) -> Result<Vec<u64>, LogError> {
    let mut sequences = Vec::new();
    for name in disk.list(dir).act("list", dir)? {
        let path = dir.join(name);
        match (path.extension(), path.file_stem().map(|stem| u64::from_str_radix(stem, 16))) {
            (Some("log"), Some(Ok(sequence))) => sequences.push(sequence),
            (Some("tmp"), _) => disk.remove(&path).act("remove", &path)?,
            _ => {
                return Err(LogError::Corrupt {
                    segment: path,
                    offset: 0,
                    what: "this is not a segment of the log".to_owned(),
                });
            }
        }
    }
    sequences.sort_unstable();
    Ok(sequences)
}

/// A segment as it was read back.
pub(super) type Opened = (Arc<dyn DiskFile>, SegmentHeader, Bytes);

/// A whole segment in memory, at most `limit` bytes of it.
pub(super) fn read(disk: &dyn Disk, path: &Utf8Path, limit: u64) -> Result<Opened, LogError> {
    let file = disk.open(path).act("open segment", path)?;
    // Grown by doubling, the last segment would take twice its size.
    let size = file.len().act("measure segment", path)?.min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let mut reading = Reading { file: Arc::clone(&file), offset: 0 }.take(limit);
    reading.read_to_end(&mut bytes).act("read segment", path)?;
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
