//! The bytes of a snapshot file.
//!
//! ```text
//! "HFRAFTSN"  len u32, CRC32C u32, header (protobuf: version, cluster, last entry, configuration, clock, hash, records)
//! blocks      len u32, CRC32C u32, records (key length u32, value length u32, key, value)...
//! end         len 0
//! trailer     SHA-256 of everything before it
//! ```

use std::io::{self, Write};

use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::codec::{CodecError, decode, log_id_in, log_id_out, stored_membership_in, stored_membership_out};
use crate::digest::{StateHash, Sum};
use crate::machine::Record;
use crate::types::{LogId, StoredMembership};
use crate::wire::{FORMAT_VERSION, PositionMessage};

pub(super) const MAGIC: &[u8; 8] = b"HFRAFTSN";
const BLOCK_BYTES: usize = 1 << 20;
/// A block holds at least one record, so this bounds a record too.
pub(super) const MAX_BLOCK_BYTES: usize = 64 << 20;

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("read snapshot")]
    Io(#[from] io::Error),
    #[error("read snapshot header")]
    Header(#[from] CodecError),
    #[error("snapshot is corrupt: {0}")]
    Corrupt(&'static str),
    #[error("snapshot is corrupt: its records do not have the state hash of its header")]
    Hash,
    #[error("snapshot has format {found}, this build reads up to {known}")]
    Newer { found: u32, known: u32 },
    #[error("snapshot belongs to cluster `{0}`")]
    OtherCluster(String),
}

/// Where a state stands, beside its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) applied: Option<LogId>,
    pub(crate) membership: StoredMembership,
    pub(crate) time_ms: u64,
    pub(crate) hash: StateHash,
}

impl Position {
    pub(crate) fn encode(&self, cluster_id: &str, records: u64) -> Vec<u8> {
        PositionMessage {
            version: FORMAT_VERSION,
            cluster_id: cluster_id.to_owned(),
            applied: self.applied.as_ref().map(log_id_out),
            membership: Some(stored_membership_out(&self.membership)),
            time_ms: self.time_ms,
            state_hash: self.hash.to_bytes().to_vec(),
            records,
        }
        .encode_to_vec()
    }

    /// The cluster, the position and the number of records that go with it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(String, Self, u64), SnapshotError> {
        let message: PositionMessage = decode("position", bytes)?;
        if message.version != FORMAT_VERSION {
            return Err(SnapshotError::Newer { found: message.version, known: FORMAT_VERSION });
        }
        let hash = StateHash::from_bytes(&message.state_hash);
        let position = Self {
            applied: message.applied.as_ref().map(log_id_in),
            membership: stored_membership_in(message.membership)?,
            time_ms: message.time_ms,
            hash: hash.ok_or(SnapshotError::Corrupt("its state hash has not 32 bytes"))?,
        };
        Ok((message.cluster_id, position, message.records))
    }
}

struct Hashing<W> {
    out: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Hashing<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.bytes += u64::from(length(bytes));
        self.out.write_all(bytes)
    }

    fn framed(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(&length(bytes).to_le_bytes())?;
        self.put(&crc32c::crc32c(bytes).to_le_bytes())?;
        self.put(bytes)
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// What was written: whoever gave the header looks whether the records kept what it says.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) sum: Sum,
    pub(crate) bytes: u64,
}

/// Writes a snapshot whose records pass by in key order.
pub(crate) fn write(
    cluster_id: &str,
    position: &Position,
    count: u64,
    records: impl Iterator<Item = Record>,
    out: impl Write,
) -> io::Result<Written> {
    let mut out = Hashing { out, hasher: Sha256::new(), bytes: 0 };
    out.put(MAGIC)?;
    out.framed(&position.encode(cluster_id, count))?;
    let mut sum = Sum::default();
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    for record in records {
        let (key, value) = &record;
        if !block.is_empty() && block.len() + key.len() + value.len() + 8 > BLOCK_BYTES {
            out.framed(&block)?;
            block.clear();
        }
        if key.len() + value.len() + 8 > MAX_BLOCK_BYTES {
            return Err(io::Error::other("a record of the state is larger than a snapshot can hold"));
        }
        if !sum.add(&record) {
            return Err(io::Error::other("the records of the state are not in the order of their keys"));
        }
        block.extend_from_slice(&length(key).to_le_bytes());
        block.extend_from_slice(&length(value).to_le_bytes());
        block.extend_from_slice(key);
        block.extend_from_slice(value);
    }
    if !block.is_empty() {
        out.framed(&block)?;
    }
    out.framed(&[])?;
    let digest = out.hasher.finalize();
    out.out.write_all(&digest)?;
    out.out.flush()?;
    Ok(Written { sum, bytes: out.bytes + u64::try_from(digest.len()).unwrap_or(0) })
}
