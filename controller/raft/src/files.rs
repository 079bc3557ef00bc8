//! Durable file work that every store of this crate shares: whole-file writes, directory syncs, the directory lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, flock};

/// An act on a file that the system refused.
#[derive(Debug, thiserror::Error)]
#[error("{act} `{path}`")]
pub struct FileError {
    /// What was tried.
    pub act: &'static str,
    /// On which file or directory.
    pub path: Utf8PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// The cause in words; a full disk is named, because freeing space is the one thing an operator can do about it.
    pub(crate) fn reason(&self) -> String {
        let full = matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let hint = if full { "the disk is full: " } else { "" };
        format!("{hint}{} `{}`: {}", self.act, self.path, self.source)
    }
}

/// Names the act and the file of an I/O error.
pub(crate) trait Act<T> {
    fn act(self, act: &'static str, path: &Utf8Path) -> Result<T, FileError>;
}

impl<T> Act<T> for io::Result<T> {
    fn act(self, act: &'static str, path: &Utf8Path) -> Result<T, FileError> {
        self.map_err(|source| FileError { act, path: path.to_owned(), source })
    }
}

/// Makes the names inside a directory durable.
pub(crate) fn sync_dir(path: &Utf8Path) -> Result<(), FileError> {
    File::open(path).and_then(|dir| dir.sync_all()).act("sync directory", path)
}

/// Creates a directory that survives a power cut.
pub(crate) fn create_dir(path: &Utf8Path) -> Result<(), FileError> {
    fs::create_dir_all(path).act("create directory", path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Writes a whole file so that a reader sees either nothing or all of it, also after a power cut.
pub(crate) fn write_atomic(path: &Utf8Path, bytes: &[u8]) -> Result<(), FileError> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary).act("create", &temporary)?;
    file.write_all(bytes).act("write", &temporary)?;
    file.sync_all().act("sync", &temporary)?;
    publish(&temporary, path)
}

/// Gives a synced temporary file its final name and makes the name durable.
pub(crate) fn publish(temporary: &Utf8Path, path: &Utf8Path) -> Result<(), FileError> {
    fs::rename(temporary, path).act("rename", path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// The lock on a member's directory; two processes on one raft log would destroy it.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the lock, or `None` where another process (or another handle of this one) has it.
    pub(crate) fn take(dir: &Utf8Path) -> Result<Option<Self>, FileError> {
        let path = dir.join("lock");
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).act("open", &path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(io::Error::from(errno)).act("lock", &path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named() {
        let source = io::Error::from_raw_os_error(28);
        let error = FileError { act: "write segment", path: "/data/log/1.log".into(), source };
        assert!(
            error.reason().starts_with("the disk is full: write segment `/data/log/1.log`"),
            "{}",
            error.reason()
        );
    }
}
