//! The clock-free brain: `plan(&Snapshot, &Config, Time) -> Plan`; a [`Scheduler`] that is told what changes, plans the same without
//! looking at everything again, and has an [`Explanation`] for every job not placed; and `verify_gang`, by which a gang is checked
//! whole before it starts.
//!
//! The same input gives the same plan, byte for byte, on every machine. This crate must not know a clock, a disk, a
//! network, chance or a float, nor how law is written: it is handed the verdicts.

#![forbid(unsafe_code)]

mod snapshot;

mod fragmentation;

mod packing;

mod config;
mod explanation;
mod plan;

mod need;
mod nodes;
mod parts;
mod room;

mod power;
mod reserved;

mod domains;

mod budgets;
mod fair;
mod shares;

mod queues;

mod catalog;
mod log;

mod counts;

mod board;
mod job;
mod lines;
mod turns;
mod vain;

mod guests;
mod index;

mod holds;
mod shadow;
mod terms;
mod victims;

mod together;

mod planner;

mod lack;
mod near;
mod survey;

mod sentence;

mod elements;
mod explain;

mod scheduler;
mod standing;
mod verify;

mod counterfactual;
mod foresight;

pub use budgets::BudgetStanding;
pub use config::Config;
pub use counterfactual::counterfactuals;
pub use explanation::{Explanation, MAX_EXPLAINED_NODES, WaterfallStep};
pub use foresight::{Expectation, ForeseenStart, Foresight};
pub use fragmentation::{Free, Mix, Request, WHOLE};
pub use nodes::MAX_DEVICES_PER_NODE;
pub use packing::{Cost, Packing, StateId};
pub use plan::{Cause, GangPlacement, Plan, Preemption};
pub use queues::dominant_shares;
pub use scheduler::{Scheduler, plan};
pub use shares::ClassStanding;
pub use snapshot::{
    ArrayView, Assignment, Beside, DEFAULT_DENY, DeviceView, JobState, JobView, NodeView, PartOf, Past,
    QueueView, ReservationView, Schedulable, Snapshot, Verdict, Verdicts,
};
pub use standing::{QueueStanding, QueueTurn};
pub use verify::{Ledger, Rejection, verify_gang};

#[cfg(test)]
mod tests;
