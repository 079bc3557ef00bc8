//! Tables of stored rows that remember what changed, so that the store below writes only that.

use std::borrow::Borrow;
use std::sync::Arc;

use prost::Message;

use crate::rows::Rows;

/// One record of the stored state: its key and its bytes.
pub type Record = (Vec<u8>, Vec<u8>);

/// One change of the applied state: a key and its new bytes, or nothing where it was removed.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// A row that was decoded, under its key without the prefix.
pub(crate) type Decoded<R> = (Arc<str>, <R as Row>::Kept);

/// What a table can keep: something with a stored form.
pub(crate) trait Row: Sized {
    /// As it is kept: what is cheap to copy.
    type Kept: Clone + Borrow<Self>;

    fn kept(self) -> Self::Kept;

    fn stored(&self) -> Vec<u8>;

    fn from_stored(bytes: &[u8]) -> Result<Self, String>;
}

impl<M: Message + Default> Row for M {
    type Kept = Arc<M>;

    fn kept(self) -> Arc<M> {
        Arc::new(self)
    }

    fn stored(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    fn from_stored(bytes: &[u8]) -> Result<Self, String> {
        M::decode(bytes).map_err(|error| error.to_string())
    }
}

/// Rows by key. The prefix keeps tables apart in the one key space of the store.
#[derive(Debug)]
pub(crate) struct Table<R: Row> {
    prefix: &'static str,
    rows: Rows<R::Kept>,
}

// Derived, it would ask that the rows themselves can be copied.
impl<R: Row> Clone for Table<R> {
    fn clone(&self) -> Self {
        Self { prefix: self.prefix, rows: self.rows.clone() }
    }
}

impl<R: Row> Table<R> {
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self { prefix, rows: Rows::default() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&R> {
        self.rows.get(key).map(Borrow::borrow)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.rows.get(key).is_some()
    }

    /// A row as it is kept.
    pub(crate) fn kept(&self, key: &str) -> Option<R::Kept> {
        self.rows.get(key).cloned()
    }

    /// Every row as it is kept, without borrowing the table.
    pub(crate) fn all_kept(&self) -> impl Iterator<Item = R::Kept> + use<R> {
        self.rows.clone().into_rows().map(|(_, row)| row)
    }

    /// The key of a row, to be shared.
    pub(crate) fn key(&self, key: &str) -> Option<Arc<str>> {
        self.rows.entry(key).map(|(own, _)| Arc::clone(own))
    }

    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &R> {
        self.rows.iter().map(|(_, row)| row.borrow())
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The first row, for tables whose keys count up the oldest one.
    pub(crate) fn first(&self) -> Option<(&str, &R)> {
        self.rows.iter().next().map(|(key, row)| (key, row.borrow()))
    }

    /// The rows after those for which `before` holds, which must be a head of them.
    pub(crate) fn after(&self, before: impl Fn(&str, &R) -> bool) -> impl Iterator<Item = &R> {
        self.rows
            .from(self.rows.place_after(|key, row| before(key, row.borrow())))
            .map(|(_, row)| row.borrow())
    }

    /// The rows whose key begins with `start`.
    pub(crate) fn starting_with(&self, start: String) -> impl Iterator<Item = &R> {
        let from = self.rows.from(self.rows.place_after(|key, _| key < start.as_str()));
        from.take_while(move |(key, _)| key.starts_with(&start)).map(|(_, row)| row.borrow())
    }

    /// The last row whose key begins with `start`.
    pub(crate) fn last_starting_with(&self, start: &str) -> Option<&R> {
        let last = self.rows.last_before(|key| key < start || key.starts_with(start));
        last.filter(|(key, _)| key.starts_with(start)).map(|(_, row)| row.borrow())
    }

    pub(crate) fn put(&mut self, key: &str, row: R, changes: &mut Vec<Change>) {
        changes.push((self.stored_key(key), Some(row.stored())));
        self.rows.insert(key, row.kept());
    }

    pub(crate) fn remove(&mut self, key: &str, changes: &mut Vec<Change>) -> Option<R::Kept> {
        let row = self.rows.remove(key)?;
        changes.push((self.stored_key(key), None));
        Some(row)
    }

    /// Takes a stored record if it is of this table.
    pub(crate) fn load(&mut self, key: &[u8], value: &[u8]) -> Option<Result<(), String>> {
        Some(self.decode(key, value)?.map(|(name, row)| drop(self.rows.insert(&name, row))))
    }

    /// Decodes a stored record if it is of this table.
    pub(crate) fn decode(&self, key: &[u8], value: &[u8]) -> Option<Result<Decoded<R>, String>> {
        let own = key.strip_prefix(self.prefix.as_bytes())?;
        let Ok(name) = std::str::from_utf8(own) else {
            return Some(Err(format!("a key of table `{}` is not UTF-8", self.prefix)));
        };
        let row = R::from_stored(value);
        let wrong = |error| format!("record `{}{name}` does not decode: {error}", self.prefix);
        Some(row.map(|row| (name.into(), row.kept())).map_err(wrong))
    }

    /// Takes rows that were decoded.
    pub(crate) fn extend(&mut self, rows: Vec<Decoded<R>>) {
        self.rows.extend(rows);
    }

    /// Every record in key order, encoded only when it is asked for.
    pub(crate) fn into_records(self) -> impl Iterator<Item = Record> {
        let prefix = self.prefix;
        self.rows.into_rows().map(move |(key, row)| (joined(prefix, &key), row.borrow().stored()))
    }

    fn stored_key(&self, key: &str) -> Vec<u8> {
        joined(self.prefix, key)
    }
}

fn joined(prefix: &str, key: &str) -> Vec<u8> {
    [prefix.as_bytes(), key.as_bytes()].concat()
}

/// A number as a key that sorts as the number does.
pub(crate) fn number_key(number: u64) -> String {
    format!("{number:020}")
}
