//! Snapshots: the whole state in one checksummed file. Knows nothing of openraft's roles or of the network.

mod blocks;
mod format;
mod info;
mod reader;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use blocks::{Blocks, split};
pub(crate) use format::{Position, SnapshotError, write};
pub use info::SnapshotInfo;
pub(crate) use reader::Reader;
pub(crate) use store::{SnapshotStore, Taken, meta_of};
