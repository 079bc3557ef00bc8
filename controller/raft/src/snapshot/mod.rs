//! Snapshots: the whole state in one checksummed file. Knows nothing of openraft's roles or of the network.

mod format;
mod store;

pub(crate) use format::{Contents, Position, SnapshotError};
pub(crate) use store::{SnapshotStore, meta_of};
