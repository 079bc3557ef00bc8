//! Opens the directory of a member: lock, identity, log, applied state. Blocks, so it runs off the async threads.

use std::sync::Arc;

use camino::Utf8Path;
use prost::Message;

use crate::applied::{StateMachine, recover};
use crate::codec::decode;
use crate::error::RaftError;
use crate::files::{DirLock, create_dir, read_whole, write_atomic};
use crate::log::{LogPlace, LogStore};
use crate::machine::Machine;
use crate::options::Options;
use crate::wire::{FORMAT_VERSION, IdentityMessage};

/// The longest identity file, in bytes.
const MAX_IDENTITY_BYTES: u64 = 64 << 10;

/// Opens or creates the directory of a member.
pub(crate) fn open<M: Machine>(
    options: &Options,
    machine: M,
) -> Result<(LogStore, StateMachine<M>), RaftError> {
    let (disk, dir) = (&*options.disk, &options.dir);
    create_dir(disk, dir)?;
    let lock = DirLock::take(disk, dir)?.ok_or_else(|| RaftError::Locked { dir: dir.clone() })?;
    let lock = Arc::new(lock);
    let known = identify(dir, options)?;
    let place = LogPlace {
        disk: Arc::clone(&options.disk),
        dir: dir.join("log"),
        segment_bytes: options.segment_bytes,
        id: options.id,
        work: options.work.clone(),
    };
    let log = LogStore::open(place, Arc::clone(&lock))?;
    if !known && !log.is_empty() {
        return Err(RaftError::Foreign { dir: dir.clone(), owner: "a member that left no name".to_owned() });
    }
    if !known {
        write_identity(dir, options)?;
    }
    let state = recover(options, machine, &log, &lock)?;
    Ok((log, state))
}

/// Whether the directory says that it belongs to this member; an error where it belongs to another.
fn identify(dir: &Utf8Path, options: &Options) -> Result<bool, RaftError> {
    let path = dir.join("identity");
    let Some(bytes) = read_whole(&*options.disk, &path, MAX_IDENTITY_BYTES)? else { return Ok(false) };
    let corrupt = || RaftError::Corrupt(format!("raft identity file `{path}` is damaged"));
    let (crc, body) = bytes.split_first_chunk::<4>().ok_or_else(corrupt)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(corrupt());
    }
    let identity: IdentityMessage = decode("identity", body).map_err(|_| corrupt())?;
    if identity.version != FORMAT_VERSION {
        let (found, known) = (identity.version, FORMAT_VERSION);
        return Err(RaftError::Newer(format!(
            "raft directory `{dir}` has format {found}, this build reads {known}"
        )));
    }
    if identity.id != options.id || identity.cluster_id != options.cluster_id {
        let owner = format!("member {} of cluster `{}`", identity.id, identity.cluster_id);
        return Err(RaftError::Foreign { dir: dir.to_owned(), owner });
    }
    Ok(true)
}

fn write_identity(dir: &Utf8Path, options: &Options) -> Result<(), RaftError> {
    let identity =
        IdentityMessage { version: FORMAT_VERSION, cluster_id: options.cluster_id.clone(), id: options.id };
    let body = identity.encode_to_vec();
    let mut bytes = crc32c::crc32c(&body).to_le_bytes().to_vec();
    bytes.extend_from_slice(&body);
    Ok(write_atomic(&*options.disk, &dir.join("identity"), &bytes)?)
}
