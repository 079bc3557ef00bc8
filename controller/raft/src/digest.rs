//! The rolling hash of the state: the sum of the SHA-256 of every record, modulo 2^64 in each of four lanes. A change
//! costs one hash, the order of changes does not matter, and the hash of a stored state can be computed from the state
//! alone, so that a cache, a snapshot and a member can each be held against it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::machine::{Change, Record};

/// In so many parts the hashes of records are kept.
const PARTS: usize = 1 << 14;
/// A part grows by so many of them.
const BLOCK: usize = 4;

/// The hash of a whole state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateHash([u64; 4]);

impl StateHash {
    /// The hash as 32 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (slot, lane) in bytes.chunks_exact_mut(8).zip(self.0) {
            slot.copy_from_slice(&lane.to_be_bytes());
        }
        bytes
    }

    /// The hash that was stored as these bytes; `None` where there are not 32 of them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 32] = bytes.try_into().ok()?;
        let mut lanes = [0; 4];
        for (lane, slot) in lanes.iter_mut().zip(bytes.chunks_exact(8)) {
            *lane = u64::from_be_bytes(slot.try_into().ok()?);
        }
        Some(Self(lanes))
    }

    fn add(&mut self, other: Self) {
        for (lane, value) in self.0.iter_mut().zip(other.0) {
            *lane = lane.wrapping_add(value);
        }
    }

    fn subtract(&mut self, other: Self) {
        for (lane, value) in self.0.iter_mut().zip(other.0) {
            *lane = lane.wrapping_sub(value);
        }
    }

    fn of_record(key: &[u8], value: &[u8]) -> Self {
        let length = u64::try_from(key.len()).unwrap_or(u64::MAX);
        let mut hasher = Sha256::new();
        hasher.update(length.to_be_bytes());
        hasher.update(key);
        hasher.update(value);
        Self::from_bytes(&hasher.finalize()).unwrap_or_default()
    }
}

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|lane| write!(f, "{lane:016x}"))
    }
}

/// The hash of a whole state whose records pass by in key order; it remembers none of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    hash: StateHash,
    records: u64,
    last: Option<Vec<u8>>,
}

impl Sum {
    /// Takes a record; `false` where it does not come after the one before, because a key may be there only once.
    pub(crate) fn add(&mut self, (key, value): &Record) -> bool {
        if self.last.as_ref().is_some_and(|last| last >= key) {
            return false;
        }
        let last = self.last.get_or_insert_default();
        last.clone_from(key);
        self.hash.add(StateHash::of_record(key, value));
        self.records += 1;
        true
    }

    pub(crate) fn hash(&self) -> StateHash {
        self.hash
    }

    pub(crate) fn records(&self) -> u64 {
        self.records
    }
}

/// A key by the head of its SHA-256: of one size, and no two alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Fingerprint([u8; 16]);

impl Fingerprint {
    fn of(key: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(key).into();
        Self(digest.first_chunk().copied().unwrap_or_default())
    }
}

/// Some records' hashes. All blocks are of one size, so that what grows leaves no holes behind in memory that only others of
/// its former size would fill.
type Block = [(Fingerprint, StateHash); BLOCK];

/// The hashes of some of the records, in no order.
#[derive(Debug, Clone, Default)]
struct Part {
    #[expect(
        clippy::vec_box,
        reason = "a vector of the blocks themselves would move to another size as it grows"
    )]
    blocks: Vec<Box<Block>>,
    len: usize,
}

impl Part {
    fn position(&self, key: Fingerprint) -> Option<usize> {
        self.blocks.iter().flat_map(|block| block.iter()).take(self.len).position(|(known, _)| *known == key)
    }

    fn at(&mut self, place: usize) -> Option<&mut (Fingerprint, StateHash)> {
        self.blocks.get_mut(place / BLOCK)?.get_mut(place % BLOCK)
    }

    fn push(&mut self, record: (Fingerprint, StateHash)) {
        if self.len == self.blocks.len() * BLOCK {
            self.blocks.push(Box::default());
        }
        if let Some(slot) = self.at(self.len) {
            *slot = record;
            self.len += 1;
        }
    }

    /// Takes a record out; the last one takes its place.
    fn remove(&mut self, place: usize) -> Option<StateHash> {
        let last = *self.at(self.len.checked_sub(1)?)?;
        let (_, hash) = std::mem::replace(self.at(place)?, last);
        self.len -= 1;
        self.blocks.truncate(self.len.div_ceil(BLOCK));
        Some(hash)
    }
}

