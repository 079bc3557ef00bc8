//! Giving a blob a name outside the store, without a second copy where the file system allows it.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use camino::Utf8Path;
use holdfast_types::BlobId;
use rustix::io::Errno;

use crate::error::{BlobError, Result};
use crate::files::copy;
use crate::store::BlobStore;

/// What a materialised file may be used for. Nobody may write to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read it: mode 0444.
    Read,
    /// Read and execute it: mode 0555.
    Execute,
}

impl BlobStore {
    /// Makes the blob appear as the file `target`, verified: a hard link where that is possible, else a copy.
    /// An executable is always a copy, because a link would make the blob itself executable.
    ///
    /// The link shares its bytes with the store: whoever mounts it for a workload mounts it read-only, since mode 0444
    /// does not stop root.
    ///
    /// # Errors
    /// [`BlobError::Exists`] where `target` is taken, [`BlobError::Damaged`] instead of wrong bytes.
    pub fn materialise(&self, id: BlobId, target: &Utf8Path, access: Access) -> Result<()> {
        if access == Access::Execute {
            return self.copy_out(id, target, access);
        }
        self.verify_once(id)?;
        let linked = std::fs::hard_link(self.layout().blob(id), target);
        let Err(error) = linked else { return Ok(()) };
        match Errno::from_io_error(&error) {
            // Another file system, too many links, one without links, or one that protects links: all can take a copy.
            Some(Errno::XDEV | Errno::MLINK | Errno::PERM | Errno::OPNOTSUPP) => {
                self.copy_out(id, target, access)
            }
            _ => Err(BlobError::from_io("link blob to", target, error)),
        }
    }

    fn copy_out(&self, id: BlobId, target: &Utf8Path, access: Access) -> Result<()> {
        let mode = match access {
            Access::Read => 0o444,
            Access::Execute => 0o555,
        };
        let mut reader = self.open_verified(id)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target);
        let mut file = file.map_err(|e| BlobError::from_io("create", target, e))?;
        let mut fill = |file: &mut File| -> io::Result<()> {
            copy(&mut reader, file, u64::MAX)?;
            file.set_permissions(Permissions::from_mode(mode))?;
            file.sync_all()
        };
        fill(&mut file).map_err(|e| {
            // A file whose bytes were not verified to the end must not stay under a name that promises them.
            let _ = std::fs::remove_file(target);
            BlobError::from_io("copy blob to", target, e)
        })
    }
}
