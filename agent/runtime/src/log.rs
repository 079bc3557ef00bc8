//! The log of a task: segments named by the offset of their first byte, so that offsets only grow, rotation renames
//! nothing, and a reader finds its place again after any restart.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::files::{FileError, OnFile, TaskFiles};
use crate::id::TaskId;
use crate::spec::LogPolicy;

const MAX_CHUNK: usize = 1 << 20;

fn segment(dir: &Utf8Path, base: u64) -> Utf8PathBuf {
    dir.join(format!("{base:020}"))
}

/// The offsets at which segments start, ascending.
fn bases(dir: &Utf8Path) -> Result<Vec<u64>, FileError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).on("list", dir)? {
        let name = entry.on("list", dir)?.file_name();
        found.extend(name.to_str().filter(|n| n.len() == 20).and_then(|n| n.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// The writing end, owned by the shim.
#[derive(Debug)]
pub(crate) struct LogWriter {
    dir: Utf8PathBuf,
    policy: LogPolicy,
    file: File,
    bases: std::collections::VecDeque<u64>,
    end: u64,
    dropped: u64,
}

impl LogWriter {
    pub(crate) fn create(dir: Utf8PathBuf, policy: LogPolicy) -> std::io::Result<Self> {
        let file = create_segment(&dir, 0)?;
        Ok(Self { dir, policy, file, bases: [0].into(), end: 0, dropped: 0 })
    }

    /// Appends output. What cannot be written is counted and dropped: a full disk must not stop a trainer.
    pub(crate) fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let used = self.end - self.bases.back().copied().unwrap_or(0);
            let room = usize::try_from(self.policy.max_bytes.0.saturating_sub(used)).unwrap_or(usize::MAX);
            let written = if room == 0 {
                self.rotate().map(|()| 0)
            } else {
                self.file.write(bytes.get(..room.min(bytes.len())).unwrap_or(bytes))
            };
            match written {
                Ok(count) => {
                    self.end += count as u64;
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.dropped += bytes.len() as u64;
                    return;
                }
            }
        }
    }

    fn rotate(&mut self) -> std::io::Result<()> {
        self.file = create_segment(&self.dir, self.end)?;
        self.bases.push_back(self.end);
        while self.bases.len() > self.policy.files as usize {
            if let Some(oldest) = self.bases.pop_front() {
                fs::remove_file(segment(&self.dir, oldest))?;
            }
        }
        Ok(())
    }

    /// Syncs the newest segment and tells where the log ends and how much of it was dropped.
    pub(crate) fn finish(&mut self) -> (u64, u64) {
        let _ = self.file.sync_data();
        (self.end, self.dropped)
    }
}

fn create_segment(dir: &Utf8Path, base: u64) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(segment(dir, base))
}

/// A piece of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// The offset of the first byte. Later than asked for where rotation has removed what was asked for.
    pub offset: u64,
    /// The bytes; empty at the end of what there is so far.
    pub bytes: Vec<u8>,
}

impl LogChunk {
    /// The offset to ask for next.
    #[must_use]
    pub fn next_offset(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// Reads at most `limit` bytes (and at most 1 MiB) of a task's output from an offset on.
pub fn read_log(state_dir: &Utf8Path, id: &TaskId, offset: u64, limit: usize) -> Result<LogChunk, FileError> {
    LogCursor::new(state_dir, id, offset).read(limit)
}

/// A reader that follows a growing log over rotation.
#[derive(Debug)]
pub struct LogCursor {
    dir: Utf8PathBuf,
    offset: u64,
}

impl LogCursor {
    /// A cursor at an offset.
    #[must_use]
    pub fn new(state_dir: &Utf8Path, id: &TaskId, offset: u64) -> Self {
        Self { dir: TaskFiles::new(state_dir, id).log(), offset }
    }

    /// The offset of the next byte.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads at most `limit` bytes and moves on; an empty chunk means that there is no more so far.
    pub fn read(&mut self, limit: usize) -> Result<LogChunk, FileError> {
        loop {
            let bases = bases(&self.dir)?;
            let Some(&first) = bases.first() else {
                return Ok(LogChunk { offset: self.offset, bytes: Vec::new() });
            };
            self.offset = self.offset.max(first);
            let after = bases.partition_point(|base| *base <= self.offset);
            let base = after.checked_sub(1).and_then(|i| bases.get(i)).copied().unwrap_or(first);
            let path = segment(&self.dir, base);
            let bytes = match read_at(&path, self.offset - base, limit.min(MAX_CHUNK)) {
                Ok(bytes) => bytes,
                // Rotation removed the segment between the listing and the opening: list again.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error).on("read", &path),
            };
            let offset = self.offset;
            self.offset += bytes.len() as u64;
            // A finished segment read to its end lies behind: a later one starts exactly here.
            if bytes.is_empty() && limit > 0 && bases.get(after).is_some_and(|next| *next > offset) {
                self.offset = bases.get(after).copied().unwrap_or(offset);
                continue;
            }
            return Ok(LogChunk { offset, bytes });
        }
    }
}

fn read_at(path: &Utf8Path, position: u64, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(position))?;
    let mut bytes = Vec::new();
    file.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use holdfast_types::Bytes;

    use super::*;

    #[test]
    fn offsets_grow_over_rotation_and_the_disk_stays_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = Utf8Path::from_path(dir.path()).unwrap();
        let id: TaskId = "t".parse().unwrap();
        let files = TaskFiles::new(state_dir, &id);
        fs::create_dir_all(files.log()).unwrap();
        let policy = LogPolicy { max_bytes: Bytes(4096), files: 3 };
        let mut writer = LogWriter::create(files.log(), policy).unwrap();
        let text: Vec<u8> = (0..5000u32).flat_map(|i| format!("line {i:06}\n").into_bytes()).collect();
        let mut follower = LogCursor::new(state_dir, &id, 0);
        let mut followed = Vec::new();
        for piece in text.chunks(777) {
            writer.append(piece);
            loop {
                let chunk = follower.read(500).unwrap();
                if chunk.bytes.is_empty() {
                    break;
                }
                assert_eq!(chunk.offset, followed.len() as u64);
                followed.extend(chunk.bytes);
            }
        }
        assert_eq!(followed, text, "a follower that keeps up misses nothing");
        assert_eq!(writer.finish(), (text.len() as u64, 0));
        assert_eq!(bases(&files.log()).unwrap().len(), 3);
        let late = read_log(state_dir, &id, 0, 10).unwrap();
        assert!(late.offset >= text.len() as u64 - 3 * 4096, "the start is gone");
        let at = usize::try_from(late.offset).unwrap();
        assert_eq!(late.bytes, text[at..at + 10]);
        let end = read_log(state_dir, &id, text.len() as u64, 10).unwrap();
        assert!(end.bytes.is_empty());
    }

    #[test]
    fn a_failing_disk_drops_and_counts_instead_of_blocking() {
        let dir = tempfile::tempdir().unwrap();
        let log = Utf8Path::from_path(dir.path()).unwrap().join("log");
        fs::create_dir(&log).unwrap();
        let policy = LogPolicy { max_bytes: Bytes(4096), files: 2 };
        let mut writer = LogWriter::create(log.clone(), policy).unwrap();
        fs::remove_dir_all(&log).unwrap();
        writer.append(&[b'x'; 5000]);
        assert_eq!(writer.finish(), (4096, 904));
    }
}
