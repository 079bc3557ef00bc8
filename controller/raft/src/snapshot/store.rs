//! The directory of snapshots: the newest two are kept, a corrupt newest one falls back to the other.

use std::collections::BTreeSet;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use parking_lot::Mutex;

use super::format::{Position, SnapshotError, Written, write};
use super::reader::Reader;
use crate::disk::{Disk, DiskFile, Reading, Writing};
use crate::files::{Act, FileError, create_dir, publish, sync_dir};
use crate::machine::{Frozen, Record};
use crate::stop::Stop;
use crate::types::{LogId, Snapshot, SnapshotFile, SnapshotMeta};

const KEPT: usize = 2;
const BUFFER: usize = 1 << 20;

/// The snapshots of one member.
pub(crate) struct SnapshotStore {
    disk: Arc<dyn Disk>,
    dir: Utf8PathBuf,
    cluster_id: String,
    /// Those that this process wrote or has read to their end.
    whole: Mutex<BTreeSet<Utf8PathBuf>>,
    asked: AtomicBool,
    /// Said where whoever waits for a snapshot does not want it to rest.
    hurry: Stop,
}

/// A state that was taken out to be written down, and what is known of it.
pub(crate) struct Taken {
    pub(crate) frozen: Box<dyn Frozen>,
    pub(crate) position: Position,
    pub(crate) records: u64,
}

impl SnapshotStore {
    pub(crate) fn open(disk: Arc<dyn Disk>, dir: &Utf8Path, cluster_id: &str) -> Result<Self, FileError> {
        create_dir(&*disk, dir)?;
        for name in disk.list(dir).act("list", dir)? {
            let path = dir.join(name);
            if path.extension() == Some("tmp") {
                disk.remove(&path).act("remove", &path)?;
            }
        }
        // A name may be here only because the system has not written yet that it was another; the log builds on it now.
        sync_dir(&*disk, dir)?;
        Ok(Self {
            disk,
            dir: dir.to_owned(),
            cluster_id: cluster_id.to_owned(),
            whole: Mutex::default(),
            asked: AtomicBool::new(false),
            hurry: Stop::default(),
        })
    }

    /// The paths of the snapshots, newest first; the names begin with the index, so they sort by it.
    pub(crate) fn paths(&self) -> Result<Vec<Utf8PathBuf>, FileError> {
        let names = self.disk.list(&self.dir).act("list", &self.dir)?;
        let paths = names.into_iter().rev().map(|name| self.dir.join(name));
        Ok(paths.filter(|path| path.extension() == Some("snap")).collect())
    }

    /// What is written from now on is written as fast as it can be.
    pub(crate) fn hurry(&self) {
        self.hurry.say();
    }

    /// The last entry that the snapshot before the newest one includes.
    pub(crate) fn previous(&self) -> Option<u64> {
        let paths = self.paths().ok()?;
        paths.get(1)?.file_stem()?.split('-').next()?.parse().ok()
    }

