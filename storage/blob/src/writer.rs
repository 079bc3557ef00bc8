//! Writing a blob whose name is known only when its last byte is.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::Utf8PathBuf;
use holdfast_types::BlobId;

use crate::error::{BlobError, Result};
use crate::files::sync_dir;
use crate::layout::Layout;
use crate::verified::{Stamp, Verified};

/// Large enough that BLAKE3 uses its wide instructions and a write is one call.
const BUFFER_BYTES: usize = 256 * 1024;

/// Files of one process in `tmp/` have different names; files of two processes have different process ids.
static NEXT_TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// A blob that is being written. It is visible to nobody before [`BlobWriter::finish`] has returned, and leaves nothing
/// behind when it is dropped instead.
#[derive(Debug)]
pub struct BlobWriter {
    layout: Arc<Layout>,
    verified: Arc<Verified>,
    path: Utf8PathBuf,
    file: File,
    buffer: Vec<u8>,
    hasher: Box<blake3::Hasher>,
    bytes: u64,
}

impl BlobWriter {
    pub(crate) fn create(layout: Arc<Layout>, verified: Arc<Verified>) -> Result<Self> {
        let number = NEXT_TEMPORARY.fetch_add(1, Ordering::Relaxed);
        let path = layout.tmp().join(format!("{}-{number}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|e| BlobError::from_io("create temporary blob", &path, e))?;
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Ok(Self { layout, verified, path, file, buffer, hasher: Box::default(), bytes: 0 })
    }

    /// Makes the blob durable and visible, and says its name and its size. A blob that is there already and known to be
    /// good is left alone; a copy that nobody has verified since the store opened is replaced, because the bytes that
    /// were just hashed are better than bytes that are only trusted.
    ///
    /// # Errors
    /// Where the disk does not take it; the store then holds what it held before.
    pub fn finish(self) -> Result<(BlobId, u64)> {
        self.publish(None)
    }

    /// As [`BlobWriter::finish`], for bytes that must be the blob `expected`.
    ///
    /// # Errors
    /// [`BlobError::Unexpected`] where the bytes are another blob, which is then kept under no name at all.
    pub fn finish_expecting(self, expected: BlobId) -> Result<u64> {
        self.publish(Some(expected)).map(|(_, bytes)| bytes)
    }

    fn publish(mut self, expected: Option<BlobId>) -> Result<(BlobId, u64)> {
        self.flush().map_err(|e| BlobError::from_io("write blob", &self.path, e))?;
        let id = BlobId(*self.hasher.finalize().as_bytes());
        if let Some(expected) = expected.filter(|expected| *expected != id) {
            return Err(BlobError::Unexpected { expected, found: id, bytes: self.bytes });
        }
        let target = self.layout.blob(id);
        let there = std::fs::symlink_metadata(&target).ok();
        if there.is_some_and(|meta| self.verified.holds(id, Stamp::from(&meta))) {
            return Ok((id, self.bytes));
        }
        let seal = || -> io::Result<Stamp> {
            self.file.set_permissions(Permissions::from_mode(0o444))?;
            self.file.sync_all()?;
            Ok(Stamp::from(&self.file.metadata()?))
        };
        let stamp = seal().map_err(|e| BlobError::from_io("sync blob", &self.path, e))?;
        let mut publishing = self.layout.publishing();
        let dir = self.layout.ensure_fan(id, &mut publishing)?;
        let renamed = std::fs::rename(&self.path, &target);
        renamed.map_err(|e| BlobError::from_io("publish blob", &target, e))?;
        drop(publishing);
        sync_dir(&dir).map_err(|e| BlobError::from_io("sync blob directory", &dir, e))?;
        self.verified.insert(id, stamp);
        Ok((id, self.bytes))
    }

    fn drain(&mut self) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|e| BlobError::from_io("write blob", &self.path, e).into_io())
    }
}

impl Write for BlobWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.drain()?;
        }
        let room = BUFFER_BYTES.saturating_sub(self.buffer.len());
        let taken = data.get(..room).unwrap_or(data);
        self.buffer.extend_from_slice(taken);
        self.bytes = self.bytes.saturating_add(u64::try_from(taken.len()).unwrap_or(u64::MAX));
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        // After a finish the name is gone already; otherwise this is the end of a half-written blob. Where the removal
        // fails the next open of the store does it.
        let _ = std::fs::remove_file(&self.path);
    }
}
