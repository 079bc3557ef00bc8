//! The tree: its frontier, which grows and knows the root, and its leaves, which can prove.

use crate::hash::{HASH_BYTES, Hash, node_hash};
use crate::proof::{HashSource, ProofError};

/// The compact state of a tree: the roots of its perfect subtrees from left to right, one for each bit of its size.
/// At most 2 KiB, however long the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

/// Why bytes are not a frontier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The length does not fit the size.
    #[error("{length} bytes are not a frontier: a tree of {size} leaves has {expected}")]
    Length {
        /// Of the bytes.
        length: usize,
        /// The size they state.
        size: u64,
        /// The length for that size.
        expected: usize,
    },
    /// Too short to state a size.
    #[error("{0} bytes are too few for a frontier")]
    Short(usize),
}

impl Frontier {
    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf and returns the new root.
    pub fn append(&mut self, leaf: Hash) -> Hash {
        let mut hash = leaf;
        let mut rest = self.size;
        while rest & 1 == 1 {
            // There is a hash for every bit of the size that is set.
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
            rest >>= 1;
        }
        self.hashes.push(hash);
        self.size = self.size.saturating_add(1);
        self.root()
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let folded = self.hashes.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        folded.unwrap_or_else(Hash::empty_root)
    }

    /// A frontier from the roots of its perfect subtrees, largest first; `None` where their number does not fit.
    #[must_use]
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (u32::try_from(hashes.len()) == Ok(size.count_ones())).then_some(Self { size, hashes })
    }

    /// The size, big-endian, and the hashes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        for hash in &self.hashes {
            bytes.extend_from_slice(&hash.0);
        }
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(FrontierError::Short(bytes.len()))?;
        let size = u64::from_be_bytes(*size);
        let (hashes, tail) = rest.as_chunks::<HASH_BYTES>();
        let hashes = hashes.iter().copied().map(Hash).collect();
        let wrong = || {
            let ones = (0..u64::BITS).filter(|bit| size >> bit & 1 == 1).count();
            FrontierError::Length { length: bytes.len(), size, expected: 8 + HASH_BYTES * ones }
        };
        if !tail.is_empty() {
            return Err(wrong());
        }
        Self::from_parts(size, hashes).ok_or_else(wrong)
    }
}

/// The root over hashes of which there are a power of two; `None` for any other number.
#[must_use]
pub fn perfect_root(hashes: &[Hash]) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut frontier = Frontier::default();
    for hash in hashes {
        frontier.append(*hash);
    }
    Some(frontier.root())
}

/// The hashes of all leaves and perfect subtrees of a log held in memory: 64 bytes an entry.
#[derive(Debug, Clone, Default)]
pub struct Leaves {
    levels: Vec<Vec<Hash>>,
}

impl Leaves {
    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| u64::try_from(leaves.len()).unwrap_or(u64::MAX))
    }

    /// Adds a leaf.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(level) else { return };
            hashes.push(hash);
            let (pairs, odd) = hashes.as_chunks::<2>();
            match pairs.last() {
                Some([left, right]) if odd.is_empty() => hash = node_hash(left, right),
                _ => return,
            }
        }
    }
}

impl HashSource for Leaves {
    fn node(&self, level: u32, index: u64) -> Result<Hash, ProofError> {
        let missing = || ProofError::Missing { level, index };
        let level = usize::try_from(level).map_err(|_| missing())?;
        let index = usize::try_from(index).map_err(|_| missing())?;
        self.levels.get(level).and_then(|hashes| hashes.get(index)).copied().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests;
