//! Reads a snapshot record by record: its blocks are checked before their records are handed out, and at the end the hash of
//! the state.

use std::io::Read;

use bytes::{Buf as _, Bytes};

use super::blocks::{Blocks, split};
use super::format::{Position, SnapshotError};
use crate::digest::Sum;
use crate::machine::Record;

/// A snapshot being read. Its records count only when they have come to their end without an error.
pub(crate) struct Reader<R> {
    blocks: Blocks<R>,
    sum: Sum,
    block: Bytes,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub(crate) fn open(input: R) -> Result<Self, SnapshotError> {
        let blocks = Blocks::open(input)?;
        Ok(Self { blocks, sum: Sum::default(), block: Bytes::new(), ended: false })
    }

    /// Reads the header of a snapshot of this cluster.
    pub(crate) fn of_cluster(cluster_id: &str, input: R) -> Result<Self, SnapshotError> {
        let reader = Self::open(input)?;
        if reader.blocks.cluster_id != cluster_id {
            return Err(SnapshotError::OtherCluster(reader.blocks.cluster_id));
        }
        Ok(reader)
    }

    /// The blocks, for whoever looks at their records itself; none of them has been read yet.
    pub(crate) fn into_blocks(self) -> Blocks<R> {
        self.blocks
    }

    pub(crate) fn cluster_id(&self) -> &str {
        &self.blocks.cluster_id
    }

    pub(crate) fn position(&self) -> &Position {
        &self.blocks.position
    }

    /// How many records the header promises.
    pub(crate) fn promised(&self) -> u64 {
        self.blocks.promised
    }

    /// How many bytes have been read.
    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.bytes()
    }

    /// Goes through the rest without keeping any of it.
    pub(crate) fn check(&mut self) -> Result<(), SnapshotError> {
        self.try_for_each(|record| record.map(drop))
    }

    fn read(&mut self) -> Result<Option<Record>, SnapshotError> {
        if self.block.is_empty() {
            let Some(block) = self.blocks.next().transpose()? else { return self.finish().map(|()| None) };
            self.block = block;
        }
        let mut rest = &*self.block;
        let Some(record) = split(&mut rest).transpose()? else { return Ok(None) };
        let record = (record.0.to_vec(), record.1.to_vec());
        self.block.advance(self.block.len() - rest.len());
        if !self.sum.add(&record) {
            return Err(SnapshotError::Corrupt("its records are not in the order of their keys"));
        }
        Ok(Some(record))
    }

    fn finish(&self) -> Result<(), SnapshotError> {
        if self.sum.records() != self.blocks.promised {
            return Err(SnapshotError::Corrupt("it has another number of records than its header says"));
        }
        if self.sum.hash() != self.blocks.position.hash {
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
