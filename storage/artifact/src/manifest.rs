//! What an artifact consists of. One content has one manifest: the chunking and the order leave no choice.

use std::collections::BTreeMap;

use holdfast_types::BlobId;

use crate::rel_path::RelPath;

/// The size of every chunk of a file but its last. Small enough that a broken transfer loses little, large enough that
/// a file of gigabytes is a short line.
pub const CHUNK_BYTES: u64 = 64 * 1024 * 1024;
/// The most files of an artifact.
pub const MAX_ENTRIES: usize = 1_000_000;

/// A run of bytes of a file, stored as one blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chunk {
    /// The blob.
    pub id: BlobId,
    /// Its size.
    pub len: u64,
}

/// What a file of an artifact is for. Nothing in an artifact is writable, and nobody owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileMode {
    /// It is read.
    Data,
    /// It is read and executed.
    Program,
}

/// A file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its size.
    pub size: u64,
    /// What it is for.
    pub mode: FileMode,
    /// Its bytes in order: every chunk has [`CHUNK_BYTES`] but the last, which has the rest.
    pub chunks: Vec<Chunk>,
}

/// The files of an artifact. A value of this type keeps every rule of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    entries: BTreeMap<RelPath, FileEntry>,
    total_bytes: u64,
}

/// Why files do not make a manifest, or bytes are not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// There is no file.
    #[error("the manifest has no files")]
    Empty,
    /// There are too many files.
    #[error("the manifest has {files} files, more than the limit of {MAX_ENTRIES}")]
    TooManyFiles {
        /// How many.
        files: usize,
    },
    /// Its serialised form is too large.
    #[error("the manifest has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The sizes of all files do not fit a number.
    #[error("the files of the manifest are larger than any disk")]
    Overflow,
    /// A path is a file and a directory at once.
    #[error("`{path}` is a file and also the directory of another file")]
    Clash {
        /// The path.
        path: RelPath,
    },
    /// The chunks of a file are not its bytes.
    #[error("the chunks of `{path}` do not add up to its {size} bytes in steps of {CHUNK_BYTES}")]
    Chunks {
        /// The file.
        path: RelPath,
        /// Its size.
        size: u64,
    },
    /// A line of the serialised form is not the one canonical form of its content.
    #[error("line {line} of the manifest is not valid: {why}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

impl Manifest {
    /// A manifest of these files.
    ///
    /// # Errors
    /// Where they break a rule of manifests.
    pub fn new(entries: BTreeMap<RelPath, FileEntry>) -> Result<Self, ManifestError> {
        if entries.is_empty() {
            return Err(ManifestError::Empty);
        }
        if entries.len() > MAX_ENTRIES {
            return Err(ManifestError::TooManyFiles { files: entries.len() });
        }
        let mut total_bytes = 0_u64;
        for (path, entry) in &entries {
            if let Some((clash, _)) = path.ancestors().find_map(|dir| entries.get_key_value(dir)) {
                return Err(ManifestError::Clash { path: clash.clone() });
            }
            if !entry.is_whole() {
                return Err(ManifestError::Chunks { path: path.clone(), size: entry.size });
            }
            total_bytes = total_bytes.checked_add(entry.size).ok_or(ManifestError::Overflow)?;
        }
        Ok(Self { entries, total_bytes })
    }

    /// The files in the order of their paths.
    #[must_use]
    pub fn entries(&self) -> &BTreeMap<RelPath, FileEntry> {
        &self.entries
    }

    /// The sizes of all files together.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Every chunk with the file it belongs to, in order; a blob used twice comes twice.
    pub fn chunks(&self) -> impl Iterator<Item = (&RelPath, Chunk)> {
        self.entries.iter().flat_map(|(path, entry)| entry.chunks.iter().map(move |chunk| (path, *chunk)))
    }
}

impl FileEntry {
    fn is_whole(&self) -> bool {
        let mut left = self.size;
        let fits = self.chunks.iter().all(|chunk| {
            let expected = left.min(CHUNK_BYTES);
            left = left.saturating_sub(expected);
            chunk.len == expected && expected > 0
        });
        fits && left == 0
    }
}

#[cfg(test)]
mod tests;
