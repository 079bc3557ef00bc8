//! Opens the directory of a member: lock, identity, log, applied state. Blocks, so it runs off the async threads.

use std::sync::Arc;

use crate::applied::{StateMachine, recover};
use crate::error::RaftError;
use crate::files::{DirLock, create_dir};
use crate::identity::{self, Identity};
use crate::log::{LogPlace, LogStore};
use crate::machine::Machine;
use crate::options::Options;

/// Opens or creates the directory of a member.
pub(crate) fn open<M: Machine>(
    options: &Options,
    machine: M,
) -> Result<(LogStore, StateMachine<M>), RaftError> {
    let (disk, dir) = (&*options.disk, &options.dir);
    create_dir(disk, dir)?;
    let lock = DirLock::take(disk, dir)?.ok_or_else(|| RaftError::Locked { dir: dir.clone() })?;
    let lock = Arc::new(lock);
    let own = Identity { cluster_id: options.cluster_id.clone(), id: options.id };
    let known = identity::read(disk, dir)?;
    if let Some(other) = known.as_ref().filter(|known| **known != own) {
        return Err(RaftError::Foreign { dir: dir.clone(), owner: other.to_string() });
    }
    let place = LogPlace {
        disk: Arc::clone(&options.disk),
        dir: dir.join("log"),
        segment_bytes: options.segment_bytes,
        id: options.id,
        work: options.work.clone(),
    };
    let log = LogStore::open(place, Arc::clone(&lock))?;
    if known.is_none() && !log.is_empty() {
        return Err(RaftError::Foreign { dir: dir.clone(), owner: "a member that left no name".to_owned() });
    }
    if known.is_none() {
        identity::write(disk, dir, &own)?;
    }
    let state = recover(options, machine, &log, &lock)?;
    Ok((log, state))
}
