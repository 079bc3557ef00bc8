//! The raft log: votes and entries in one stream of checksummed, chained records in preallocated segment files, written
//! by one writer with one sync for each group. It is the truth of a member; it knows nothing of commands.

mod committer;
mod cover;
mod error;
mod fill;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod index;
mod marks;
mod queue;
mod record;
mod recover;
mod segment;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use error::LogError;
pub(crate) use store::{LogPlace, LogStore};
