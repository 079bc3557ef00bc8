//! The pure planners of the controller: admission, placement, node liveness, replication, and what each node should run.
//!
//! Every function is level-triggered: from the state as it is to what should be said next, so it may run twice or late
//! without harm. This crate must not know how commands reach the log, nor read a clock.

#![forbid(unsafe_code)]

mod admission;
mod concerns;
mod desired;
mod expected;
mod facts;
mod holders;
mod imports;
mod liveness;
mod outlook;
mod parts;
mod placement;
mod places;
mod planner;
mod queue;
mod replay;
mod replica;
mod replication;
mod rollouts;
mod rulings;
mod telling;
mod update;
mod what_if;
#[cfg(test)]
mod world;

pub use admission::{Admitted, Refused, admit};
pub use concerns::{Concerns, Loads, Name, OfNode, Recheck, Touched};
pub use desired::desired;
pub use facts::{
    FactsError, artifact_facts, node_facts, owner_facts, record_decision, user_facts, workload_facts,
};
pub use imports::{import_target, import_user_check};
pub use liveness::lost_nodes;
pub use outlook::{Outlook, outlook};
pub use parts::waiting_part;
pub use placement::{commit_plan, concerns_placement, explanation, queue_shares, snapshot};
pub use planner::{Planner, settings};
pub use queue::explain_queue;
pub use replay::{Replayed, replay};
pub use replication::{Lacking, replica_targets};
pub use rollouts::{
    ControllerFacts, MOST_REPAIRS, RolloutAction, Rot, given_up, repair, rollout_actions, rollout_counts, rot,
};
pub use telling::{Telling, Told};
pub use what_if::what_if;
