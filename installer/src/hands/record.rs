//! The installer's own record on the disk that it writes: what is being installed, and how far it is. It lies in the first MiB,
//! behind the table and before the first partition, so it is there before there is a table and no partition ever covers it.

use std::io;

use holdfast_release::writer::Target;
use holdfast_release::{META_COPY_BYTES, Meta, MetaError};

/// Where the first copy begins; the second one follows it.
pub(crate) const RECORD_AT: u64 = 512 << 10;
/// Bytes of both.
pub(crate) const RECORD_BYTES: usize = 2 * META_COPY_BYTES;

/// Reads it; nothing where there is none.
pub(crate) fn read(target: &mut dyn Target) -> io::Result<Meta> {
    let bytes = read_range(target, RECORD_AT, RECORD_BYTES)?;
    let (first, second) = bytes.split_at(META_COPY_BYTES.min(bytes.len()));
    Ok(Meta::read(first, second))
}

/// Reads a range, or as much as there is of it.
pub(crate) fn read_range(target: &mut dyn Target, at: u64, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let there = target.fill_at(at, &mut bytes)?;
    bytes.truncate(there);
    Ok(bytes)
}

/// Where the next copy goes, and the copy.
pub(crate) fn next(record: &mut Meta) -> Result<(u64, Vec<u8>), MetaError> {
    let (half, bytes) = record.next_copy()?;
    let at = RECORD_AT + if half == 0 { 0 } else { u64::try_from(META_COPY_BYTES).unwrap_or(0) };
    Ok((at, bytes))
}
