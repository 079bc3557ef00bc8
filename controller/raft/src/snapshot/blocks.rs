//! Reads a snapshot block by block and checks every byte of it: the checksum of each block before it is handed out, and at
//! the end the hash of the whole file. What the records are, and whether they have the hash of the state, is for whoever
//! takes them.

use std::io::{self, Read};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::format::{MAGIC, MAX_BLOCK_BYTES, Position, SnapshotError};

const MAX_HEADER_BYTES: usize = 1 << 20;
const TRAILER_BYTES: u64 = 32;

struct Checking<R> {
    input: R,
    hasher: Sha256,
    bytes: u64,
}

impl<R: Read> Checking<R> {
    fn took(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        self.took(&bytes);
        Ok(bytes)
    }

    fn framed(&mut self, limit: usize) -> Result<Bytes, SnapshotError> {
        let length = usize::try_from(u32::from_le_bytes(self.take()?)).unwrap_or(usize::MAX);
        let crc = u32::from_le_bytes(self.take()?);
        if length > limit {
            return Err(SnapshotError::Corrupt("a block is longer than any that is written"));
        }
        // Grown as bytes arrive: a wrong length must not reserve memory.
        let mut bytes = Vec::new();
        let wanted = u64::try_from(length).unwrap_or(u64::MAX);
        self.input.by_ref().take(wanted).read_to_end(&mut bytes)?;
        if bytes.len() != length {
            return Err(SnapshotError::Corrupt("a block is cut off"));
        }
        if crc32c::crc32c(&bytes) != crc {
            return Err(SnapshotError::Corrupt("a block has a wrong checksum"));
        }
        self.took(&bytes);
        Ok(bytes.into())
    }
}

/// A snapshot of which the header was read. Its blocks count only when they have come to their end without an error.
pub(crate) struct Blocks<R> {
    input: Checking<R>,
    pub(super) cluster_id: String,
    pub(crate) position: Position,
    /// How many records the header promises.
    pub(crate) promised: u64,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    /// Reads the header.
    pub(super) fn open(input: R) -> Result<Self, SnapshotError> {
        let mut input = Checking { input, hasher: Sha256::new(), bytes: 0 };
        if &input.take::<8>()? != MAGIC {
            return Err(SnapshotError::Corrupt("it does not begin with the mark of a snapshot"));
        }
        let (cluster_id, position, promised) = Position::decode(&input.framed(MAX_HEADER_BYTES)?)?;
        Ok(Self { input, cluster_id, position, promised, ended: false })
    }

    /// How many bytes have been read.
    pub(super) fn bytes(&self) -> u64 {
        self.input.bytes
    }

    fn read(&mut self) -> Result<Option<Bytes>, SnapshotError> {
        let block = self.input.framed(MAX_BLOCK_BYTES)?;
        if block.is_empty() { self.finish().map(|()| None) } else { Ok(Some(block)) }
    }

    fn finish(&mut self) -> Result<(), SnapshotError> {
        let digest = std::mem::take(&mut self.input.hasher).finalize();
        let mut trailer = Vec::new();
        self.input.input.by_ref().take(TRAILER_BYTES + 1).read_to_end(&mut trailer)?;
        self.input.bytes += TRAILER_BYTES;
        if trailer.as_slice() != digest.as_slice() {
            return Err(SnapshotError::Corrupt("its SHA-256 does not match"));
        }
        Ok(())
    }
}

impl<R: Read> Iterator for Blocks<R> {
    type Item = Result<Bytes, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// A key and its value, or why there are none.
type Split<'a> = Result<(&'a [u8], &'a [u8]), SnapshotError>;

/// The key and the value of the next record of a block, which it takes off it.
pub(crate) fn split<'a>(block: &mut &'a [u8]) -> Option<Split<'a>> {
    if block.is_empty() {
        return None;
    }
    let cut = || SnapshotError::Corrupt("a record is cut off");
    Some(take_record(block).ok_or_else(cut))
}

fn take_record<'a>(block: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (key, rest) = block.split_first_chunk()?;
    let (value, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*key)).ok()?)?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*value)).ok()?)?;
    *block = rest;
    Some((key, value))
}
