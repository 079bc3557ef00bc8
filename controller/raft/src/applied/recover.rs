//! Which state a start begins from: the copy on sled if it is whole and new enough, else the newest whole snapshot, else
//! nothing. The log replays what came after; so the start must reach back to where the log begins.

use std::fs;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::cache::Cache;
use super::live::Shared;
use super::machine::StateMachine;
use super::sled_store::{SledError, SledStore};
use crate::digest::Rolling;
use crate::files::{Act, DirLock, FileError, create_dir, sync_dir};
use crate::machine::Machine;
use crate::snapshot::{Contents, SnapshotStore};
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

/// Rebuilds the state under `dir`; `purged` is the last entry the log no longer has. Blocks.
pub(crate) fn recover<M: Machine>(
    dir: &Utf8Path,
    cluster_id: &str,
    machine: M,
    purged: Option<LogId>,
    lock: &Arc<DirLock>,
) -> Result<StateMachine<M>, RecoverError> {
    let snapshots = SnapshotStore::open(&dir.join("snapshots"), cluster_id)?;
    let (mut store, copy) = open_copy(&dir.join("applied"), cluster_id)?;
    let snapshot = snapshots.newest()?;
    let reach =
        |contents: &Option<Contents>| contents.as_ref().and_then(|contents| contents.position.applied);
    let from_copy = copy.is_some() && reach(&copy) >= reach(&snapshot);
    let best = if from_copy { copy } else { snapshot };
    let applied = reach(&best);
    if let Some(purged) = purged
        && applied < Some(purged)
    {
        let best = applied.map(|id| id.index);
        return Err(RecoverError::Unreachable { purged: purged.index, best });
    }
    let shared = Arc::new(Shared::new(machine));
    if let Some(Contents { position, records }) = best {
        if !from_copy {
            tracing::warn!(index = ?applied.map(|id| id.index), "rebuilding the applied store from a snapshot");
            store = store.and_then(|mut store| match store.replace(&records, &position) {
                Ok(()) => Some(store),
                Err(error) => {
                    tracing::warn!(%error, "continuing without an applied store");
                    None
                }
            });
        }
        shared.restore(&position, records).map_err(RecoverError::Machine)?;
    }
    let cache = store.map(|store| Cache::start(store, Arc::clone(lock))).transpose();
    let cache = cache.map_err(RecoverError::Thread)?;
    Ok(StateMachine { shared, cache, snapshots: Arc::new(snapshots) })
}

/// Opens the copy. One that cannot be read is set aside and a new one begun; where even that fails the member runs
/// without, because nothing depends on it.
fn open_copy(dir: &Utf8Path, cluster_id: &str) -> Result<(Option<SledStore>, Option<Contents>), FileError> {
    create_dir(dir)?;
    match open_checked(dir, cluster_id) {
        Ok((store, contents)) => return Ok((Some(store), contents)),
        Err(error) => {
            let detail = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, detail, "set the applied store aside; it is rebuilt from snapshot and log");
        }
    }
    set_aside(dir)?;
    match open_checked(dir, cluster_id) {
        Ok((store, contents)) => Ok((Some(store), contents)),
        Err(error) => {
            tracing::warn!(%error, "continuing without an applied store");
            Ok((None, None))
        }
    }
}

fn open_checked(dir: &Utf8Path, cluster_id: &str) -> Result<(SledStore, Option<Contents>), SledError> {
    let (store, contents) = SledStore::open(dir, cluster_id)?;
    if let Some(contents) = &contents
        && Rolling::of(&contents.records).hash() != contents.position.hash
    {
        return Err(SledError::Corrupt("its records do not have its state hash"));
    }
    Ok((store, contents))
}

/// One broken copy is kept to look at; a second one replaces it.
fn set_aside(dir: &Utf8Path) -> Result<(), FileError> {
    let aside: Utf8PathBuf = dir.with_extension("broken");
    if aside.exists() {
        fs::remove_dir_all(&aside).act("remove", &aside)?;
    }
    fs::rename(dir, &aside).act("rename", &aside)?;
    create_dir(dir)?;
    dir.parent().map_or(Ok(()), sync_dir)
}
