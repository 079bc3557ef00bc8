//! The copy of the applied state on sled 0.34.7, with what that version needs to be safe on Linux: its `flush` does not
//! reach the disk, so the data file is synced through a handle of our own; its configuration file and directories are
//! synced after opening; values stay small, because large ones become files in `blobs/` that are never synced.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};

use camino::{Utf8Path, Utf8PathBuf};
use sled::{Batch, Db, Mode};

use super::chunk::{Joiner, MAX_KEY, cut, stored_key};
use crate::digest::Sum;
use crate::disk::RealDisk;
use crate::files::{Act, FileError, sync_dir};
use crate::machine::{Change, Record};
use crate::snapshot::{Position, SnapshotError, Taken};

const CACHE_BYTES: u64 = 64 << 20;
const RECORD: u8 = b'r';
const META: u8 = b'm';

/// Why the copy cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SledError {
    #[error("use the applied store")]
    File(#[from] FileError),
    #[error("use sled")]
    Sled(#[from] sled::Error),
    #[error("sled panicked")]
    Panicked,
    #[error("applied store is corrupt: {0}")]
    Corrupt(&'static str),
    #[error("read the position of the applied store")]
    Position(#[from] SnapshotError),
    #[error("key of {0} bytes is longer than the applied store holds")]
    LongKey(usize),
    #[error("sled moved values into `blobs/`, which it never syncs")]
    Blobs,
}

/// What the copy held when it was opened.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) position: Position,
    pub(super) records: Vec<Record>,
}

/// The open copy.
#[derive(Debug)]
pub(super) struct SledStore {
    db: Db,
    data: File,
    dir: Utf8PathBuf,
    cluster_id: String,
    /// Records of more than one piece; the others need no entry.
    pieces: BTreeMap<Vec<u8>, u32>,
    records: usize,
}

impl SledStore {
    /// Opens the copy and reads all of it; `None` for its contents when it is new. Blocks.
    pub(super) fn open(dir: &Utf8Path, cluster_id: &str) -> Result<(Self, Option<Contents>), SledError> {
        // sled asserts on files it does not understand; a panic here means the same as an error.
        let opened = catch_unwind(AssertUnwindSafe(|| Self::open_and_read(dir, cluster_id)));
        opened.unwrap_or(Err(SledError::Panicked))
    }

    fn open_and_read(dir: &Utf8Path, cluster_id: &str) -> Result<(Self, Option<Contents>), SledError> {
        let config = sled::Config::new().path(dir).mode(Mode::LowSpace).cache_capacity(CACHE_BYTES);
        let db = config.flush_every_ms(None).open()?;
        sync_after_open(dir)?;
        let data = dir.join("db");
        let data = File::open(&data).act("open", &data)?;
        let (dir, cluster_id) = (dir.to_owned(), cluster_id.to_owned());
        let mut store = Self { db, data, dir, cluster_id, pieces: BTreeMap::new(), records: 0 };
        let contents = store.load()?;
        store.no_blobs()?;
        Ok((store, contents))
    }

    fn load(&mut self) -> Result<Option<Contents>, SledError> {
        let mut meta = Joiner::default();
        let mut joiner = Joiner::default();
        for pair in self.db.iter() {
            let (key, value) = pair?;
            let joiner = match key.first() {
                Some(&RECORD) => &mut joiner,
                Some(&META) => &mut meta,
                _ => return Err(SledError::Corrupt("it has a key of an unknown kind")),
            };
            joiner.push(&key, &value).map_err(SledError::Corrupt)?;
        }
        let mut records = Vec::new();
        for (key, value, pieces) in joiner.finish() {
            if pieces > 1 {
                self.pieces.insert(key.clone(), pieces);
            }
            records.push((key, value));
        }
        self.records = records.len();
        let Some((_, meta, _)) = meta.finish().next() else {
            let empty = records.is_empty();
            return if empty { Ok(None) } else { Err(SledError::Corrupt("it has records but no position")) };
        };
        let (cluster_id, position, count) = Position::decode(&meta)?;
        if cluster_id != self.cluster_id {
            return Err(SledError::Position(SnapshotError::OtherCluster(cluster_id)));
        }
        if u64::try_from(records.len()).ok() != Some(count) {
            return Err(SledError::Corrupt("it has another number of records than it says"));
        }
        let mut sum = Sum::default();
        if !records.iter().all(|record| sum.add(record)) || sum.hash() != position.hash {
            return Err(SledError::Corrupt("its records do not have its state hash"));
        }
        Ok(Some(Contents { position, records }))
    }

    /// Takes over the changes of some entries and the position after them, all or nothing.
    pub(super) fn apply(
        &mut self,
        changes: &[Change],
        position: &Position,
        records: usize,
    ) -> Result<(), SledError> {
        let mut batch = Batch::default();
        for (key, value) in changes {
            self.change(&mut batch, key, value.as_deref())?;
        }
        self.records = records;
        self.finish(batch, position)
    }

    /// Replaces everything.
    pub(super) fn replace(&mut self, taken: Taken) -> Result<(), SledError> {
        // The position goes first: a copy that is caught half way has records but no position, and is rebuilt.
        self.db.remove(stored_key(META, b"", 0))?;
        self.db.clear()?;
        self.pieces.clear();
        self.records = 0;
        let mut batch = Batch::default();
        for (key, value) in taken.frozen.records() {
            self.change(&mut batch, &key, Some(&value))?;
            self.records += 1;
            if self.records.is_multiple_of(REPLACE_RECORDS) {
                self.db.apply_batch(std::mem::take(&mut batch))?;
            }
        }
        self.finish(batch, &taken.position)?;
        self.flush()
    }

    fn change(&mut self, batch: &mut Batch, key: &[u8], value: Option<&[u8]>) -> Result<(), SledError> {
        if key.len() > MAX_KEY {
            return Err(SledError::LongKey(key.len()));
        }
        let before = self.pieces.remove(key).unwrap_or(1);
        let mut now = 0;
        for (key, value) in value.map(|value| cut(RECORD, key, value)).unwrap_or_default() {
            batch.insert(key, value);
            now += 1;
        }
        for number in now..before {
            batch.remove(stored_key(RECORD, key, number));
        }
        if now > 1 {
            self.pieces.insert(key.to_vec(), now);
        }
        Ok(())
    }

    fn finish(&mut self, mut batch: Batch, position: &Position) -> Result<(), SledError> {
        let meta = position.encode(&self.cluster_id, u64::try_from(self.records).unwrap_or(u64::MAX));
        let before = self.pieces_of_meta();
        let mut now = 0;
        for (key, value) in cut(META, b"", &meta) {
            batch.insert(key, value);
            now += 1;
        }
        for number in now..before {
            batch.remove(stored_key(META, b"", number));
        }
        self.db.apply_batch(batch)?;
        Ok(())
    }

    fn pieces_of_meta(&self) -> u32 {
        u32::try_from(self.db.scan_prefix([META]).keys().count()).unwrap_or(u32::MAX)
    }

    /// Makes everything durable.
    pub(super) fn flush(&self) -> Result<(), SledError> {
        self.db.flush()?;
        self.data.sync_data().act("sync", &self.dir.join("db"))?;
        self.no_blobs()
    }

    fn no_blobs(&self) -> Result<(), SledError> {
        let blobs = self.dir.join("blobs");
        let mut entries = fs::read_dir(&blobs).act("list", &blobs)?;
        if entries.next().is_some() { Err(SledError::Blobs) } else { Ok(()) }
    }
}

const REPLACE_RECORDS: usize = 256;

fn sync_after_open(dir: &Utf8Path) -> Result<(), FileError> {
    for name in ["conf", "db"] {
        let path = dir.join(name);
        File::open(&path).and_then(|file| file.sync_all()).act("sync", &path)?;
    }
    sync_dir(&RealDisk, &dir.join("blobs"))?;
    sync_dir(&RealDisk, dir)?;
    dir.parent().map_or(Ok(()), |parent| sync_dir(&RealDisk, parent))
}
