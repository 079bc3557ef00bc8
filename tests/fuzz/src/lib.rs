//! Every reader of foreign bytes, fed with bytes that are nearly right: mutations of valid inputs, and messages made up
//! from their descriptors. What a target is given must never make it panic, hang, or take memory without bound.
//!
//! Every input follows from the name of its target, a seed and a number, so that a failing one can be made again.

#![forbid(unsafe_code)]

mod chance;
mod corpus;
mod drive;
mod invent;
mod mutate;
mod story;
mod target;
mod targets;
mod watch;

pub use chance::Chance;
pub use corpus::{grow, kept};
pub use drive::{Done, Failure, Settings, attempt, fuzz, input};
pub use target::{Make, Take, Target};
pub use targets::all;
