//! The one serialised form of a manifest: a header line and a line of JSON for each file, in the order of the paths.
//!
//! Whatever is not exactly what [`Manifest::to_bytes`] writes is refused, so that one content has one id.

use std::collections::BTreeMap;

use holdfast_blob::BlobStore;
use holdfast_types::BlobId;
use serde::{Deserialize, Serialize};

use crate::error::{ArtifactError, Result};
use crate::manifest::{Chunk, FileEntry, FileMode, MAX_ENTRIES, Manifest, ManifestError};
use crate::rel_path::RelPath;

/// The largest serialised manifest.
pub const MAX_MANIFEST_BYTES: usize = 64 * 1024 * 1024;
const FORMAT: &str = "manifest";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    holdfast: String,
    version: u32,
    files: u64,
    bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    path: String,
    size: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    program: bool,
    chunks: Vec<(String, u64)>,
}

impl Manifest {
    /// The canonical bytes.
    ///
    /// # Errors
    /// [`ManifestError::TooLarge`] where they would be too many for anybody to read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        let mut bytes = Vec::new();
        push(&mut bytes, &self.header())?;
        for (path, entry) in self.entries() {
            push(&mut bytes, &line(path, entry))?;
        }
        Ok(bytes)
    }

    /// The manifest these bytes are.
    ///
    /// # Errors
    /// Where they are not the canonical form of a manifest.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { bytes: bytes.len(), limit: MAX_MANIFEST_BYTES });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| bad(1, e))?;
        let text = text.strip_suffix('\n').ok_or_else(|| bad(1, "the last line does not end"))?;
        let mut lines = (1..).zip(text.split('\n'));
        let (_, first) = lines.next().ok_or(ManifestError::Empty)?;
        let header = parse_header(first)?;
        let mut entries = BTreeMap::new();
        for (number, text) in lines {
            let (path, entry) = parse_line(number, text)?;
            if entries.last_key_value().is_some_and(|(last, _)| *last >= path) {
                return Err(bad(number, "the paths are not in order"));
            }
            if entries.len() >= MAX_ENTRIES {
                return Err(ManifestError::TooManyFiles { files: entries.len().saturating_add(1) });
            }
            entries.insert(path, entry);
        }
        let manifest = Self::new(entries)?;
        let (is, says) = (manifest.header(), header);
        if (is.files, is.bytes) != (says.files, says.bytes) {
            return Err(bad(1, "the header does not count what follows"));
        }
        Ok(manifest)
    }

    /// Stores the manifest as a blob; the id of the blob names the content of the artifact.
    ///
    /// # Errors
    /// Where it is too large or the store does not take it.
    pub fn save(&self, store: &BlobStore) -> Result<BlobId> {
        Ok(store.put(&self.to_bytes()?)?)
    }

    /// Reads a manifest from the store.
    ///
    /// # Errors
    /// Where the store does not have it, or the blob is not a manifest.
    pub fn load(store: &BlobStore, id: BlobId) -> Result<Self> {
        let limit = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
        let bytes = store.read_all_verified(id, limit)?;
        Self::from_bytes(&bytes).map_err(|source| ArtifactError::NotAManifest { id, source })
    }

    fn header(&self) -> Header {
        let files = u64::try_from(self.entries().len()).unwrap_or(u64::MAX);
        Header { holdfast: FORMAT.to_owned(), version: VERSION, files, bytes: self.total_bytes() }
    }
}

fn bad(line: usize, why: impl ToString) -> ManifestError {
    ManifestError::Line { line, why: why.to_string() }
}

fn push<T: Serialize>(bytes: &mut Vec<u8>, value: &T) -> Result<(), ManifestError> {
    serde_json::to_writer(&mut *bytes, value).map_err(|e| bad(0, e))?;
    bytes.push(b'\n');
    if bytes.len() > MAX_MANIFEST_BYTES {
        return Err(ManifestError::TooLarge { bytes: bytes.len(), limit: MAX_MANIFEST_BYTES });
    }
    Ok(())
}

fn line(path: &RelPath, entry: &FileEntry) -> Line {
    let chunks = entry.chunks.iter().map(|chunk| (chunk.id.to_string(), chunk.len)).collect();
    let program = match entry.mode {
        FileMode::Data => false,
        FileMode::Program => true,
    };
    Line { path: path.to_string(), size: entry.size, program, chunks }
}

fn parse_header(text: &str) -> Result<Header, ManifestError> {
    let header: Header = serde_json::from_str(text).map_err(|e| bad(1, e))?;
    if header.holdfast != FORMAT || header.version != VERSION {
        let why = format!(
            "it is `{}` version {}, not `{FORMAT}` version {VERSION}",
            header.holdfast, header.version
        );
        return Err(bad(1, why));
    }
    canonical(1, text, &header)?;
    Ok(header)
}

fn parse_line(number: usize, text: &str) -> Result<(RelPath, FileEntry), ManifestError> {
    let read: Line = serde_json::from_str(text).map_err(|e| bad(number, e))?;
    canonical(number, text, &read)?;
    let path = read.path.parse::<RelPath>().map_err(|e| bad(number, e))?;
    let chunks = read.chunks.iter().map(|(id, len)| Ok(Chunk { id: id.parse()?, len: *len }));
    let chunks = chunks.collect::<Result<_, holdfast_types::BlobIdError>>().map_err(|e| bad(number, e))?;
    let mode = if read.program { FileMode::Program } else { FileMode::Data };
    Ok((path, FileEntry { size: read.size, mode, chunks }))
}

fn canonical<T: Serialize>(number: usize, text: &str, read: &T) -> Result<(), ManifestError> {
    let written = serde_json::to_string(read).map_err(|e| bad(number, e))?;
    if written == text { Ok(()) } else { Err(bad(number, "it is not in the canonical form")) }
}
