//! The copy of the applied state on sled 0.34.7, with what that version needs to be safe on Linux: its `flush` does not
//! reach the disk, so the data file is synced through a handle of our own; its configuration file and directories are
//! synced after opening; values stay small, because large ones become files in `blobs/` that are never synced.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sled::{Batch, Db, Mode};

use super::chunk::{Joined, Joiner, MAX_KEY, cut, stored_key};
use crate::digest::Sum;
use crate::disk::RealDisk;
use crate::files::{Act, FileError, create_dir, sync_dir};
use crate::machine::{Change, Record};
use crate::snapshot::{Position, SnapshotError};
use crate::stop::{Pace, Stop};
use crate::types::LogId;

/// What sled keeps of its pages: the copy is written and hardly ever read.
const CACHE_BYTES: u64 = 8 << 20;
/// So many records make a batch. sled lets the old pages of a batch go when the whole of it is written, so large batches
/// take hundreds of megabytes, and as much more on the disk.
pub(super) const BATCH_RECORDS: usize = 128;
/// So many records are checked between two pauses.
const CHECKED_RECORDS: usize = 1_024;
/// So many records may have been read or changed before it is worth the while to close the copy and open it again.
const MOST_TOUCHED: usize = 4_096;
/// How long sled may take to let go of its lock, and how often that is looked at.
const LET_GO: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(1);
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
    #[error("applied store is corrupt: its records do not have its state hash")]
    Hash,
    #[error("the applied store held nothing")]
    New,
    #[error("the applied store is too far behind")]
    Behind,
    #[error("the applied store is many times as large as its records")]
    Large,
    #[error("the member stops")]
    Stopped,
    #[error("the machine refuses the records of the applied store: {0}")]
    Machine(String),
    #[error("read the position of the applied store")]
    Position(#[from] SnapshotError),
    #[error("key of {0} bytes is longer than the applied store holds")]
    LongKey(usize),
    #[error("sled moved values into `blobs/`, which it never syncs")]
    Blobs,
}

/// What the copy says of itself.
#[derive(Debug, Clone)]
pub(super) struct Holds {
    pub(super) position: Position,
    pub(super) records: u64,
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
    /// The last entry whose changes it has.
    applied: Option<LogId>,
    /// Records that were read or changed since it was opened, and whose pages are in memory therefore.
    touched: usize,
}

impl SledStore {
    /// Opens the copy and reads what it says of itself; `None` when it is new. Blocks.
    pub(super) fn open(dir: &Utf8Path, cluster_id: &str) -> Result<(Self, Option<Holds>), SledError> {
        caught(|| Self::open_and_read(dir, cluster_id))
    }

    /// The last entry whose changes it has.
    pub(super) fn applied(&self) -> Option<LogId> {
        self.applied
    }

    /// Bytes of its file.
    pub(super) fn bytes(&self) -> Result<u64, SledError> {
        Ok(self.data.metadata().act("look at", &self.dir.join("db"))?.len())
    }

    fn open_and_read(dir: &Utf8Path, cluster_id: &str) -> Result<(Self, Option<Holds>), SledError> {
        let config = sled::Config::new().path(dir).mode(Mode::LowSpace).cache_capacity(CACHE_BYTES);
        let db = config.flush_every_ms(None).open()?;
        sync_after_open(dir)?;
        let data = dir.join("db");
        let data = File::open(&data).act("open", &data)?;
        let (dir, cluster_id) = (dir.to_owned(), cluster_id.to_owned());
        let mut store = Self {
            db,
            data,
            dir,
            cluster_id,
            pieces: BTreeMap::new(),
            records: 0,
            applied: None,
            touched: 0,
        };
        store.no_blobs()?;
        let holds = store.holds()?;
        store.applied = holds.as_ref().and_then(|holds| holds.position.applied);
        Ok((store, holds))
    }

    /// The same copy with no page in memory, where enough of them are: sled keeps up to 64 pages for each of its 256 shards
    /// beyond what it is told to, and lets go of them only when it is closed.
    pub(super) fn rested(mut self) -> Result<Self, SledError> {
        if self.touched < MOST_TOUCHED {
            return Ok(self);
        }
        let (pieces, records, applied) = (std::mem::take(&mut self.pieces), self.records, self.applied);
        let (dir, cluster_id) = self.close()?;
        let (store, holds) = Self::open(&dir, &cluster_id)?;
        if holds.and_then(|holds| holds.position.applied) != applied {
            return Err(SledError::Corrupt("it was closed and came back at another position"));
        }
        Ok(Self { pieces, records, ..store })
    }

