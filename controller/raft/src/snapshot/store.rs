//! The directory of snapshots: the newest two are kept, a corrupt newest one falls back to the other.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use parking_lot::Mutex;

use super::format::{Position, SnapshotError, Written, write};
use super::reader::Reader;
use crate::files::{Act, FileError, create_dir, publish};
use crate::machine::{Frozen, Record};
use crate::types::{LogId, Snapshot, SnapshotFile, SnapshotMeta};

const KEPT: usize = 2;
const BUFFER: usize = 1 << 20;

/// The snapshots of one member.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    dir: Utf8PathBuf,
    cluster_id: String,
    /// Those that this process wrote or has read to their end.
    whole: Mutex<BTreeSet<Utf8PathBuf>>,
    asked: AtomicBool,
}

/// A state that was taken out to be written down, and what is known of it.
pub(crate) struct Taken {
    pub(crate) frozen: Box<dyn Frozen>,
    pub(crate) position: Position,
    pub(crate) records: u64,
}

/// Reads an open file from its start without moving anybody else's position.
#[derive(Debug)]
pub(crate) struct At {
    file: Arc<File>,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}

impl SnapshotStore {
    pub(crate) fn open(dir: &Utf8Path, cluster_id: &str) -> Result<Self, FileError> {
        create_dir(dir)?;
        let store = Self {
            dir: dir.to_owned(),
            cluster_id: cluster_id.to_owned(),
            whole: Mutex::default(),
            asked: AtomicBool::new(false),
        };
        for entry in dir.read_dir_utf8().act("list", dir)? {
            let path = entry.act("list", dir)?.into_path();
            if path.extension() == Some("tmp") {
                fs::remove_file(&path).act("remove", &path)?;
            }
        }
        Ok(store)
    }

    /// The paths of the snapshots, newest first; the names begin with the index, so they sort by it.
    pub(crate) fn paths(&self) -> Result<Vec<Utf8PathBuf>, FileError> {
        let mut paths = Vec::new();
        for entry in self.dir.read_dir_utf8().act("list", &self.dir)? {
            let path = entry.act("list", &self.dir)?.into_path();
            if path.extension() == Some("snap") {
                paths.push(path);
            }
        }
        paths.sort_unstable_by(|a, b| b.cmp(a));
        Ok(paths)
    }

    fn path_of(&self, applied: Option<&LogId>) -> Utf8PathBuf {
        let (index, term) = applied.map_or((0, 0), |id| (id.index, id.leader_id.term));
        self.dir.join(format!("{index:020}-{term:020}.snap"))
    }

    /// Begins to read a snapshot of this store.
    pub(crate) fn read(&self, path: &Utf8Path) -> Result<Reader<BufReader<At>>, SnapshotError> {
        self.read_file(Arc::new(File::open(path)?))
    }

    fn read_file(&self, file: Arc<File>) -> Result<Reader<BufReader<At>>, SnapshotError> {
        Reader::of_cluster(&self.cluster_id, BufReader::with_capacity(BUFFER, At { file, offset: 0 }))
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
        fs::rename(path, &aside).act("rename", &aside)
    }

    /// The newest snapshot, open for sending. What another process wrote is read whole before it is sent for the first
    /// time. The first question is openraft's own when it starts: it asks only where the snapshot stands.
    pub(crate) fn current(&self) -> Result<Option<Snapshot>, FileError> {
        let sending = self.asked.swap(true, Ordering::Relaxed);
        for path in self.paths()? {
            let file = Arc::new(File::open(&path).act("open snapshot", &path)?);
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
        let written = self.write(&position, records, frozen.records(), &file);
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
        self.write(&position, sum.records(), records, &copy).act("write snapshot", &again)?;
        fs::remove_file(&temporary).act("remove", &temporary)?;
        self.keep(&again, &path, &position, copy)
    }

    fn temporary(&self, path: &Utf8Path) -> Result<(Utf8PathBuf, Arc<File>), FileError> {
        let temporary = path.with_extension("tmp");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(true).read(true).write(true).open(&temporary);
        Ok((temporary.clone(), Arc::new(file.act("create snapshot", &temporary)?)))
    }

    fn write(
        &self,
        position: &Position,
        count: u64,
        records: impl Iterator<Item = Record>,
        file: &File,
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
        file: Arc<File>,
    ) -> Result<Snapshot, FileError> {
        file.sync_all().act("sync snapshot", temporary)?;
        publish(temporary, path)?;
        self.trust(path);
        for old in self.paths()?.into_iter().skip(KEPT) {
            fs::remove_file(&old).act("delete snapshot", &old)?;
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
        let mut from = BufReader::with_capacity(BUFFER, At { file: Arc::clone(&snapshot.file), offset: 0 });
        let mut to = BufWriter::with_capacity(BUFFER, &*file);
        io::copy(&mut from, &mut to)?;
        to.flush()?;
        drop(to);
        self.keep(&temporary, &path, &position, file).map_err(|error| error.source)?;
        Ok(path)
    }

    /// An empty file to receive a snapshot into; it has no name, so a crash leaves nothing behind.
    pub(crate) fn receive(&self) -> Result<SnapshotFile, FileError> {
        let path = self.dir.join("incoming.tmp");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(true).read(true).write(true).open(&path);
        let file = file.act("create snapshot", &path)?;
        fs::remove_file(&path).act("remove", &path)?;
        Ok(SnapshotFile { file: Arc::new(file), len: 0 })
    }
}

fn snapshot_of(position: &Position, file: Arc<File>) -> io::Result<Snapshot> {
    let len = file.metadata()?.len();
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
