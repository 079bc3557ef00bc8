//! The hash tree of dm-verity, format 1: SHA-256 over blocks of 4,096 bytes with the salt in front, a superblock before it
//! (Documentation/admin-guide/device-mapper/verity.rst of Linux; the superblock is cryptsetup's).

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Bytes of a block, of the data as of the tree.
pub const BLOCK: usize = 4_096;
/// The same as a length on a disk.
pub const BLOCK_BYTES: u64 = 4_096;
/// Hashes in one block of the tree.
const FAN: usize = BLOCK / 32;

/// Why there is no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerityError {
    /// Blocks are whole.
    #[error("the data has {0} bytes, which are no whole blocks of 4096")]
    Uneven(u64),
    /// Nothing to prove.
    #[error("there is no data")]
    Empty,
}

/// The salt of a tree.
pub type Salt = [u8; 32];

/// What proves all of the data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RootHash(pub [u8; 32]);

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Gathers the hashes of the data, block by block.
#[derive(Debug, Clone)]
pub struct HashTree {
    salt: Salt,
    hashes: Vec<u8>,
    rest: Vec<u8>,
    bytes: u64,
}

/// A whole tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The superblock and the tree, as they stand on the hash device.
    pub bytes: Vec<u8>,
    /// What proves it.
    pub root: RootHash,
    /// How many blocks the data has.
    pub data_blocks: u64,
}

impl HashTree {
    /// A tree of nothing yet.
    #[must_use]
    pub fn new(salt: Salt) -> Self {
        Self { salt, hashes: Vec::new(), rest: Vec::new(), bytes: 0 }
    }

    /// Takes more of the data.
    pub fn update(&mut self, mut data: &[u8]) {
        self.bytes += u64::try_from(data.len()).unwrap_or(0);
        if !self.rest.is_empty() {
            let (now, later) = data.split_at(data.len().min(BLOCK - self.rest.len()));
            self.rest.extend_from_slice(now);
            data = later;
            if self.rest.len() < BLOCK {
                return;
            }
            let block = std::mem::take(&mut self.rest);
            self.hashes.extend(self.hash(&block));
        }
        let blocks = data.chunks_exact(BLOCK);
        self.rest = blocks.remainder().to_vec();
        for block in blocks {
            let hash = self.hash(block);
            self.hashes.extend(hash);
        }
    }

    fn hash(&self, block: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(self.salt).chain_update(block).finalize().into()
    }

    /// The tree over all that was given. `id` is the number of the hash device.
    ///
    /// # Errors
    ///
    /// There was nothing, or the last block is not whole.
    pub fn finish(self, id: [u8; 16]) -> Result<Tree, VerityError> {
        if !self.rest.is_empty() {
            return Err(VerityError::Uneven(self.bytes));
        }
        if self.hashes.is_empty() {
            return Err(VerityError::Empty);
        }
        let data_blocks = self.bytes / u64::try_from(BLOCK).unwrap_or(1);
        if let Ok(only) = <[u8; 32]>::try_from(self.hashes.as_slice()) {
            // A single block is proved by its own hash, without a tree.
            return Ok(Tree { bytes: self.superblock(id, data_blocks), root: RootHash(only), data_blocks });
        }
        let mut levels = vec![padded(&self.hashes)];
        let mut count = self.hashes.len() / 32;
        while count > FAN {
            let below = levels.last().map(Vec::as_slice).unwrap_or_default();
            let hashes: Vec<u8> = below.chunks_exact(BLOCK).flat_map(|block| self.hash(block)).collect();
            count = hashes.len() / 32;
            levels.push(padded(&hashes));
        }
        let root = RootHash(self.hash(levels.last().map(Vec::as_slice).unwrap_or_default()));
        let mut bytes = self.superblock(id, data_blocks);
        // The topmost level comes first.
        bytes.extend(levels.into_iter().rev().flatten());
        Ok(Tree { bytes, root, data_blocks })
    }

    fn superblock(&self, id: [u8; 16], data_blocks: u64) -> Vec<u8> {
        let block = u32::try_from(BLOCK).unwrap_or(0);
        let mut bytes = b"verity\0\0".to_vec();
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(id);
        bytes.extend_from_slice(b"sha256");
        bytes.resize(64, 0);
        bytes.extend(block.to_le_bytes());
        bytes.extend(block.to_le_bytes());
        bytes.extend(data_blocks.to_le_bytes());
        bytes.extend(32_u16.to_le_bytes());
        bytes.resize(88, 0);
        bytes.extend(self.salt);
        bytes.resize(BLOCK, 0);
        bytes
    }
}

fn padded(hashes: &[u8]) -> Vec<u8> {
    let mut level = hashes.to_vec();
    level.resize(hashes.len().next_multiple_of(BLOCK), 0);
    level
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::Command;

    use super::*;

    fn tree(data: &[u8], pieces: usize) -> Tree {
        let mut tree = HashTree::new([7; 32]);
        data.chunks(pieces).for_each(|piece| tree.update(piece));
        tree.finish([9; 16]).unwrap()
    }

    #[test]
    fn veritysetup_comes_to_the_same_root() {
        for blocks in [1, 2, 128, 129, 20_000] {
            let data: Vec<u8> =
                (0..blocks * BLOCK).map(|at| u8::try_from(at / 1_000 % 251).unwrap()).collect();
            let ours = tree(&data, 10_007);
            assert_eq!(ours, tree(&data, 1 << 20));
            let (mut disk, mut hashes) =
                (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
            disk.write_all(&data).unwrap();
            hashes.write_all(&ours.bytes).unwrap();
            let said = Command::new("veritysetup")
                .arg("verify")
                .args([disk.path(), hashes.path()])
                .arg(ours.root.to_string())
                .output();
            let said = said.expect("veritysetup of cryptsetup-bin");
            assert!(said.status.success(), "{blocks}: {}", String::from_utf8_lossy(&said.stderr));
        }
    }

    #[test]
    fn data_that_is_no_blocks_has_no_tree() {
        assert_eq!(HashTree::new([0; 32]).finish([0; 16]), Err(VerityError::Empty));
        let mut tree = HashTree::new([0; 32]);
        tree.update(&[0; BLOCK + 1]);
        assert_eq!(tree.finish([0; 16]), Err(VerityError::Uneven(4_097)));
    }
}
