//! The idempotency keys that are remembered, oldest first: so many, and for so long in the time of the log. What is let go
//! follows from the records alone, so every member lets go of the same.

use holdfast_api::store::IdempotencyRecord;
use holdfast_types::Time;
use std::sync::Arc;

use crate::rows::Rows;
use crate::table::{Change, Record, Table, number_key};

/// How many idempotency keys are remembered.
const MOST_KEYS: usize = 10_000;
/// For how long a key is remembered: a client that comes back later asks anew.
const KEY_AGE_MS: u64 = 24 * 60 * 60 * 1_000;

/// Outcomes by the key they were asked under.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    records: Table<IdempotencyRecord>,
    /// Keys by their age. Follows from the records.
    by_age: Rows<Arc<str>>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { records: Table::new("i/"), by_age: Rows::default() }
    }
}

impl Keys {
    /// What is remembered of a key.
    pub(crate) fn get(&self, row: &str, now: Time) -> Option<&IdempotencyRecord> {
        self.records.get(row).filter(|record| !expired(record.at_ms, now))
    }

    /// Remembers a key and lets go of those that are too old or too many.
    pub(crate) fn put(&mut self, record: IdempotencyRecord, changes: &mut Vec<Change>) {
        let now = Time(record.at_ms);
        let row = record.key.clone();
        if let Some(old) = self.records.get(&row) {
            self.by_age.remove(&age_row(old));
        }
        self.by_age.insert(&age_row(&record), row.as_str().into());
        self.records.put(&row, record, changes);
        while let Some((age, row)) = self.oldest_to_go(now) {
            self.by_age.remove(&age);
            self.records.remove(&row, changes);
        }
    }

    fn oldest_to_go(&self, now: Time) -> Option<(String, String)> {
        let (age, row) = self.by_age.iter().next()?;
        let at_ms = self.records.get(row).map_or(0, |record| record.at_ms);
        let goes = self.by_age.len() > MOST_KEYS || expired(at_ms, now);
        goes.then(|| (age.to_owned(), row.to_string()))
    }

    pub(crate) fn load(&mut self, key: &[u8], value: &[u8]) -> Option<Result<(), String>> {
        self.records.load(key, value)
    }

    /// Called when every record has been loaded.
    pub(crate) fn loaded(&mut self) {
        let mut by_age: Vec<(String, String)> =
            self.records.values().map(|record| (age_row(record), record.key.clone())).collect();
        by_age.sort_unstable();
        for (age, row) in by_age {
            self.by_age.insert(&age, row.into());
        }
    }

    pub(crate) fn into_records(self) -> impl Iterator<Item = Record> {
        self.records.into_records()
    }
}

fn expired(at_ms: u64, now: Time) -> bool {
    at_ms.saturating_add(KEY_AGE_MS) < now.0
}

fn age_row(record: &IdempotencyRecord) -> String {
    format!("{}|{}", number_key(record.at_ms), record.key)
}
