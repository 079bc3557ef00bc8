//! Reading a blob and its verdict in one pass.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use camino::Utf8PathBuf;
use holdfast_types::BlobId;

use crate::error::{BlobError, Result};
use crate::files::copy;
use crate::verified::{Stamp, Verified};

/// Reads a blob and hashes what it reads. The last bytes are handed out only after the whole has the hash that is its
/// name; a damaged blob ends in an error that names it, never in an end of file.
#[derive(Debug)]
pub struct VerifiedReader {
    id: BlobId,
    path: Utf8PathBuf,
    file: File,
    stamp: Stamp,
    len: u64,
    hasher: Box<blake3::Hasher>,
    state: State,
    verified: Arc<Verified>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Reading { left: u64 },
    Good,
    Damaged { found: BlobId },
}

impl VerifiedReader {
    pub(crate) fn open(id: BlobId, path: Utf8PathBuf, verified: Arc<Verified>) -> Result<Self> {
        let file = File::open(&path).map_err(|e| not_found_is_missing(id, "open blob", &path, e))?;
        let meta = file.metadata().map_err(|e| BlobError::from_io("stat blob", &path, e))?;
        Ok(Self {
            id,
            path,
            file,
            stamp: Stamp::from(&meta),
            len: meta.len(),
            hasher: Box::default(),
            state: State::Reading { left: meta.len() },
            verified,
        })
    }

    /// How many bytes the blob has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True for the blob of no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads to the end for the verdict alone.
    pub(crate) fn check(mut self) -> Result<u64> {
        match copy(&mut self, &mut io::sink(), u64::MAX) {
            Ok(bytes) => Ok(bytes),
            Err(e) => Err(BlobError::from_io("read blob", &self.path, e)),
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp
    }

    fn conclude(&mut self) -> io::Result<()> {
        let found = BlobId(*self.hasher.finalize().as_bytes());
        if found == self.id {
            self.state = State::Good;
            self.verified.insert(self.id, self.stamp);
            return Ok(());
        }
        self.state = State::Damaged { found };
        self.verified.forget(self.id);
        Err(self.damaged(found))
    }

    fn damaged(&self, found: BlobId) -> io::Error {
        BlobError::Damaged { id: self.id, found, path: self.path.clone() }.into_io()
    }
}

/// A file that is not there is a blob that is missing, which is a different thing to a person.
pub(crate) fn not_found_is_missing(
    id: BlobId,
    act: &'static str,
    path: &camino::Utf8Path,
    error: io::Error,
) -> BlobError {
    if error.kind() == io::ErrorKind::NotFound {
        BlobError::Missing { id }
    } else {
        BlobError::from_io(act, path, error)
    }
}

impl Read for VerifiedReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = match self.state {
            State::Good => return Ok(0),
            State::Damaged { found } => return Err(self.damaged(found)),
            State::Reading { left: 0 } => return self.conclude().map(|()| 0),
            State::Reading { left } => left,
        };
        if buf.is_empty() {
            return Ok(0);
        }
        let want = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        let window = buf.get_mut(..want).unwrap_or_default();
        let count = self.file.read(window)?;
        self.hasher.update(window.get(..count).unwrap_or_default());
        let left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        self.state = State::Reading { left };
        // A file that ends before the length it had when it was opened gets its verdict now: it cannot be good.
        if left == 0 || count == 0 {
            self.conclude()?;
        }
        Ok(count)
    }
}
