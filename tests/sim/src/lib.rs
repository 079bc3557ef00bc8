//! The controllers' consensus over a simulated network, disk and clock. A seed decides a day: who crashes when, which
//! packet is lost, which sector of a torn write survives; the same seed is the same day to the last line of its trace.
//!
//! Each member runs the real state machine on the real raft crate in a runtime of its own, whose clock moves only when the
//! world moves it; the program `holdfast-sim` takes chance away from the rest of the process.

#![forbid(unsafe_code)]

mod chance;
mod clients;
mod commands;
mod disk;
mod evening;
mod event;
mod fleet;
mod host;
mod invariants;
mod machine;
mod net;
mod operator;
mod plan;
mod plant;
pub mod power;
mod tally;
mod trace;
mod watchers;
mod wire;
mod witness;
mod world;

pub use fleet::{Fleet, Summary, counts_line, digest_line};
pub use plant::Plant;
pub use tally::{KINDS, Kind, too_rare};
pub use witness::Breach;
pub use world::{Report, run};
