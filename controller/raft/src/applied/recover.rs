//! Which state a start begins from: the copy on sled if it is whole and new enough, else the newest whole snapshot, else
//! nothing. The log replays what came after; so the start must reach back to where the log begins.

use std::fs;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::cache::Cache;
use super::live::{RestoreError, Shared};
use super::machine::StateMachine;
use super::sled_store::{Holds, SledError, SledStore};
use crate::disk::RealDisk;
use crate::files::{Act, DirLock, FileError, create_dir, sync_dir};
use crate::log::LogStore;
use crate::machine::Machine;
use crate::options::Options;
use crate::snapshot::{SnapshotError, SnapshotStore};
use crate::start::Source;
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
    #[error("this release does not read the stored state: {0}")]
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
    let shared = Arc::new(Shared::new(machine));
    let store = match options.applied_copy {
        true => with_copy(&dir.join("applied"), cluster_id, &shared, &snapshots)?,
        false => newest_snapshot(&shared, &snapshots, None).map(|_| None)?,
    };
    let applied = shared.applied();
    shared.start.lock().index = applied.map(|id| id.index);
    if let Some(purged) = purged
        && applied < Some(purged)
    {
        let best = applied.map(|id| id.index);
        return Err(RecoverError::Unreachable { purged: purged.index, best });
    }
    if let Some(id) = applied {
        log.covered(id.index);
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
            Ok(reader) => shared.restore(reader.position().clone(), reader.promised(), reader),
            Err(error) => Err(RestoreError::Records(error)),
        };
        let damage = match restored {
            Ok(()) => {
                snapshots.trust(&path);
                shared.start.lock().source = Source::Snapshot;
                return Ok(true);
            }
            Err(RestoreError::Machine(reason)) => return Err(RecoverError::Machine(reason)),
            Err(RestoreError::Records(error)) => error,
            Err(RestoreError::Hash) => SnapshotError::Hash,
        };
        note(shared, &path, &damage);
        snapshots.set_aside(&path, &damage)?;
    }
    Ok(false)
}

/// Takes the state of the copy, or of a snapshot that reaches further or has to stand in for it. A copy that cannot be read
/// to its end is set aside and a new one begun; where even that fails the member runs without, because nothing depends on
/// it.
fn with_copy<M: Machine>(
    dir: &Utf8Path,
    cluster_id: &str,
    shared: &Shared<M>,
    snapshots: &SnapshotStore,
) -> Result<Option<SledStore>, RecoverError> {
    create_dir(&RealDisk, dir)?;
    let damage = match SledStore::open(dir, cluster_id) {
        Ok((store, holds)) => {
            let have = holds.as_ref().map(|holds| holds.position.applied);
            if newest_snapshot(shared, snapshots, have)? {
                let why = if have.is_some() { "is behind the newest snapshot" } else { "held nothing" };
                shared.start.lock().damage.push(format!("{dir}: the applied store {why}"));
                return Ok(written_anew(store, shared));
            }
            let Some(holds) = holds else { return Ok(Some(store)) };
            match read_copy(store, holds, shared) {
                Ok(store) => {
                    shared.start.lock().source = Source::Copy;
                    return Ok(Some(store));
                }
                // Whole, and written by a later release: a snapshot of this one would not help.
                Err(SledError::Machine(reason)) => return Err(RecoverError::Machine(reason)),
                Err(error) => error,
            }
        }
        Err(error) => error,
    };
    let detail = std::error::Error::source(&damage).map(ToString::to_string);
    tracing::warn!(error = %damage, detail, "set the applied store aside; it is rebuilt from snapshot and log");
    note(shared, dir, &damage);
    set_aside(dir)?;
    newest_snapshot(shared, snapshots, None)?;
    match SledStore::open(dir, cluster_id) {
        Ok((store, _)) => Ok(written_anew(store, shared)),
        Err(error) => {
            tracing::warn!(%error, "continuing without an applied store");
            Ok(None)
        }
    }
}

fn read_copy<M: Machine>(
    mut store: SledStore,
    holds: Holds,
    shared: &Shared<M>,
) -> Result<SledStore, SledError> {
    let Holds { position, records } = holds;
    store.read(|each| {
        shared.restore(position, records, each).map_err(|error| match error {
            RestoreError::Records(error) => error,
            RestoreError::Hash => SledError::Hash,
            RestoreError::Machine(reason) => SledError::Machine(reason),
        })
    })?;
    Ok(store)
}

/// The copy of what is in memory now.
fn written_anew<M: Machine>(mut store: SledStore, shared: &Shared<M>) -> Option<SledStore> {
    let index = shared.applied().map(|id| id.index);
    tracing::warn!(index, "writing the applied store anew");
    match store.replace(shared.freeze()) {
        Ok(()) => Some(store),
        Err(error) => {
            tracing::warn!(%error, "continuing without an applied store");
            None
        }
    }
}

/// Keeps what was found damaged for whoever asks how this member was started.
fn note<M>(shared: &Shared<M>, path: &Utf8Path, damage: &dyn std::error::Error) {
    let source = damage.source().map(|source| format!(": {source}")).unwrap_or_default();
    shared.start.lock().damage.push(format!("{path}: {damage}{source}"));
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
