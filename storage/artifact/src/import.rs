//! A directory becomes an artifact.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use holdfast_blob::BlobStore;
use holdfast_types::BlobId;

use crate::error::{ArtifactError, Result};
use crate::ingest::ingest;
use crate::manifest::{FileEntry, FileMode, MAX_ENTRIES, Manifest};
use crate::walk::{Found, Tree};

/// What an import may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportOptions {
    /// The most files.
    pub max_files: u64,
    /// The most bytes of all files together.
    pub max_bytes: u64,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { max_files: u64::try_from(MAX_ENTRIES).unwrap_or(u64::MAX), max_bytes: u64::MAX }
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportProgress {
    /// Files stored so far.
    pub files: u64,
    /// Files to store in all.
    pub of: u64,
    /// Bytes stored so far.
    pub bytes: u64,
}

/// Stores the files below `dir` and their manifest, and says the manifest and its id. The same files give the same id
/// wherever they are imported. After each file `progress` is told.
///
/// Links to files below `dir` are imported as those files; empty directories leave no trace.
///
/// # Errors
/// Where `dir` is missing or empty, or holds what cannot be part of an artifact; nothing is imported in part.
pub fn import_dir(
    store: &BlobStore,
    dir: &Utf8Path,
    options: ImportOptions,
    progress: &mut dyn FnMut(ImportProgress),
) -> Result<(Manifest, BlobId)> {
    let tree = Tree::open(dir)?;
    let found = tree.list(options.max_files)?;
    let of = u64::try_from(found.len()).unwrap_or(u64::MAX);
    if found.is_empty() {
        return Err(ArtifactError::NoFiles { dir: dir.to_owned() });
    }
    let (mut entries, mut bytes) = (BTreeMap::new(), 0_u64);
    for (files, found) in (1..).zip(found) {
        let entry = import_file(store, &tree, &found, options.max_bytes.saturating_sub(bytes))?;
        let Some(entry) = entry else {
            let (dir, limit) = (dir.to_owned(), options.max_bytes);
            return Err(ArtifactError::TooMuch { dir, what: "bytes", limit });
        };
        bytes = bytes.saturating_add(entry.size);
        entries.insert(found.path, entry);
        progress(ImportProgress { files, of, bytes });
    }
    let manifest = Manifest::new(entries)?;
    let id = manifest.save(store)?;
    Ok((manifest, id))
}

/// `None` where the file has more than `most` bytes.
fn import_file(store: &BlobStore, tree: &Tree, found: &Found, most: u64) -> Result<Option<FileEntry>> {
    let path = found.path.as_str();
    let mut file = tree.file(found)?;
    let before = file.metadata().map_err(|e| tree.io("stat", path, e))?;
    if before.len() > most {
        return Ok(None);
    }
    let mode = if before.mode() & 0o111 == 0 { FileMode::Data } else { FileMode::Program };
    let entry = ingest(store, &mut file, before.len(), mode, &tree.dir.join(path))?;
    let after = file.metadata().map_err(|e| tree.io("stat", path, e))?;
    let stamp = |m: &std::fs::Metadata| (m.len(), m.mtime(), m.mtime_nsec());
    if entry.size != before.len() || stamp(&before) != stamp(&after) {
        return Err(ArtifactError::Changed { dir: tree.dir.clone(), path: path.to_owned() });
    }
    Ok(Some(entry))
}
