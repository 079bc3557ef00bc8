//! What the store has of an artifact, and whether it is good.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_blob::{BlobError, BlobStore};
use holdfast_types::BlobId;

use crate::error::Result;
use crate::manifest::{Chunk, Manifest};
use crate::rel_path::RelPath;

/// A chunk that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadChunk {
    /// The file of the artifact that cannot be read.
    pub path: RelPath,
    /// The blob.
    pub id: BlobId,
    /// What is wrong with it.
    pub why: String,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Blobs looked at; one that several files share counts once.
    pub blobs: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Everything that is bad, by file.
    pub bad: Vec<BadChunk>,
}

/// Reads every blob of the artifact from end to end. A bad blob is a line of the report for each file that needs it.
#[must_use]
pub fn verify(store: &BlobStore, manifest: &Manifest) -> Report {
    let mut report = Report::default();
    let mut verdicts: BTreeMap<Chunk, Option<String>> = BTreeMap::new();
    for (path, chunk) in manifest.chunks() {
        let verdict = verdicts.entry(chunk).or_insert_with(|| {
            report.blobs = report.blobs.saturating_add(1);
            match store.verify(chunk.id) {
                Ok(len) if len == chunk.len => {
                    report.bytes = report.bytes.saturating_add(len);
                    None
                }
                Ok(len) => Some(format!("it has {len} bytes and should have {}", chunk.len)),
                Err(error) => Some(error.to_string()),
            }
        });
        if let Some(why) = verdict {
            report.bad.push(BadChunk { path: path.clone(), id: chunk.id, why: why.clone() });
        }
    }
    report
}

/// What a fetcher has to bring before the artifact can be used here: each blob once, in the order of the files.
///
/// # Errors
/// Where the disk does not answer.
pub fn missing(store: &BlobStore, manifest: &Manifest) -> Result<Vec<Chunk>> {
    let (mut seen, mut missing) = (BTreeSet::new(), Vec::new());
    for (_, chunk) in manifest.chunks() {
        if !seen.insert(chunk.id) {
            continue;
        }
        match store.len(chunk.id) {
            Ok(len) if len == chunk.len => {}
            Ok(_) | Err(BlobError::Missing { .. }) => missing.push(chunk),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(missing)
}