    fn holds(&self) -> Result<Option<Holds>, SledError> {
        let mut meta = Joiner::default();
        for pair in self.db.scan_prefix([META]) {
            let (key, value) = pair?;
            meta.push(&key, &value).map_err(SledError::Corrupt)?;
        }
        let Some((_, meta, _)) = meta.pop() else {
            let empty = self.db.is_empty();
            return if empty { Ok(None) } else { Err(SledError::Corrupt("it has records but no position")) };
        };
        let (cluster_id, position, records) = Position::decode(&meta)?;
        if cluster_id != self.cluster_id {
            return Err(SledError::Position(SnapshotError::OtherCluster(cluster_id)));
        }
        Ok(Some(Holds { position, records }))
    }

    /// Hands every record, in key order, to whoever takes the whole state. Only when that one has seen all of them and
    /// they have the hash of the position may the copy be used.
    pub(super) fn read<T>(
        &mut self,
        take: impl FnOnce(&mut dyn Iterator<Item = Result<Record, SledError>>) -> Result<T, SledError>,
    ) -> Result<T, SledError> {
        let (pieces, records, touched) = (&mut self.pieces, &mut self.records, &mut self.touched);
        pieces.clear();
        *records = 0;
        let db = &self.db;
        caught(move || {
            let mut each = Records { pairs: db.iter(), joiner: Joiner::default(), waiting: None };
            take(&mut std::iter::from_fn(|| {
                let joined = each.next_joined().transpose()?;
                Some(joined.map(|(key, value, count)| {
                    *records += 1;
                    *touched += 1;
                    if count > 1 {
                        pieces.insert(key.clone(), count);
                    }
                    (key, value)
                }))
            }))
        })
    }

    /// Goes through every record without keeping any, and answers how many bytes they have.
    pub(super) fn check(&mut self, holds: &Holds, stop: &Stop) -> Result<u64, SledError> {
        let (mut sum, mut bytes, mut records, mut pace) = (Sum::default(), 0, 0_usize, Pace::begin(stop));
        self.read(|each| {
            for record in each {
                let record = record?;
                records += 1;
                if records % CHECKED_RECORDS == 0 && pace.rest() {
                    return Err(SledError::Stopped);
                }
                bytes += u64::try_from(record.0.len() + record.1.len()).unwrap_or(0);
                if !sum.add(&record) {
                    return Err(SledError::Corrupt("its records are not in the order of their keys"));
                }
            }
            Ok(())
        })?;
        if sum.hash() == holds.position.hash { Ok(bytes) } else { Err(SledError::Hash) }
    }

    /// Takes over the changes of some entries and the position after them. Where that ends in the middle, the records no
    /// longer have the hash of the position, which is found when they are read.
    pub(super) fn apply(
        &mut self,
        changes: &[Change],
        position: &Position,
        records: usize,
    ) -> Result<(), SledError> {
        let batch = self.write_most(changes)?;
        self.finish(batch, position, records)
    }

    /// An empty copy in the place of this one: removing a million records one by one would hold up whoever applies.
    pub(super) fn emptied(self) -> Result<Self, SledError> {
        let (dir, cluster_id) = self.close()?;
        fs::remove_dir_all(&dir).act("remove", &dir)?;
        create_dir(&RealDisk, &dir)?;
        Ok(Self::open(&dir, &cluster_id)?.0)
    }

