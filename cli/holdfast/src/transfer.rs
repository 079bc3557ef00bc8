//! Bytes to and from the data port of a node. Every blob is checked against its name on this side too.

mod fetch;
mod progress;
mod put;

pub(crate) use fetch::{Source, fetch};
pub(crate) use progress::{Progress, Tally};
pub(crate) use put::{Cargo, seal, send};
