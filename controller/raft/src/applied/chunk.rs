//! How a record is cut into small checksummed values, because sled moves anything large into files it never syncs. Pure.

use std::collections::VecDeque;

use crate::machine::Record;

/// A record that was put together: its key, its value, and how many pieces it had.
pub(super) type Joined = (Vec<u8>, Vec<u8>, u32);

/// The most bytes of one stored value, its own header included.
pub(super) const MAX_VALUE: usize = 4096;
/// The longest key of a record that is stored; a page of sled holds several keys.
pub(super) const MAX_KEY: usize = 2048;
const HEADER: usize = 5;
const VERSION: u8 = 1;
const NUMBER: usize = 4;

/// The stored pairs of one record: prefix, key and number of the chunk to version, checksum and data.
pub(super) fn cut(prefix: u8, key: &[u8], value: &[u8]) -> Vec<Record> {
    let mut pieces: Vec<&[u8]> = value.chunks(MAX_VALUE - HEADER).collect();
    if pieces.is_empty() {
        pieces.push(&[]);
    }
    let numbered = (0_u32..).zip(pieces);
    numbered
        .map(|(number, piece)| (stored_key(prefix, key, number), seal(prefix, key, number, piece)))
        .collect()
}

pub(super) fn stored_key(prefix: u8, key: &[u8], number: u32) -> Vec<u8> {
    let mut stored = Vec::with_capacity(1 + key.len() + NUMBER);
    stored.push(prefix);
    stored.extend_from_slice(key);
    stored.extend_from_slice(&number.to_be_bytes());
    stored
}

fn seal(prefix: u8, key: &[u8], number: u32, piece: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(HEADER + piece.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&checksum(&stored_key(prefix, key, number), piece).to_be_bytes());
    sealed.extend_from_slice(piece);
    sealed
}

/// The key is part of the checksum: a value under a wrong key is as bad as a wrong value.
fn checksum(stored_key: &[u8], piece: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(stored_key), piece)
}

/// A record whose pieces are being gathered.
#[derive(Debug)]
struct Open {
    key: Vec<u8>,
    value: Vec<u8>,
    pieces: u32,
}

impl Open {
    /// Whether its next piece would have stood before this stored key.
    fn ended_before(&self, stored_key: &[u8]) -> bool {
        let key = stored_key.get(1..).unwrap_or_default();
        match key.strip_prefix(self.key.as_slice()) {
            Some(rest) => self.pieces.to_be_bytes().as_slice() < rest,
            None => self.key.as_slice() < key,
        }
    }
}

/// Puts records together again as pairs pass by in the order of their stored keys. Of most records there is one piece; but
/// those of a key that another one begins with can stand among the pieces of that other.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    open: VecDeque<Open>,
}

impl Joiner {
    /// Takes one stored pair without its prefix check.
    pub(super) fn push(&mut self, stored_key: &[u8], sealed: &[u8]) -> Result<(), &'static str> {
        let (head, piece) = sealed.split_at_checked(HEADER).ok_or("a stored value is too short")?;
        let (version, crc) = head.split_first().ok_or("a stored value is too short")?;
        if *version != VERSION {
            return Err("a stored value has a format this build does not read");
        }
        if crc.first_chunk().map(|b| u32::from_be_bytes(*b)) != Some(checksum(stored_key, piece)) {
            return Err("a stored value has a wrong checksum");
        }
        let (key, number) = stored_key.split_last_chunk::<NUMBER>().ok_or("a stored key is too short")?;
        let key = key.get(1..).ok_or("a stored key is too short")?;
        let at = match self.open.binary_search_by(|open| open.key.as_slice().cmp(key)) {
            Ok(at) => at,
            Err(at) => {
                self.open.insert(
                    at,
                    Open { key: key.to_vec(), value: Vec::with_capacity(piece.len()), pieces: 0 },
                );
                at
            }
        };
        let open = self.open.get_mut(at).filter(|open| open.pieces == u32::from_be_bytes(*number));
        let open = open.ok_or("a piece of a stored value is missing")?;
        open.value.extend_from_slice(piece);
        open.pieces += 1;
        Ok(())
    }

    /// The next record in the order of keys, with the number of its pieces, if it must be whole before this stored key.
    pub(super) fn pop_before(&mut self, stored_key: &[u8]) -> Option<Joined> {
        let whole = self.open.front()?.ended_before(stored_key);
        if whole { self.pop() } else { None }
    }

    /// The next record when there are no more pairs.
    pub(super) fn pop(&mut self) -> Option<Joined> {
        self.open.pop_front().map(|open| (open.key, open.value, open.pieces))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_survive_cutting(records in prop::collection::btree_map(
            prop::collection::vec(0_u8..3, 0..6), (0_usize..9000, any::<u8>()), 0..6,
        )) {
            let records: Vec<Record> =
                records.into_iter().map(|(key, (len, byte))| (key, vec![byte; len])).collect();
            let mut pairs: Vec<Record> = records.iter().flat_map(|(key, value)| cut(b'r', key, value)).collect();
            pairs.sort();
            prop_assert!(pairs.iter().all(|(_, value)| value.len() <= MAX_VALUE));
            let (mut joiner, mut joined) = (Joiner::default(), Vec::new());
            for (key, value) in &pairs {
                while let Some((key, value, _)) = joiner.pop_before(key) {
                    joined.push((key, value));
                }
                joiner.push(key, value).unwrap();
            }
            while let Some((key, value, _)) = joiner.pop() {
                joined.push((key, value));
            }
            prop_assert_eq!(joined, records);
        }

        #[test]
        fn a_flipped_bit_is_an_error(at in 0_usize..40, bit in 0_u8..8) {
            let (key, mut value) = cut(b'r', b"key", b"the value of the record, all of it").remove(0);
            let at = at % value.len();
            value[at] ^= 1 << bit;
            prop_assert!(Joiner::default().push(&key, &value).is_err());
        }
    }
}
