//! Durable file work that every store of this crate shares: whole-file writes, directory syncs, the directory lock.

use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::disk::{Disk, Reading};

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
pub(crate) fn sync_dir(disk: &dyn Disk, path: &Utf8Path) -> Result<(), FileError> {
    // The parent of `raft` is called nothing.
    let path = if path.as_str().is_empty() { Utf8Path::new(".") } else { path };
    disk.sync_dir(path).act("sync directory", path)
}

/// Creates a directory that survives a power cut.
pub(crate) fn create_dir(disk: &dyn Disk, path: &Utf8Path) -> Result<(), FileError> {
    disk.create_dir(path).act("create directory", path)?;
    path.parent().map_or(Ok(()), |parent| sync_dir(disk, parent))
}

/// The whole of a file, at most `limit` bytes of it; `None` where there is none.
pub(crate) fn read_whole(disk: &dyn Disk, path: &Utf8Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.act("open", path)?,
    };
    let mut bytes = Vec::new();
    Reading { file, offset: 0 }.take(limit).read_to_end(&mut bytes).act("read", path)?;
    Ok(Some(bytes))
}

/// Writes a whole file so that a reader sees either nothing or all of it, also after a power cut.
pub(crate) fn write_atomic(disk: &dyn Disk, path: &Utf8Path, bytes: &[u8]) -> Result<(), FileError> {
    let temporary = path.with_extension("tmp");
    let file = disk.create(&temporary, 0).act("create", &temporary)?;
    file.write_at(bytes, 0).act("write", &temporary)?;
    file.sync().act("sync", &temporary)?;
    publish(disk, &temporary, path)
}

/// Gives a synced temporary file its final name and makes the name durable.
pub(crate) fn publish(disk: &dyn Disk, temporary: &Utf8Path, path: &Utf8Path) -> Result<(), FileError> {
    disk.rename(temporary, path).act("rename", path)?;
    path.parent().map_or(Ok(()), |parent| sync_dir(disk, parent))
}

/// The lock on a member's directory; two processes on one raft log would destroy it.
pub(crate) struct DirLock {
    _held: Box<dyn Send + Sync>,
}

impl DirLock {
    /// Takes the lock, or `None` where another process (or another handle of this one) has it.
    pub(crate) fn take(disk: &dyn Disk, dir: &Utf8Path) -> Result<Option<Self>, FileError> {
        let held = disk.lock(dir).act("lock", dir)?;
        Ok(held.map(|held| Self { _held: held }))
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
