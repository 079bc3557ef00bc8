//! The file that says whose directory this is. A leaf.

use std::fmt;

use camino::Utf8Path;
use prost::Message;

use crate::codec::decode;
use crate::disk::Disk;
use crate::error::RaftError;
use crate::files::{read_whole, write_atomic};
use crate::wire::{FORMAT_VERSION, IdentityMessage};

/// The longest identity file, in bytes.
const MAX_IDENTITY_BYTES: u64 = 64 << 10;

/// A member of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) cluster_id: String,
    pub(crate) id: u64,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {} of cluster `{}`", self.id, self.cluster_id)
    }
}

/// Whose directory it says it is; `None` where it says nothing.
pub(crate) fn read(disk: &dyn Disk, dir: &Utf8Path) -> Result<Option<Identity>, RaftError> {
    let path = dir.join("identity");
    let Some(bytes) = read_whole(disk, &path, MAX_IDENTITY_BYTES)? else { return Ok(None) };
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
    Ok(Some(Identity { cluster_id: identity.cluster_id, id: identity.id }))
}

/// Makes the directory this member's.
pub(crate) fn write(disk: &dyn Disk, dir: &Utf8Path, identity: &Identity) -> Result<(), RaftError> {
    let (cluster_id, id) = (identity.cluster_id.clone(), identity.id);
    let body = IdentityMessage { version: FORMAT_VERSION, cluster_id, id }.encode_to_vec();
    let mut bytes = crc32c::crc32c(&body).to_le_bytes().to_vec();
    bytes.extend_from_slice(&body);
    Ok(write_atomic(disk, &dir.join("identity"), &bytes)?)
}
