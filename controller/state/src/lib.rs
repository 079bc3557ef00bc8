//! The replicated state machine: `State::apply(Time, &[u8]) -> Applied`, its records, and the index watches resume from.
//!
//! Pure and deterministic: ordered maps, integers, time only from the command. This crate must not know how commands
//! are ordered, stored or sent, nor how the scheduler came to its plan.

#![forbid(unsafe_code)]

mod act;
mod alone;
mod apply;
mod array;
mod artifacts;
mod awaited;
mod cluster;
mod controllers;
mod deadlines;
mod disruptions;
mod ended;
mod history;
mod incarnation;
mod jobs;
mod keys;
mod level;
mod lifecycle;
mod nodes;
mod overdue;
mod packed;
mod part;
mod phases;
mod placed;
mod placement;
mod queues;
mod record;
mod records;
mod refuse;
mod releases;
mod reservation_status;
mod reservations;
mod restarting;
mod retention;
mod rollout_phases;
mod rollout_return;
mod rollouts;
mod rows;
mod settling;
mod state;
mod table;
mod trail;
mod transaction;
mod usage;
mod waits;

pub use alone::{fence_of, fence_of_rank, first_ranks};
pub use apply::Applied;
pub use array::{ElementEnd, elements_left};
pub use controllers::{ADMITTED, JOINED, MOST_RECIPIENTS, REMOVED};
pub use history::{Compacted, WatchItem};
pub use level::{NEWEST_LEVEL, TURNS};
pub use part::Part;
pub use records::Restoring;
pub use refuse::{audit_gone, not_found, rollout as rollout_refused};
pub use releases::{RELEASE_KIND, payload_key};
pub use reservation_status::reservation_status;
pub use reservations::reserved_nodes;
pub use rollout_phases::{NodeStep, Phase as RolloutPhase};
pub use state::State;
pub use table::{Change, Record};

#[cfg(test)]
mod tests;
