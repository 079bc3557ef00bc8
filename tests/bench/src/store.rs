//! The machine that the measured members replicate: keys and values in memory, because the log is what is measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_raft::{Applied, Frozen, Machine, Record};

/// The bytes of a key; what follows in a command is the value.
pub(crate) const KEY_BYTES: usize = 8;
/// The bytes of a value.
pub(crate) const VALUE_BYTES: usize = 256;
/// Writers go round over this many keys.
pub(crate) const KEYS: u64 = 10_000;
/// Keys that share their first bytes share a chunk, so that 4,096 numbered keys in a row do: a frozen state shares the
/// chunks, and a change to one of them copies that one alone.
const CHUNK_BITS: u32 = 12;
type Chunk = Arc<BTreeMap<[u8; KEY_BYTES], Bytes>>;

/// Keys and values.
#[derive(Debug, Default)]
pub(crate) struct Store {
    chunks: BTreeMap<u64, Chunk>,
}

impl Store {
    /// The value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Bytes> {
        let key: [u8; KEY_BYTES] = key.try_into().ok()?;
        self.chunks.get(&chunk_of(key))?.get(&key)
    }

    fn put(&mut self, key: [u8; KEY_BYTES], value: &[u8]) {
        Arc::make_mut(self.chunks.entry(chunk_of(key)).or_default())
            .insert(key, Bytes::copy_from_slice(value));
    }
}

fn chunk_of(key: [u8; KEY_BYTES]) -> u64 {
    u64::from_be_bytes(key) >> CHUNK_BITS
}

impl Machine for Store {
    fn apply(&mut self, _index: u64, _time_ms: u64, command: &[u8]) -> Applied {
        let Some((key, value)) = command.split_first_chunk() else { return Applied::default() };
        self.put(*key, value);
        Applied { response: Vec::new(), changes: vec![(key.to_vec(), Some(value.to_vec()))] }
    }

    fn freeze(&self) -> Box<dyn Frozen> {
        Box::new(Still(self.chunks.values().cloned().collect()))
    }

    fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String> {
        let mut store = Self::default();
        for (key, value) in records {
            let key = key.try_into().map_err(|_| format!("a key has {KEY_BYTES} bytes"))?;
            store.put(key, &value);
        }
        Ok(store)
    }
}

/// The chunks as they were.
struct Still(Vec<Chunk>);

impl Frozen for Still {
    fn records(self: Box<Self>) -> Box<dyn Iterator<Item = Record> + Send> {
        let chunks = self.0.into_iter();
        Box::new(chunks.flat_map(|chunk| {
            chunk.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect::<Vec<Record>>()
        }))
    }
}

/// The key of a number.
pub(crate) fn key(number: u64) -> [u8; KEY_BYTES] {
    number.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_store_stays_as_it_was_and_comes_back() {
        let mut store = Store::default();
        for number in 0..10_000 {
            store.put(key(number), b"old");
        }
        let frozen = store.freeze();
        let mut command = key(5).to_vec();
        command.extend(b"new");
        assert_eq!(store.apply(1, 0, &command).changes, [(key(5).to_vec(), Some(b"new".to_vec()))]);
        let records: Vec<Record> = frozen.records().collect();
        assert!(records.is_sorted() && records.len() == 10_000);
        let back = store.restore(&mut records.into_iter()).unwrap();
        assert_eq!((back.get(&key(5)).unwrap(), store.get(&key(5)).unwrap()), (&"old".into(), &"new".into()));
        assert!(store.restore(&mut vec![(b"short".to_vec(), Vec::new())].into_iter()).is_err());
    }
}
