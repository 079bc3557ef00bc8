//! The applied state: the machine in memory, its copy on sled, and how openraft drives both. The copy stands in where no
//! snapshot can be read; the log and the snapshots are the truth.

mod cache;
mod chunk;
mod live;
mod machine;
mod place;
mod recover;
mod restore;
mod rewrite;
mod sled_store;

pub(crate) use cache::Cache;
pub(crate) use live::Shared;
pub(crate) use machine::StateMachine;
pub(crate) use recover::{RecoverError, recover};
