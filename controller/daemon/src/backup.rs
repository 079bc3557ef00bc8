//! Backups: everything a cluster needs to be begun again, encrypted to the keys of its operators: the state, and the files
//! that all controllers have the same of, the keys of the CA among them.
//!
//! Inside the encryption a backup is a row of frames: facts, files, the state as a snapshot in pieces, an end with sums.

pub(crate) mod fault;
mod frames;
pub(crate) mod reading;
pub(crate) mod writing;

pub use fault::sealed_problem;
pub use reading::{Checked, check, check_without_key};
pub(crate) use reading::{Content, read};
pub(crate) use writing::{Source, write};
