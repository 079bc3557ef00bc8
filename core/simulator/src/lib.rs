//! A cluster over virtual time: the jobs of a trace meet nodes, failures and a policy, and what came of it is counted. The default
//! policy is the scheduler's own [`plan`](holdfast_scheduler::plan), asked as a controller asks it; the [baselines](Baseline) are
//! what others do, for comparison.
//!
//! Apart from time stands [`fill`]: requests of a trace come until a cluster is full, and what of it they could not have is counted.
//!
//! The same trace, cluster, policy and seed give the same outcome on every machine. It must not know a file, a clock, nor where a
//! trace comes from.

#![forbid(unsafe_code)]

mod cluster;
mod number;
mod policy;
mod trace;

mod table;

mod node_list;

mod pod_list;

mod fits;
mod floor;

mod chance;
mod work;

mod brain;
mod event;

mod attained;
mod known;
mod planned;

mod series;
mod tally;

mod outcome;

mod engine;

mod arrivals;
mod placing;

mod filling;

mod chart;

pub use chart::{depth, filled, utilisation, waits};
pub use cluster::{Checkpoints, Cluster, ClusterError, Failures, MAX_NODES, NodeGroup};
pub use engine::{Simulation, SimulationError, WEEK};
pub use event::{Event, EventPlace};
pub use filling::{Filled, FillingError, MAX_LOAD, fill};
pub use holdfast_scheduler::Config;
pub use node_list::NodeList;
pub use outcome::{Outcome, QueueOutcome, Spread};
pub use placing::Rule;
pub use pod_list::PodList;
pub use policy::{Baseline, Policy, PolicyError};
pub use table::TableError;
pub use trace::{MAX_JOBS, Trace, TraceError, TraceJob};
