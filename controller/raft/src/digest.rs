//! The rolling hash of the state: the sum of the SHA-256 of every record, modulo 2^64 in each of four lanes. A change
//! costs one hash, the order of changes does not matter, and the hash of a stored state can be computed from the state
//! alone, so that a cache, a snapshot and a member can each be held against it.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use sha2::{Digest as _, Sha256};

use crate::machine::{Change, Record};

/// No file makes us reserve more than this before its records have come.
const MOST_ROOM: u64 = 1 << 21;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint([u8; 16]);

impl Fingerprint {
    fn of(key: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(key).into();
        Self(digest.first_chunk().copied().unwrap_or_default())
    }
}

impl std::hash::Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// A fingerprint is as good as any hash of it.
#[derive(Debug, Clone, Copy, Default)]
struct Head(u64);

impl Hasher for Head {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
    }
}

/// The hash of a state that changes, with what is needed to take a record out of it again. It is kept for every record of
/// the state, so it is small.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rolling {
    records: HashMap<Fingerprint, StateHash, BuildHasherDefault<Head>>,
    sum: StateHash,
}

impl Rolling {
    /// Nothing, with room for so many records.
    pub(crate) fn with_room(records: u64) -> Self {
        let room = usize::try_from(records.min(MOST_ROOM)).unwrap_or(0);
        Self {
            records: HashMap::with_capacity_and_hasher(room, BuildHasherDefault::default()),
            ..Self::default()
        }
    }

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
                if let Some(old) = self.records.remove(&Fingerprint::of(key)) {
                    self.sum.subtract(old);
                }
            }
        }
    }

    pub(crate) fn hash(&self) -> StateHash {
        self.sum
    }

    pub(crate) fn records(&self) -> usize {
        self.records.len()
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
        // A byte that moves from the key into the value is another state.
        assert_ne!(Rolling::of(&[record("ab", "c")]).hash(), Rolling::of(&[record("a", "bc")]).hash());
    }
}
