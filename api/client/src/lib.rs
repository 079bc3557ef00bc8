//! How everybody else reaches a cluster: channels over mTLS, calls that find the leader and retry, watches that resume.
//!
//! This crate must not know what any call means; it moves typed messages and turns every failure into a problem.

#![forbid(unsafe_code)]

mod channel;
mod cluster;
mod random;
mod tag;
mod watch;

pub use channel::{CONNECT_TIMEOUT, MAX_MESSAGE, lazy_channel};
pub use cluster::{ClusterClient, idempotency_key};
pub use tag::{RequestTag, TaggedChannel};
pub use watch::Watch;