    /// Whether so many bytes can be written beside what is there.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.disk.free_bytes(&self.dir).is_ok_and(|free| free > bytes)
    }

    /// Bytes of the newest snapshot.
    pub(crate) fn newest_bytes(&self) -> u64 {
        let newest = self.paths().unwrap_or_default().into_iter().next();
        newest.and_then(|path| self.disk.size(&path).ok()).unwrap_or(0)
    }

    /// Bytes of the snapshots that are kept.
    pub(crate) fn bytes(&self) -> u64 {
        let paths = self.paths().unwrap_or_default().into_iter();
        paths.filter_map(|path| self.disk.size(&path).ok()).sum()
    }

    fn path_of(&self, applied: Option<&LogId>) -> Utf8PathBuf {
        let (index, term) = applied.map_or((0, 0), |id| (id.index, id.leader_id.term));
        self.dir.join(format!("{index:020}-{term:020}.snap"))
    }

    /// Begins to read a snapshot of this store.
    pub(crate) fn read(&self, path: &Utf8Path) -> Result<Reader<BufReader<Reading>>, SnapshotError> {
        self.read_file(self.disk.open(path)?)
    }

    fn read_file(&self, file: Arc<dyn DiskFile>) -> Result<Reader<BufReader<Reading>>, SnapshotError> {
        Reader::of_cluster(&self.cluster_id, BufReader::with_capacity(BUFFER, Reading { file, offset: 0 }))
    }

    /// Notes that a snapshot was read to its end without an error.
    pub(crate) fn trust(&self, path: &Utf8Path) {
        self.whole.lock().insert(path.to_owned());
    }

    /// Takes a snapshot that cannot be read out of the way, so that it is not served and can be looked at.
    pub(crate) fn set_aside(&self, path: &Utf8Path, error: &SnapshotError) -> Result<(), FileError> {
        let detail = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(snapshot = %path, %error, detail, "set a snapshot aside that cannot be read");
        self.whole.lock().remove(path);
        let aside = path.with_extension("broken");
        self.disk.rename(path, &aside).act("rename", &aside)
    }

    /// The newest snapshot, open for sending. What another process wrote is read whole before it is sent for the first
    /// time. The first question is openraft's own when it starts: it asks only where the snapshot stands.
    pub(crate) fn current(&self) -> Result<Option<Snapshot>, FileError> {
        let sending = self.asked.swap(true, Ordering::Relaxed);
        for path in self.paths()? {
            let file = self.disk.open(&path).act("open snapshot", &path)?;
            let checked = self.read_file(Arc::clone(&file)).and_then(|mut reader| {
                if sending && !self.whole.lock().contains(&path) {
                    reader.check()?;
                    self.trust(&path);
                }
                Ok(reader)
            });
            match checked {
                Ok(reader) => {
                    return snapshot_of(reader.position(), file).act("read snapshot", &path).map(Some);
                }
                Err(error) => self.set_aside(&path, &error)?,
            }
        }
        Ok(None)
    }

    /// Writes a snapshot durably and deletes those that are older than the one before it.
    pub(crate) fn save(&self, taken: Taken) -> Result<Snapshot, FileError> {
        let Taken { frozen, mut position, records } = taken;
        let path = self.path_of(position.applied.as_ref());
        let (temporary, file) = self.temporary(&path)?;
        let written = self.write(&position, records, frozen.records(), Writing::resting(&*file, &self.hurry));
        let sum = written.act("write snapshot", &temporary)?.sum;
        if (sum.hash(), sum.records()) == (position.hash, records) {
            return self.keep(&temporary, &path, &position, file);
        }
        tracing::error!(
            records = %sum.hash(), changes = %position.hash,
            "the changes the machine reported do not add up to its records"
        );
        // The header went ahead of the records and is wrong: once more, with what the records say.
        let again = self.dir.join("again.tmp");
        position.hash = sum.hash();
        let (again, copy) = self.temporary(&again)?;
        let first = self.read_file(file).map_err(io::Error::other).act("read snapshot", &temporary)?;
        // The first one ends in an error, which is that its hash is not the one of its header.
        let records = first.map_while(Result::ok);
        self.write(&position, sum.records(), records, Writing::new(&*copy)).act("write snapshot", &again)?;
        self.disk.remove(&temporary).act("remove", &temporary)?;
        self.keep(&again, &path, &position, copy)
    }

    fn temporary(&self, path: &Utf8Path) -> Result<(Utf8PathBuf, Arc<dyn DiskFile>), FileError> {
        let temporary = path.with_extension("tmp");
        let file = self.disk.create(&temporary, 0).act("create snapshot", &temporary)?;
        Ok((temporary, file))
    }

    fn write(
        &self,
        position: &Position,
        count: u64,
        records: impl Iterator<Item = Record>,
        file: Writing<'_>,
    ) -> io::Result<Written> {
        let out = BufWriter::with_capacity(BUFFER, file);
        write(&self.cluster_id, position, count, records, out)
    }

    /// Gives a written snapshot its name and forgets the ones that are no longer needed.
    fn keep(
        &self,
        temporary: &Utf8Path,
        path: &Utf8Path,
        position: &Position,
        file: Arc<dyn DiskFile>,
    ) -> Result<Snapshot, FileError> {
        file.sync().act("sync snapshot", temporary)?;
        publish(&*self.disk, temporary, path)?;
        self.trust(path);
        for old in self.paths()?.into_iter().skip(KEPT) {
            self.disk.remove(&old).act("delete snapshot", &old)?;
            self.whole.lock().remove(&old);
        }
        snapshot_of(position, file).act("read snapshot", path)
    }

    /// Reads a snapshot that came from another member to its end.
    pub(crate) fn check(&self, snapshot: &SnapshotFile) -> Result<Position, SnapshotError> {
        let mut reader = self.read_file(Arc::clone(&snapshot.file))?;
        reader.check()?;
        Ok(reader.position().clone())
    }

    /// Keeps a snapshot that came from another member as one of our own, and answers where it is.
    pub(crate) fn adopt(&self, snapshot: &SnapshotFile) -> Result<Utf8PathBuf, SnapshotError> {
        let position = self.read_file(Arc::clone(&snapshot.file))?.position().clone();
        let path = self.path_of(position.applied.as_ref());
        let (temporary, file) = self.temporary(&path).map_err(|error| error.source)?;
        let mut from =
            BufReader::with_capacity(BUFFER, Reading { file: Arc::clone(&snapshot.file), offset: 0 });
        let mut to = BufWriter::with_capacity(BUFFER, Writing::new(&*file));
        io::copy(&mut from, &mut to)?;
        to.flush()?;
        drop(to);
        self.keep(&temporary, &path, &position, file).map_err(|error| error.source)?;
        Ok(path)
    }

    /// Keeps a snapshot of another cluster under a position of this one, and answers how many bytes it has. What cannot be
    /// read to its end is not kept.
    pub(crate) fn import<R: Read>(
        &self,
        position: &Position,
        from: &mut Reader<R>,
    ) -> Result<u64, SnapshotError> {
        let path = self.path_of(position.applied.as_ref());
        let (temporary, file) = self.temporary(&path).map_err(|error| error.source)?;
        let (count, mut failed) = (from.promised(), None);
        let records = from.map_while(|record| record.map_err(|error| failed = Some(error)).ok());
        let written = self.write(position, count, records, Writing::new(&*file))?;
        if let Some(error) = failed {
            self.disk.remove(&temporary)?;
            return Err(error);
        }
        self.keep(&temporary, &path, position, file).map_err(|error| error.source)?;
        Ok(written.bytes)
    }

    /// An empty file to receive a snapshot into; it has no name, so a crash leaves nothing behind.
    pub(crate) fn receive(&self) -> Result<SnapshotFile, FileError> {
        let path = self.dir.join("incoming.tmp");
        let file = self.disk.create(&path, 0).act("create snapshot", &path)?;
        self.disk.remove(&path).act("remove", &path)?;
        Ok(SnapshotFile { file, len: 0 })
    }
}

fn snapshot_of(position: &Position, file: Arc<dyn DiskFile>) -> io::Result<Snapshot> {
    let len = file.len()?;
    let meta = meta_of(position);
    Ok(Snapshot { meta, snapshot: Box::new(SnapshotFile { file, len }) })
}

/// What openraft calls a snapshot. The id follows from the contents, so it is the same after a restart and on a member
/// that received the snapshot.
pub(crate) fn meta_of(position: &Position) -> SnapshotMeta {
    let at = position.applied.map_or_else(|| "none".to_owned(), |id| id.to_string());
    SnapshotMeta {
        last_log_id: position.applied,
        last_membership: position.membership.clone(),
        snapshot_id: format!("{at}-{}", position.hash),
    }
}
