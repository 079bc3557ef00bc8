//! Snapshots: the whole state in one checksummed file. Knows nothing of openraft's roles or of the network.

mod format;
mod reader;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use format::{Position, SnapshotError};
pub(crate) use store::{SnapshotStore, Taken, meta_of};
