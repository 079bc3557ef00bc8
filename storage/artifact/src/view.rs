//! A manifest becomes a read-only tree of files.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use camino::Utf8Path;
use holdfast_blob::{Access, BlobError, BlobStore, copy};

use crate::error::{ArtifactError, Result};
use crate::manifest::{Chunk, FileEntry, FileMode, Manifest};
use crate::rel_path::RelPath;
use crate::staging::Staging;

/// Builds the files of the manifest as the directory `target`, every byte verified: directories 0555, data 0444,
/// programs 0555. A file of one chunk that is not a program shares its bytes with the store; others are copies. The
/// directory appears whole or not at all.
///
/// # Errors
/// Where `target` exists, a blob is missing or damaged, or the disk does not take it.
pub fn materialise(store: &BlobStore, manifest: &Manifest, target: &Utf8Path) -> Result<()> {
    let staging = Staging::beside(target)?;
    let root = staging.path();
    let dirs: BTreeSet<&str> = manifest.entries().keys().flat_map(RelPath::ancestors).collect();
    for dir in &dirs {
        let dir = root.join(dir);
        fs::create_dir(&dir).map_err(|e| BlobError::from_io("create directory", &dir, e))?;
    }
    for (path, entry) in manifest.entries() {
        write_file(store, path, entry, &root.join(path.as_str()))?;
    }
    // Deepest first: a directory is closed when nothing in it remains to be done.
    for dir in dirs.iter().rev().copied().chain([""]) {
        let dir = root.join(dir);
        let closed = fs::set_permissions(&dir, Permissions::from_mode(0o555));
        closed.map_err(|e| BlobError::from_io("close directory", &dir, e))?;
    }
    Ok(staging.publish()?)
}

fn write_file(store: &BlobStore, path: &RelPath, entry: &FileEntry, target: &Utf8Path) -> Result<()> {
    for chunk in &entry.chunks {
        let found = store.len(chunk.id)?;
        if found != chunk.len {
            let path = path.to_string();
            return Err(ArtifactError::WrongLength { path, id: chunk.id, expected: chunk.len, found });
        }
    }
    let (access, mode) = match entry.mode {
        FileMode::Data => (Access::Read, 0o444),
        FileMode::Program => (Access::Execute, 0o555),
    };
    if let [chunk] = entry.chunks.as_slice() {
        return Ok(store.materialise(chunk.id, target, access)?);
    }
    let fill = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target)?;
        for chunk in &entry.chunks {
            append(store, *chunk, &mut file)?;
        }
        file.set_permissions(Permissions::from_mode(mode))
    };
    fill().map_err(|e| BlobError::from_io("write", target, e).into())
}

fn append(store: &BlobStore, chunk: Chunk, file: &mut File) -> io::Result<()> {
    let mut reader = store.open_verified(chunk.id).map_err(io::Error::other)?;
    copy(&mut reader, file, u64::MAX).map(|_| ())
}

#[cfg(test)]
mod tests;
