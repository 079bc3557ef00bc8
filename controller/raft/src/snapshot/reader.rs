//! Reads a snapshot record by record and checks every byte of it: the checksum of each block before its records are handed
//! out, and at the end the hash of the whole file and that of the state.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use sha2::{Digest as _, Sha256};

use super::format::{MAGIC, MAX_BLOCK_BYTES, Position, SnapshotError};
use crate::digest::Sum;
use crate::machine::Record;

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

/// A snapshot being read. Its records count only when they have come to their end without an error.
pub(crate) struct Reader<R> {
    input: Checking<R>,
    cluster_id: String,
    position: Position,
    count: u64,
    sum: Sum,
    block: Bytes,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub(crate) fn open(input: R) -> Result<Self, SnapshotError> {
        let mut input = Checking { input, hasher: Sha256::new(), bytes: 0 };
        if &input.take::<8>()? != MAGIC {
            return Err(SnapshotError::Corrupt("it does not begin with the mark of a snapshot"));
        }
        let (cluster_id, position, count) = Position::decode(&input.framed(MAX_HEADER_BYTES)?)?;
        Ok(Self {
            input,
            cluster_id,
            position,
            count,
            sum: Sum::default(),
            block: Bytes::new(),
            ended: false,
        })
    }

    /// Reads the header of a snapshot of this cluster.
    pub(crate) fn of_cluster(cluster_id: &str, input: R) -> Result<Self, SnapshotError> {
        let reader = Self::open(input)?;
        if reader.cluster_id != cluster_id {
            return Err(SnapshotError::OtherCluster(reader.cluster_id));
        }
        Ok(reader)
    }

    pub(crate) fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// How many records the header promises.
    pub(crate) fn promised(&self) -> u64 {
        self.count
    }

    /// How many bytes have been read.
    pub(crate) fn bytes(&self) -> u64 {
        self.input.bytes
    }

    /// Goes through the rest without keeping any of it.
    pub(crate) fn check(&mut self) -> Result<(), SnapshotError> {
        self.try_for_each(|record| record.map(drop))
    }

    fn read(&mut self) -> Result<Option<Record>, SnapshotError> {
        if !self.block.has_remaining() {
            self.block = self.input.framed(MAX_BLOCK_BYTES)?;
            if self.block.is_empty() {
                return self.finish().map(|()| None);
            }
        }
        let record = self.record()?;
        if !self.sum.add(&record) {
            return Err(SnapshotError::Corrupt("its records are not in the order of their keys"));
        }
        Ok(Some(record))
    }

    fn record(&mut self) -> Result<Record, SnapshotError> {
        let cut = || SnapshotError::Corrupt("a record is cut off");
        let key = usize::try_from(self.block.try_get_u32_le().map_err(|_| cut())?).map_err(|_| cut())?;
        let value = usize::try_from(self.block.try_get_u32_le().map_err(|_| cut())?).map_err(|_| cut())?;
        if key.saturating_add(value) > self.block.remaining() {
            return Err(cut());
        }
        let key = self.block.split_to(key).to_vec();
        Ok((key, self.block.split_to(value).to_vec()))
    }

    fn finish(&mut self) -> Result<(), SnapshotError> {
        let digest = std::mem::take(&mut self.input.hasher).finalize();
        let mut trailer = Vec::new();
        self.input.input.by_ref().take(TRAILER_BYTES + 1).read_to_end(&mut trailer)?;
        self.input.bytes += TRAILER_BYTES;
        if trailer.as_slice() != digest.as_slice() {
            return Err(SnapshotError::Corrupt("its SHA-256 does not match"));
        }
        if self.sum.records() != self.count {
            return Err(SnapshotError::Corrupt("it has another number of records than its header says"));
        }
        if self.sum.hash() != self.position.hash {
            return Err(SnapshotError::Hash);
        }
        Ok(())
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}
