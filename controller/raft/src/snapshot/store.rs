//! The directory of snapshots: the newest two are kept, a corrupt newest one falls back to the other.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::format::{Contents, Position, SnapshotError, read, read_position, write};
use crate::files::{Act, FileError, create_dir, publish};
use crate::types::{LogId, Snapshot, SnapshotFile, SnapshotMeta};

const KEPT: usize = 2;

/// The snapshots of one member.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    dir: Utf8PathBuf,
    cluster_id: String,
}

/// Reads an open file from its start without moving anybody else's position.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}

impl SnapshotStore {
    pub(crate) fn open(dir: &Utf8Path, cluster_id: &str) -> Result<Self, FileError> {
        create_dir(dir)?;
        let store = Self { dir: dir.to_owned(), cluster_id: cluster_id.to_owned() };
        for entry in dir.read_dir_utf8().act("list", dir)? {
            let path = entry.act("list", dir)?.into_path();
            if path.extension() == Some("tmp") {
                fs::remove_file(&path).act("remove", &path)?;
            }
        }
        Ok(store)
    }

    /// The paths of the snapshots, newest first; the names begin with the index, so they sort by it.
    fn paths(&self) -> Result<Vec<Utf8PathBuf>, FileError> {
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

    /// The newest snapshot that is whole, with its contents. A corrupt one is set aside so that it is not served.
    pub(crate) fn newest(&self) -> Result<Option<Contents>, FileError> {
        for path in self.paths()? {
            let file = File::open(&path).act("open snapshot", &path)?;
            match read(&self.cluster_id, BufReader::new(file)) {
                Ok(contents) => return Ok(Some(contents)),
                Err(error) => {
                    let detail = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(snapshot = %path, %error, detail, "set a snapshot aside that cannot be read");
                    let aside = path.with_extension("broken");
                    fs::rename(&path, &aside).act("rename", &aside)?;
                }
            }
        }
        Ok(None)
    }

    /// The newest snapshot, open for sending. Only its header is read; the receiver checks the rest.
    pub(crate) fn current(&self) -> Result<Option<Snapshot>, SnapshotError> {
        let paths = self.paths().map_err(|error| error.source)?;
        let Some(path) = paths.first() else { return Ok(None) };
        let file = File::open(path)?;
        let position = read_header(&self.cluster_id, &file)?;
        Ok(Some(snapshot_of(&position, file)?))
    }

    /// Writes a snapshot durably and deletes those that are older than the one before it.
    pub(crate) fn save(&self, contents: &Contents) -> Result<Snapshot, FileError> {
        let path = self.path_of(contents.position.applied.as_ref());
        let temporary = path.with_extension("tmp");
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&temporary)
            .act("create snapshot", &temporary)?;
        let mut out = BufWriter::with_capacity(1 << 20, &file);
        write(&self.cluster_id, contents, &mut out).act("write snapshot", &temporary)?;
        out.flush().act("write snapshot", &temporary)?;
        drop(out);
        file.sync_all().act("sync snapshot", &temporary)?;
        publish(&temporary, &path)?;
        for old in self.paths()?.into_iter().skip(KEPT) {
            fs::remove_file(&old).act("delete snapshot", &old)?;
        }
        snapshot_of(&contents.position, file).act("read snapshot", &path)
    }

    /// Reads a snapshot that came from another member.
    pub(crate) fn read(&self, snapshot: &SnapshotFile) -> Result<Contents, SnapshotError> {
        read(&self.cluster_id, BufReader::with_capacity(1 << 20, At { file: &snapshot.file, offset: 0 }))
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

fn read_header(cluster_id: &str, file: &File) -> Result<Position, SnapshotError> {
    read_position(cluster_id, BufReader::new(At { file, offset: 0 }))
}

fn snapshot_of(position: &Position, file: File) -> std::io::Result<Snapshot> {
    let len = file.metadata()?.len();
    let meta = meta_of(position);
    Ok(Snapshot { meta, snapshot: Box::new(SnapshotFile { file: Arc::new(file), len }) })
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
