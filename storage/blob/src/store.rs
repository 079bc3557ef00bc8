//! The store: one directory of blobs and the handle every user of it holds.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::BlobId;
use rustix::fs::{FlockOperation, flock};

use crate::error::{BlobError, Result};
use crate::files::{sorted_names, sync_dir};
use crate::layout::Layout;
use crate::reader::{VerifiedReader, not_found_is_missing};
use crate::verified::{Stamp, Verified};
use crate::writer::BlobWriter;

/// A directory of blobs. Clones share what they know; the calls block on the disk.
#[derive(Debug, Clone)]
pub struct BlobStore {
    layout: Arc<Layout>,
    verified: Arc<Verified>,
    /// Held shared until the last clone is gone: it tells another process that `tmp/` is in use.
    _lock: Arc<File>,
}

impl BlobStore {
    /// Opens the store in `dir`, creates what is missing, and removes what an interrupted writer left.
    ///
    /// # Errors
    /// Where the directory cannot be created or written to.
    pub fn open(dir: &Utf8Path) -> Result<Self> {
        let layout = Layout::create(dir)?;
        // The lock is on the directory itself: a file open for writing would hold up a remount.
        let lock = File::open(dir).map_err(|e| BlobError::from_io("open store", dir, e))?;
        // Alone here, everything in `tmp/` is a leftover; beside another process it may be that process's work.
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            empty(&layout.tmp())?;
        }
        let shared = flock(&lock, FlockOperation::LockShared);
        shared.map_err(|e| BlobError::from_io("lock store", dir, e.into()))?;
        Ok(Self { layout: Arc::new(layout), verified: Arc::default(), _lock: Arc::new(lock) })
    }

    /// Starts a blob.
    ///
    /// # Errors
    /// Where no temporary file can be created.
    pub fn writer(&self) -> Result<BlobWriter> {
        BlobWriter::create(Arc::clone(&self.layout), Arc::clone(&self.verified))
    }

    /// Stores bytes that are in memory already.
    ///
    /// # Errors
    /// Where the disk does not take them.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobId> {
        let mut writer = self.writer()?;
        io::Write::write_all(&mut writer, bytes)
            .map_err(|e| BlobError::from_io("write blob", self.layout.root(), e))?;
        Ok(writer.finish()?.0)
    }

    /// Opens a blob for reading; the reader checks what it reads.
    ///
    /// # Errors
    /// [`BlobError::Missing`] where the store does not have it.
    pub fn open_verified(&self, id: BlobId) -> Result<VerifiedReader> {
        VerifiedReader::open(id, self.layout.blob(id), Arc::clone(&self.verified))
    }

    /// The whole blob, where it has at most `limit` bytes.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] before anything is read, [`BlobError::Damaged`] instead of wrong bytes.
    pub fn read_all_verified(&self, id: BlobId, limit: u64) -> Result<Vec<u8>> {
        let mut reader = self.open_verified(id)?;
        if reader.len() > limit {
            return Err(BlobError::TooLarge { id, bytes: reader.len(), limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(reader.len()).unwrap_or(0));
        let read = reader.read_to_end(&mut bytes);
        read.map_err(|e| BlobError::from_io("read blob", &self.layout.blob(id), e))?;
        Ok(bytes)
    }

    /// Reads the blob from end to end for its verdict, and says its size.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] where its bytes are not its name's.
    pub fn verify(&self, id: BlobId) -> Result<u64> {
        self.open_verified(id)?.check()
    }

    /// Whether the store has the blob. It says nothing about its bytes.
    ///
    /// # Errors
    /// Where the disk does not answer.
    pub fn has(&self, id: BlobId) -> Result<bool> {
        match self.len(id) {
            Ok(_) => Ok(true),
            Err(BlobError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The size of a blob.
    ///
    /// # Errors
    /// [`BlobError::Missing`] where the store does not have it.
    pub fn len(&self, id: BlobId) -> Result<u64> {
        let path = self.layout.blob(id);
        let meta = std::fs::symlink_metadata(&path);
        Ok(meta.map_err(|e| not_found_is_missing(id, "stat blob", &path, e))?.len())
    }

    /// Removes a blob; false where there was none. Views that hold it keep their bytes.
    ///
    /// # Errors
    /// Where the disk does not let it go.
    pub fn delete(&self, id: BlobId) -> Result<bool> {
        let path = self.layout.blob(id);
        let _publishing = self.layout.publishing();
        self.verified.forget(id);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(BlobError::from_io("delete blob", &path, e)),
        }
        if let Some(dir) = path.parent() {
            sync_dir(dir).map_err(|e| BlobError::from_io("sync blob directory", dir, e))?;
        }
        Ok(true)
    }

    /// Every blob, in the order of their ids.
    ///
    /// # Errors
    /// Where a directory of the store cannot be read.
    pub fn list(&self) -> Result<Vec<BlobId>> {
        Ok(self.layout.walk()?.0)
    }

    /// The root of the store.
    #[must_use]
    pub fn dir(&self) -> &Utf8Path {
        self.layout.root()
    }

    /// Verifies the blob unless this process did since its file last changed, and says its size.
    ///
    /// # Errors
    /// As [`BlobStore::verify`].
    pub fn verify_once(&self, id: BlobId) -> Result<u64> {
        let reader = self.open_verified(id)?;
        if self.verified.holds(id, reader.stamp()) { Ok(reader.len()) } else { reader.check() }
    }

    /// Moves a blob out of sight, for an operator to look at, and says where it is now. Nothing moves where the file
    /// is not the one of `verdict` any more: a good copy has taken its place.
    pub(crate) fn quarantine(&self, id: BlobId, verdict: Stamp) -> Result<Option<Utf8PathBuf>> {
        let path = self.layout.blob(id);
        let _publishing = self.layout.publishing();
        let meta = std::fs::symlink_metadata(&path).map_err(|e| BlobError::from_io("stat blob", &path, e))?;
        if Stamp::from(&meta) != verdict {
            return Ok(None);
        }
        self.verified.forget(id);
        let dir = self.layout.quarantine();
        let name = hex::encode(id.0);
        let mut target = dir.join(&name);
        let mut number = 0_u32;
        while target.as_std_path().symlink_metadata().is_ok() {
            number = number.saturating_add(1);
            target = dir.join(format!("{name}.{number}"));
        }
        let moved = std::fs::rename(&path, &target).and_then(|()| sync_dir(&dir));
        moved.map_err(|e| BlobError::from_io("quarantine blob", &path, e))?;
        if let Some(dir) = path.parent() {
            sync_dir(dir).map_err(|e| BlobError::from_io("sync blob directory", dir, e))?;
        }
        Ok(Some(target))
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }
}

fn empty(dir: &Utf8Path) -> Result<()> {
    let act = "remove leftover";
    for name in sorted_names(dir).map_err(|e| BlobError::from_io(act, dir, e))? {
        let path = dir.join(name);
        std::fs::remove_file(&path).map_err(|e| BlobError::from_io(act, &path, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
