//! What a large state costs: the time to start again with it, the time to rebuild it, what writers notice of a snapshot, and
//! the memory it takes. The machine is the one that controllers replicate; a member of one is enough, because nothing of
//! this waits for another.
//!
//! Each member is a process of its own, so that its memory and its start are those of a process.

mod asked;
mod member;
mod objects;
mod state;

pub(crate) use asked::{footprint, rebuilt, restarted, snapshot};
pub(crate) use member::run;
