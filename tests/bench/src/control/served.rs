//! Jobs through three controllers of the product, from the call that submits them to agents that run them: Kueue's published scenarios,
//! how long one job takes to come to its agent, how long an array of 100,000 elements to be taken and to be cancelled, and how many placements are committed in a second.
//!
//! The agents are those of `agents.rs`: each with a certificate and a connection of its own, without any process to start. Kueue's
//! scenarios (`test/performance/scheduler/configs` of kubernetes-sigs/kueue) have no nodes but quotas alone, so the nodes here have twice
//! what the queues may use. Its cohorts are queues above others, its pods are tasks with accelerators.

mod arrays;
mod commits;
mod latency;
mod scenario;
mod site;

pub(crate) use arrays::{cancel_array, submit_array};
pub(crate) use commits::placements;
pub(crate) use latency::submit;
pub(crate) use scenario::{baseline, large};
