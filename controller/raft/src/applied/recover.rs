//! Which state a start begins from: the copy on sled if it is whole and new enough, else the newest whole snapshot, else
//! nothing. The log replays what came after; so the start must reach back to where the log begins.

use std::convert::Infallible;
use std::fs;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::cache::Cache;
use super::live::{RestoreError, Shared};
use super::machine::StateMachine;
use super::sled_store::{Contents, SledStore};
use crate::disk::RealDisk;
use crate::files::{Act, DirLock, FileError, create_dir, sync_dir};
use crate::log::LogStore;
use crate::machine::Machine;
use crate::options::Options;
use crate::snapshot::SnapshotStore;
use crate::types::LogId;

/// Why no state can be found to start from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    #[error("recover the applied state")]
    File(#[from] FileError),
    #[error(
        "the log begins after entry {purged}, and neither the applied store nor a snapshot reaches it (best: {best:?})"
    )]
    Unreachable { purged: u64, best: Option<u64> },
    #[error("the machine refuses its stored records: {0}")]
    Machine(String),
    #[error("start the thread of the applied store")]
    Thread(#[source] std::io::Error),
}

/// Rebuilds the state of a member behind its log. Blocks.
pub(crate) fn recover<M: Machine>(
    options: &Options,
    machine: M,
    log: &LogStore,
    lock: &Arc<DirLock>,
) -> Result<StateMachine<M>, RecoverError> {
    let (dir, cluster_id, purged) = (&options.dir, options.cluster_id.as_str(), log.purged());
    let snapshots = SnapshotStore::open(Arc::clone(&options.disk), &dir.join("snapshots"), cluster_id)?;
    let (mut store, copy) = match options.applied_copy {
        true => open_copy(&dir.join("applied"), cluster_id)?,
        false => (None, None),
    };
    let shared = Arc::new(Shared::new(machine));
    let have = copy.as_ref().map(|contents| contents.position.applied);
    if newest_snapshot(&shared, &snapshots, have)? {
        let index = shared.applied().map(|id| id.index);
        tracing::warn!(index, "rebuilding the applied store from a snapshot");
        store = store.and_then(|mut store| match store.replace(shared.freeze()) {
            Ok(()) => Some(store),
            Err(error) => {
                tracing::warn!(%error, "continuing without an applied store");
                None
            }
        });
    } else if let Some(Contents { position, records }) = copy {
        let records = records.into_iter().map(Ok::<_, Infallible>);
        shared.restore(position, records).map_err(|error| match error {
            RestoreError::Machine(reason) => RecoverError::Machine(reason),
            RestoreError::Records(never) => match never {},
        })?;
    }
    let applied = shared.applied();
    if let Some(purged) = purged
        && applied < Some(purged)
    {
        let best = applied.map(|id| id.index);
        return Err(RecoverError::Unreachable { purged: purged.index, best });
    }
    let cache = store.map(|store| Cache::start(store, Arc::clone(lock))).transpose();
    let cache = cache.map_err(RecoverError::Thread)?;
    let (log, work) = (log.clone(), options.work.clone());
    Ok(StateMachine { shared, cache, snapshots: Arc::new(snapshots), log, work })
}

/// Restores the newest snapshot that is whole and reaches further than what is there already.
fn newest_snapshot<M: Machine>(
    shared: &Shared<M>,
    snapshots: &SnapshotStore,
    have: Option<Option<LogId>>,
) -> Result<bool, RecoverError> {
    for path in snapshots.paths()? {
        let restored = match snapshots.read(&path) {
            Ok(reader) if have.is_some_and(|have| have >= reader.position().applied) => return Ok(false),
            Ok(reader) => shared.restore(reader.position().clone(), reader),
            Err(error) => Err(RestoreError::Records(error)),
        };
        match restored {
            Ok(()) => {
                snapshots.trust(&path);
                return Ok(true);
            }
            Err(RestoreError::Records(error)) => snapshots.set_aside(&path, &error)?,
            Err(RestoreError::Machine(reason)) => return Err(RecoverError::Machine(reason)),
        }
    }
    Ok(false)
}

/// Opens the copy. One that cannot be read is set aside and a new one begun; where even that fails the member runs
/// without, because nothing depends on it.
fn open_copy(dir: &Utf8Path, cluster_id: &str) -> Result<(Option<SledStore>, Option<Contents>), FileError> {
    create_dir(&RealDisk, dir)?;
    match SledStore::open(dir, cluster_id) {
        Ok((store, contents)) => return Ok((Some(store), contents)),
        Err(error) => {
            let detail = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, detail, "set the applied store aside; it is rebuilt from snapshot and log");
        }
    }
    set_aside(dir)?;
    match SledStore::open(dir, cluster_id) {
        Ok((store, contents)) => Ok((Some(store), contents)),
        Err(error) => {
            tracing::warn!(%error, "continuing without an applied store");
            Ok((None, None))
        }
    }
}

/// One broken copy is kept to look at; a second one replaces it.
fn set_aside(dir: &Utf8Path) -> Result<(), FileError> {
    let aside: Utf8PathBuf = dir.with_extension("broken");
    if aside.exists() {
        fs::remove_dir_all(&aside).act("remove", &aside)?;
    }
    fs::rename(dir, &aside).act("rename", &aside)?;
    create_dir(&RealDisk, dir)?;
    dir.parent().map_or(Ok(()), |parent| sync_dir(&RealDisk, parent))
}
