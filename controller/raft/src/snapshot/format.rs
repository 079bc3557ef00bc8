//! The bytes of a snapshot file.
//!
//! ```text
//! "HFRAFTSN"  len u32, CRC32C u32, header (protobuf: version, cluster, last entry, configuration, clock, hash, records)
//! blocks      len u32, CRC32C u32, records (key length u32, value length u32, key, value)...
//! end         len 0
//! trailer     SHA-256 of everything before it
//! ```

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes};
use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::codec::{CodecError, decode, log_id_in, log_id_out, stored_membership_in, stored_membership_out};
use crate::digest::{Rolling, StateHash};
use crate::machine::Record;
use crate::types::{LogId, StoredMembership};
use crate::wire::{FORMAT_VERSION, PositionMessage};

const MAGIC: &[u8; 8] = b"HFRAFTSN";
const BLOCK_BYTES: usize = 1 << 20;
/// A block holds at least one record, so this bounds a record too.
const MAX_BLOCK_BYTES: usize = 64 << 20;
const MAX_HEADER_BYTES: usize = 1 << 20;

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("read snapshot")]
    Io(#[from] io::Error),
    #[error("read snapshot header")]
    Header(#[from] CodecError),
    #[error("snapshot is corrupt: {0}")]
    Corrupt(&'static str),
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
    pub(crate) fn encode(&self, cluster_id: &str, records: usize) -> Vec<u8> {
        PositionMessage {
            version: FORMAT_VERSION,
            cluster_id: cluster_id.to_owned(),
            applied: self.applied.as_ref().map(log_id_out),
            membership: Some(stored_membership_out(&self.membership)),
            time_ms: self.time_ms,
            state_hash: self.hash.to_bytes().to_vec(),
            records: u64::try_from(records).unwrap_or(u64::MAX),
        }
        .encode_to_vec()
    }

    /// The position and the number of records that go with it.
    pub(crate) fn decode(cluster_id: &str, bytes: &[u8]) -> Result<(Self, u64), SnapshotError> {
        let message: PositionMessage = decode("position", bytes)?;
        if message.version != FORMAT_VERSION {
            return Err(SnapshotError::Newer { found: message.version, known: FORMAT_VERSION });
        }
        if message.cluster_id != cluster_id {
            return Err(SnapshotError::OtherCluster(message.cluster_id));
        }
        let hash = StateHash::from_bytes(&message.state_hash);
        let position = Self {
            applied: message.applied.as_ref().map(log_id_in),
            membership: stored_membership_in(message.membership)?,
            time_ms: message.time_ms,
            hash: hash.ok_or(SnapshotError::Corrupt("its state hash has not 32 bytes"))?,
        };
        Ok((position, message.records))
    }
}

/// A whole state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) position: Position,
    pub(crate) records: Vec<Record>,
}

struct Hashing<W> {
    out: W,
    hasher: Sha256,
}

impl<W: Write> Hashing<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
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

/// Writes a snapshot.
pub(super) fn write(cluster_id: &str, contents: &Contents, out: impl Write) -> io::Result<()> {
    let mut out = Hashing { out, hasher: Sha256::new() };
    out.put(MAGIC)?;
    out.framed(&contents.position.encode(cluster_id, contents.records.len()))?;
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    for (key, value) in &contents.records {
        if !block.is_empty() && block.len() + key.len() + value.len() + 8 > BLOCK_BYTES {
            out.framed(&block)?;
            block.clear();
        }
        if key.len() + value.len() + 8 > MAX_BLOCK_BYTES {
            return Err(io::Error::other("a record of the state is larger than a snapshot can hold"));
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
    out.out.flush()
}

struct Checking<R> {
    input: R,
    hasher: Sha256,
}

impl<R: Read> Checking<R> {
    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        self.hasher.update(bytes);
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
        self.hasher.update(&bytes);
        Ok(bytes.into())
    }
}

/// Reads the header of a snapshot alone.
pub(super) fn read_position(cluster_id: &str, input: impl Read) -> Result<Position, SnapshotError> {
    Ok(header(cluster_id, &mut Checking { input, hasher: Sha256::new() })?.0)
}

fn header<R: Read>(cluster_id: &str, input: &mut Checking<R>) -> Result<(Position, u64), SnapshotError> {
    if &input.take::<8>()? != MAGIC {
        return Err(SnapshotError::Corrupt("it does not begin with the mark of a snapshot"));
    }
    Position::decode(cluster_id, &input.framed(MAX_HEADER_BYTES)?)
}

/// Reads a snapshot and checks every byte of it, and its records against its state hash.
pub(super) fn read(cluster_id: &str, input: impl Read) -> Result<Contents, SnapshotError> {
    let mut input = Checking { input, hasher: Sha256::new() };
    let (position, count) = header(cluster_id, &mut input)?;
    let mut records = Vec::new();
    loop {
        let block = input.framed(MAX_BLOCK_BYTES)?;
        if block.is_empty() {
            break;
        }
        records_of(block, &mut records)?;
    }
    let digest = input.hasher.finalize();
    let mut trailer = Vec::new();
    input.input.take(33).read_to_end(&mut trailer)?;
    if trailer.as_slice() != digest.as_slice() {
        return Err(SnapshotError::Corrupt("its SHA-256 does not match"));
    }
    if u64::try_from(records.len()).ok() != Some(count) {
        return Err(SnapshotError::Corrupt("it has another number of records than its header says"));
    }
    if Rolling::of(&records).hash() != position.hash {
        return Err(SnapshotError::Corrupt("its records do not have the state hash of its header"));
    }
    Ok(Contents { position, records })
}

fn records_of(mut block: Bytes, records: &mut Vec<Record>) -> Result<(), SnapshotError> {
    let cut = || SnapshotError::Corrupt("a record is cut off");
    while block.has_remaining() {
        let key = usize::try_from(block.try_get_u32_le().map_err(|_| cut())?).map_err(|_| cut())?;
        let value = usize::try_from(block.try_get_u32_le().map_err(|_| cut())?).map_err(|_| cut())?;
        if key.saturating_add(value) > block.remaining() {
            return Err(cut());
        }
        let key = block.split_to(key).to_vec();
        records.push((key, block.split_to(value).to_vec()));
    }
    Ok(())
}
