//! The machine that the measured members replicate: keys and values in memory, because the log is what is measured.

use std::collections::BTreeMap;

use holdfast_raft::{Applied, Frozen, Machine, Record};

/// The bytes of a key; what follows in a command is the value.
pub(crate) const KEY_BYTES: usize = 8;
/// The bytes of a value.
pub(crate) const VALUE_BYTES: usize = 256;
/// Writers go round over this many keys.
pub(crate) const KEYS: u64 = 10_000;

/// Keys and values.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) values: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Machine for Store {
    fn apply(&mut self, _index: u64, _time_ms: u64, command: &[u8]) -> Applied {
        let (key, value) = command.split_at(command.len().min(KEY_BYTES));
        self.values.insert(key.to_vec(), value.to_vec());
        Applied { response: Vec::new(), changes: vec![(key.to_vec(), Some(value.to_vec()))] }
    }

    fn freeze(&self) -> Box<dyn Frozen> {
        Box::new(self.values.clone().into_iter().collect::<Vec<Record>>())
    }

    fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String> {
        Ok(Self { values: records.collect() })
    }
}

/// The key of a number.
pub(crate) fn key(number: u64) -> Vec<u8> {
    (number % KEYS).to_be_bytes().to_vec()
}
