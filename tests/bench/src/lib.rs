//! Promises measured, each beside its peer where one runs here.
//!
//! `docs/promises.md` says what is promised; the registry says how it is measured; the report holds one against the
//! other. A promise that nothing measures is `pending`, never silently absent. This crate must not soften a bound: the
//! page is read, not repeated.

#![forbid(unsafe_code)]

mod audit;
mod bound;
mod chart;
mod control;
mod machines;
mod measure;
mod openb;
mod page;
mod philly;
mod policy;
mod registry;
mod report;
mod scheduler;
mod store;
mod wire;

pub use bound::{Bound, BoundError};
pub use chart::{bars, spread};
pub use control::{load, part};
pub use measure::{Bench, Curve, Measurement, Promise, quantile};
pub use page::{Page, Row};
pub use registry::promises;
pub use report::{Line, State, Summary, measure, mismatches, table};