    /// Closes it, and answers where it was. sled opens only what is unlocked, and lets go of its lock when the last of its own
    /// threads is done with it, which may be after this handle has gone.
    pub(super) fn close(self) -> Result<(Utf8PathBuf, String), SledError> {
        let Self { db, data, dir, cluster_id, .. } = self;
        caught(move || {
            drop(db);
            let begun = Instant::now();
            while flock(&data, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
                && begun.elapsed() < LET_GO
            {
                std::thread::park_timeout(LOOK);
            }
            // This handle's own lock goes with it.
            drop(data);
            Ok((dir, cluster_id))
        })
    }

    /// Takes over changes without a position: what is there does not count before it has one.
    pub(super) fn write(&mut self, changes: &[Change]) -> Result<(), SledError> {
        let batch = self.write_most(changes)?;
        Ok(self.db.apply_batch(batch)?)
    }

    /// Writes all but the end of some changes, which is to be written in one with what follows.
    fn write_most(&mut self, changes: &[Change]) -> Result<Batch, SledError> {
        let mut batch = Batch::default();
        for (number, (key, value)) in (1..).zip(changes) {
            self.change(&mut batch, key, value.as_deref())?;
            if usize::is_multiple_of(number, BATCH_RECORDS) {
                self.db.apply_batch(std::mem::take(&mut batch))?;
            }
        }
        self.touched += changes.len();
        Ok(batch)
    }

    /// Says where the state stands whose records were written, and makes all of it durable.
    pub(super) fn conclude(&mut self, position: &Position, records: usize) -> Result<(), SledError> {
        self.finish(Batch::default(), position, records)?;
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

    fn finish(&mut self, mut batch: Batch, position: &Position, records: usize) -> Result<(), SledError> {
        self.records = records;
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
        self.applied = position.applied;
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

/// sled asserts on files it does not understand: a panic there means the same as an error.
fn caught<T>(work: impl FnOnce() -> Result<T, SledError>) -> Result<T, SledError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(SledError::Panicked))
}

/// The records of the copy, put together as its pairs pass by.
struct Records {
    pairs: sled::Iter,
    joiner: Joiner,
    /// A pair that was read before a record which ends in front of it was handed out.
    waiting: Option<(sled::IVec, sled::IVec)>,
}

impl Records {
    fn next_joined(&mut self) -> Result<Option<Joined>, SledError> {
        loop {
            if self.waiting.is_none() {
                self.waiting = self.pairs.next().transpose()?;
            }
            let Some((key, value)) = &self.waiting else { return Ok(self.joiner.pop()) };
            if let Some(joined) = self.joiner.pop_before(key) {
                return Ok(Some(joined));
            }
            match key.first() {
                Some(&RECORD) => self.joiner.push(key, value).map_err(SledError::Corrupt)?,
                // Read when the copy was opened.
                Some(&META) => {}
                _ => return Err(SledError::Corrupt("it has a key of an unknown kind")),
            }
            self.waiting = None;
        }
    }
}

fn sync_after_open(dir: &Utf8Path) -> Result<(), FileError> {
    for name in ["conf", "db"] {
        let path = dir.join(name);
        File::open(&path).and_then(|file| file.sync_all()).act("sync", &path)?;
    }
    sync_dir(&RealDisk, &dir.join("blobs"))?;
    sync_dir(&RealDisk, dir)?;
    dir.parent().map_or(Ok(()), |parent| sync_dir(&RealDisk, parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Rolling;
    use crate::types::StoredMembership;

    /// As many records as it takes, some of them of several pieces.
    fn records() -> Vec<Record> {
        let value = |number: usize| vec![7; if number.is_multiple_of(100) { 9_000 } else { 10 }];
        (0..MOST_TOUCHED).map(|number| (format!("r/{number:06}").into_bytes(), value(number))).collect()
    }

    #[test]
    fn a_copy_that_was_closed_opens_at_once() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(temp.path()).unwrap().join("applied");
        let changes: Vec<Change> = records().into_iter().map(|(key, value)| (key, Some(value))).collect();
        for round in 0..40 {
            let opened = SledStore::open_and_read(&dir, "c").map(|(store, _)| store);
            let mut store = opened.unwrap_or_else(|error| panic!("in round {round}: {error:?}"));
            // Work for the threads of sled, and no position: what is read first are other records than the next time.
            store.write(&changes).unwrap();
            store.emptied().unwrap().close().unwrap();
        }
    }

    #[test]
    fn a_copy_that_lets_go_of_its_pages_goes_on_where_it_was() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(temp.path()).unwrap().join("applied");
        let (mut store, holds) = SledStore::open(&dir, "c").unwrap();
        assert!(holds.is_none());
        let (mut all, stop) = (records(), Stop::default());
        let position = |all: &[Record]| Position {
            applied: None,
            membership: StoredMembership::default(),
            time_ms: 0,
            hash: Rolling::of(all).hash(),
        };
        let changes: Vec<Change> =
            all.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        store.apply(&changes, &position(&all), all.len()).unwrap();
        store.flush().unwrap();
        let mut store = store.rested().unwrap();
        assert_eq!(store.touched, 0, "it was opened anew");
        // A record of several pieces becomes one of one: what it knew of pieces came along.
        all[0].1 = vec![1];
        store.apply(&[(all[0].0.clone(), Some(vec![1]))], &position(&all), all.len()).unwrap();
        store.flush().unwrap();
        let store = store.rested().unwrap();
        assert_eq!(store.touched, 1, "for one record nothing is opened anew");
        store.close().unwrap();
        let (mut store, holds) = SledStore::open(&dir, "c").unwrap();
        let holds = holds.unwrap();
        assert_eq!(holds.records, u64::try_from(all.len()).unwrap());
        store.check(&holds, &stop).unwrap();
    }
}
