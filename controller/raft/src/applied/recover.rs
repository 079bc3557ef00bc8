//! Which state a start begins from: the newest whole snapshot, which is read in one go; where there is none, or it does not
//! reach the log, the copy on sled; else nothing. The log replays what came after; so the start must reach back to where
//! the log begins.

use std::sync::Arc;

use super::cache::Cache;
use super::live::Shared;
use super::machine::StateMachine;
use super::place::Place;
use super::restore::RestoreError;
use super::sled_store::{SledError, SledStore};
use crate::files::{DirLock, FileError};
use crate::log::LogStore;
use crate::machine::Machine;
use crate::options::Options;
use crate::snapshot::{SnapshotError, SnapshotStore};
use crate::start::{Copied, Source};

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
    let restored = newest_snapshot(&shared, &snapshots)?;
    let place = Place { dir: dir.join("applied"), cluster_id: cluster_id.to_owned() };
    let needed = !restored || shared.applied() < purged;
    let copy = if options.applied_copy && needed { read_copy(&place, &shared)? } else { None };
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
    let mut cache = None;
    if options.applied_copy {
        let started = Cache::start(place, copy, Arc::clone(&shared), Arc::clone(lock));
        cache = Some(started.map_err(RecoverError::Thread)?);
    }
    let (log, work) = (log.clone(), options.work.clone());
    Ok(StateMachine { shared, cache, snapshots: Arc::new(snapshots), log, work })
}

/// Restores the newest snapshot that is whole.
fn newest_snapshot<M: Machine>(shared: &Shared<M>, snapshots: &SnapshotStore) -> Result<bool, RecoverError> {
    for path in snapshots.paths()? {
        let restored = match snapshots.read(&path) {
            Ok(reader) => shared.restore_snapshot(reader),
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
        shared.note(&path, &damage);
        snapshots.set_aside(&path, &damage)?;
    }
    Ok(false)
}

/// Takes the state of the copy, where it reaches further than what is there. A copy that cannot be read to its end is set
/// aside; where nothing was taken from it the thread opens it again.
fn read_copy<M: Machine>(place: &Place, shared: &Shared<M>) -> Result<Option<SledStore>, RecoverError> {
    let damage = match place.open() {
        Ok((mut store, Some(holds))) if holds.position.applied > shared.applied() => {
            let read = store.read(|each| {
                shared.restore(holds.position, holds.records, each).map_err(|error| match error {
                    RestoreError::Records(error) => error,
                    RestoreError::Hash => SledError::Hash,
                    RestoreError::Machine(reason) => SledError::Machine(reason),
                })
            });
            match read {
                Ok(()) => {
                    let mut start = shared.start.lock();
                    (start.source, start.copied) = (Source::Copy, Copied::Whole);
                    return Ok(Some(store));
                }
                // Whole, and written by a later release: nothing of this one would help.
                Err(SledError::Machine(reason)) => return Err(RecoverError::Machine(reason)),
                Err(error) => error,
            }
        }
        Ok(_) => return Ok(None),
        Err(error) => error,
    };
    shared.note(&place.dir, &damage);
    if let Err(error) = place.begin_anew(&damage) {
        tracing::warn!(%error, "no applied store could be begun");
    }
    Ok(None)
}
