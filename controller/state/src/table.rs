//! Tables of stored messages that remember what changed, so that the store below writes only that.

use std::collections::BTreeMap;

use prost::Message;

/// One change of the applied state: a key and its new bytes, or nothing where it was removed.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// Messages by key. The prefix keeps tables apart in the one key space of the store.
#[derive(Debug, Clone)]
pub(crate) struct Table<M> {
    prefix: &'static str,
    rows: BTreeMap<String, M>,
}

impl<M: Message + Default + Clone + PartialEq> Table<M> {
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self { prefix, rows: BTreeMap::new() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&M> {
        self.rows.get(key)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.rows.contains_key(key)
    }

    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &M> {
        self.rows.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The last row whose key begins with `start`.
    pub(crate) fn last_starting_with(&self, start: &str) -> Option<&M> {
        self.rows
            .range(start.to_owned()..)
            .take_while(|(key, _)| key.starts_with(start))
            .last()
            .map(|(_, row)| row)
    }

    pub(crate) fn put(&mut self, key: &str, row: M, changes: &mut Vec<Change>) {
        changes.push((self.stored_key(key), Some(row.encode_to_vec())));
        self.rows.insert(key.to_owned(), row);
    }

    pub(crate) fn remove(&mut self, key: &str, changes: &mut Vec<Change>) -> Option<M> {
        let row = self.rows.remove(key)?;
        changes.push((self.stored_key(key), None));
        Some(row)
    }

    /// The oldest key, for tables whose keys count up.
    pub(crate) fn first_key(&self) -> Option<String> {
        self.rows.keys().next().cloned()
    }

    pub(crate) fn records(&self, out: &mut Vec<(Vec<u8>, Vec<u8>)>) {
        out.extend(self.rows.iter().map(|(key, row)| (self.stored_key(key), row.encode_to_vec())));
    }

    /// Takes a stored record if it is of this table.
    pub(crate) fn load(&mut self, key: &[u8], value: &[u8]) -> Option<Result<(), String>> {
        let own = key.strip_prefix(self.prefix.as_bytes())?;
        let Ok(name) = std::str::from_utf8(own) else {
            return Some(Err(format!("a key of table `{}` is not UTF-8", self.prefix)));
        };
        Some(match M::decode(value) {
            Ok(row) => {
                self.rows.insert(name.to_owned(), row);
                Ok(())
            }
            Err(error) => Err(format!("record `{}{name}` does not decode: {error}", self.prefix)),
        })
    }

    fn stored_key(&self, key: &str) -> Vec<u8> {
        [self.prefix.as_bytes(), key.as_bytes()].concat()
    }
}

/// A number as a key that sorts as the number does.
pub(crate) fn number_key(number: u64) -> String {
    format!("{number:020}")
}
