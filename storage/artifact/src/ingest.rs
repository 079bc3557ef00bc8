//! A stream becomes a file of an artifact.

use std::io::Read;

use camino::Utf8Path;
use holdfast_blob::{BlobError, BlobStore, copy};

use crate::manifest::{CHUNK_BYTES, Chunk, FileEntry, FileMode};

/// Stores what `from` gives, up to `size` bytes and one more, in chunks. The caller compares the size of the entry with
/// the size it expected: a source that grew or shrank shows itself there.
pub(crate) fn ingest(
    store: &BlobStore,
    from: &mut dyn Read,
    size: u64,
    mode: FileMode,
    name: &Utf8Path,
) -> Result<FileEntry, BlobError> {
    let mut from = from.take(size.saturating_add(1));
    let mut entry = FileEntry { size: 0, mode, chunks: Vec::new() };
    while entry.size < size {
        let mut writer = store.writer()?;
        let copied = copy(&mut from, &mut writer, CHUNK_BYTES);
        if copied.map_err(|e| BlobError::from_io("read", name, e))? == 0 {
            return Ok(entry);
        }
        let (id, len) = writer.finish()?;
        entry.chunks.push(Chunk { id, len });
        entry.size = entry.size.saturating_add(len);
    }
    if entry.size == size {
        let extra = copy(&mut from, &mut std::io::sink(), 1);
        let extra = extra.map_err(|e| BlobError::from_io("read", name, e))?;
        entry.size = entry.size.saturating_add(extra);
    }
    Ok(entry)
}