/// The hashes of records by fingerprint, in many parts of about the same length. A part grows by a few records at a time,
/// where one table would double, and as fingerprints are evenly spread, a part is short enough to be looked through.
#[derive(Debug, Clone)]
struct Parts {
    parts: Vec<Part>,
    len: usize,
}

impl Default for Parts {
    fn default() -> Self {
        Self { parts: vec![Part::default(); PARTS], len: 0 }
    }
}

impl Parts {
    fn part(&mut self, key: Fingerprint) -> Option<&mut Part> {
        let head = usize::from(u16::from_be_bytes([key.0[0], key.0[1]]));
        self.parts.get_mut(head % PARTS)
    }

    /// What stood there before.
    fn insert(&mut self, key: Fingerprint, hash: StateHash) -> Option<StateHash> {
        let part = self.part(key)?;
        if let Some((_, known)) = part.position(key).and_then(|place| part.at(place)) {
            return Some(std::mem::replace(known, hash));
        }
        part.push((key, hash));
        self.len += 1;
        None
    }

    fn remove(&mut self, key: Fingerprint) -> Option<StateHash> {
        let part = self.part(key)?;
        let hash = part.remove(part.position(key)?)?;
        self.len -= 1;
        Some(hash)
    }
}

/// The hash of a state that changes, with what is needed to take a record out of it again. It is kept for every record of
/// the state, so it is small.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rolling {
    records: Parts,
    sum: StateHash,
}

impl Rolling {
    #[cfg(test)]
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut rolling = Self::default();
        for (key, value) in records {
            rolling.put(key, value);
        }
        rolling
    }

    pub(crate) fn change(&mut self, (key, value): &Change) {
        match value {
            Some(value) => self.put(key, value),
            None => {
                if let Some(old) = self.records.remove(Fingerprint::of(key)) {
                    self.sum.subtract(old);
                }
            }
        }
    }

    pub(crate) fn hash(&self) -> StateHash {
        self.sum
    }

    pub(crate) fn records(&self) -> usize {
        self.records.len
    }

    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) {
        let new = StateHash::of_record(key, value);
        if let Some(old) = self.records.insert(Fingerprint::of(key), new) {
            self.sum.subtract(old);
        }
        self.sum.add(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_follows_the_state_and_not_its_history() {
        let record = |k: &str, v: &str| (k.as_bytes().to_vec(), v.as_bytes().to_vec());
        let wanted = Rolling::of(&[record("a", "1"), record("b", "2")]);
        let mut other = Rolling::of(&[record("c", "x"), record("b", "old")]);
        other.change(&(b"b".to_vec(), Some(b"2".to_vec())));
        other.change(&(b"a".to_vec(), Some(b"1".to_vec())));
        assert_ne!(other.hash(), wanted.hash());
        other.change(&(b"c".to_vec(), None));
        other.change(&(b"never there".to_vec(), None));
        assert_eq!(other.hash(), wanted.hash());
        assert_eq!(other.records(), 2);
        let mut sum = Sum::default();
        assert!(sum.add(&record("a", "1")) && sum.add(&record("b", "2")));
        assert_eq!((sum.hash(), sum.records()), (wanted.hash(), 2));
        assert!(!sum.add(&record("b", "3")), "a key is there once");
        assert_eq!(StateHash::from_bytes(&wanted.hash().to_bytes()), Some(wanted.hash()));
        // More of them than parts, in another order.
        let many: Vec<Record> = (0..3 * PARTS).map(|n| (n.to_be_bytes().to_vec(), b"x".to_vec())).collect();
        let (all, mut some) = (Rolling::of(&many), Rolling::default());
        many.iter().rev().for_each(|(key, value)| some.put(key, value));
        assert_eq!((some.hash(), some.records()), (all.hash(), many.len()));
        many.iter().for_each(|(key, _)| some.change(&(key.clone(), None)));
        assert_eq!((some.hash(), some.records()), (StateHash::default(), 0));
        // A byte that moves from the key into the value is another state.
        assert_ne!(Rolling::of(&[record("ab", "c")]).hash(), Rolling::of(&[record("a", "bc")]).hash());
    }
}
