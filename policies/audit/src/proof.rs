//! Proofs that an entry is in a tree, and that a tree only grew (RFC 6962 section 2.1, RFC 9162 sections 2.1.3 and
//! 2.1.4).

use crate::hash::{Hash, node_hash};

/// The most hashes of a proof: a path up a tree of 2^64 leaves, and one more where two trees are compared.
pub const MAX_PROOF: usize = 65;

/// Where the hashes of perfect subtrees come from.
pub trait HashSource {
    /// The root over the leaves from `index << level` to `(index + 1) << level`, all of which exist.
    fn node(&self, level: u32, index: u64) -> Result<Hash, ProofError>;
}

/// Why a proof cannot be made, or does not prove.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such entry in the tree.
    #[error("entry {index} is not in a log of {size} entries")]
    Index {
        /// The entry.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The older tree is not the smaller one.
    #[error("a log of {old} entries cannot have grown into one of {new}")]
    Shrunk {
        /// Size of the older.
        old: u64,
        /// Size of the newer.
        new: u64,
    },
    /// A hash that the proof needs is not there.
    #[error("the hash of node {index} at level {level} is missing")]
    Missing {
        /// The level.
        level: u32,
        /// The position in it.
        index: u64,
    },
    /// A hash could not be read.
    #[error("{0}")]
    Source(String),
    /// The proof has too many or too few hashes.
    #[error("the proof has {0} hashes, which does not fit the sizes")]
    Length(usize),
    /// The proof leads to another root.
    #[error("the proof leads to the root {computed}, and the log says {stated}")]
    Root {
        /// What the proof leads to.
        computed: Hash,
        /// What the log says.
        stated: Hash,
    },
}

/// The largest power of two below a number above 1, as a level.
fn split_level(count: u64) -> u32 {
    (count - 1).ilog2()
}

/// The root over the leaves from `start` on, where `start` is a multiple of the power of two at or above `count`.
fn range_root(source: &dyn HashSource, start: u64, count: u64) -> Result<Hash, ProofError> {
    if count.is_power_of_two() {
        let level = count.ilog2();
        return source.node(level, start >> level);
    }
    let left = 1u64 << split_level(count);
    Ok(node_hash(&range_root(source, start, left)?, &range_root(source, start + left, count - left)?))
}

/// The hashes that lead from an entry's leaf to the root of a tree, from the leaf up.
pub fn inclusion_proof(source: &dyn HashSource, index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let (mut start, mut count) = (0u64, size);
    let mut path = Vec::new();
    while count > 1 {
        let left = 1u64 << split_level(count);
        if index - start < left {
            path.push(range_root(source, start + left, count - left)?);
            count = left;
        } else {
            path.push(range_root(source, start, left)?);
            (start, count) = (start + left, count - left);
        }
    }
    path.reverse();
    Ok(path)
}

/// The hashes that show that a tree of `old` leaves became one of `new` by appending alone.
pub fn consistency_proof(source: &dyn HashSource, old: u64, new: u64) -> Result<Vec<Hash>, ProofError> {
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut start, mut count) = (0u64, new);
    let mut path = Vec::new();
    // Down to the subtree that ends where the old tree ends.
    while old - start != count {
        let left = 1u64 << split_level(count);
        if old - start <= left {
            path.push(range_root(source, start + left, count - left)?);
            count = left;
        } else {
            path.push(range_root(source, start, left)?);
            (start, count) = (start + left, count - left);
        }
    }
    // Where that subtree is the whole old tree, its root is what the verifier already has.
    if start > 0 {
        path.push(range_root(source, start, count)?);
    }
    path.reverse();
    Ok(path)
}

fn check_root(computed: Hash, stated: &Hash) -> Result<(), ProofError> {
    if computed == *stated { Ok(()) } else { Err(ProofError::Root { computed, stated: *stated }) }
}

/// Checks that a leaf is at an index of the tree with a root (RFC 9162 section 2.1.3.2).
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    if proof.len() > MAX_PROOF {
        return Err(ProofError::Length(proof.len()));
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length(proof.len()));
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::Length(proof.len()));
    }
    check_root(hash, root)
}

/// Checks that a tree with one size and root became another by appending alone (RFC 9162 section 2.1.4.2).
pub fn verify_consistency(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> Result<(), ProofError> {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return Err(ProofError::Shrunk { old: old_size, new: new_size });
    }
    if proof.len() > MAX_PROOF {
        return Err(ProofError::Length(proof.len()));
    }
    if old_size == 0 || old_size == new_size {
        if !proof.is_empty() {
            return Err(ProofError::Length(proof.len()));
        }
        let stated = if old_size == 0 { Hash::empty_root() } else { *new_root };
        return check_root(stated, old_root);
    }
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let mut path = proof.iter().copied();
    // An old tree that is one perfect subtree starts from its own root.
    let first = if old_size.is_power_of_two() { Some(*old_root) } else { path.next() };
    let first = first.ok_or(ProofError::Length(proof.len()))?;
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length(proof.len()));
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(&sibling, &old_hash);
            new_hash = node_hash(&sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new_hash = node_hash(&new_hash, &sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::Length(proof.len()));
    }
    check_root(old_hash, old_root)?;
    check_root(new_hash, new_root)
}

#[cfg(test)]
mod tests;
