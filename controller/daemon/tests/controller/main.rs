//! Real controllers on real ports: who may come in, what stands before every call, what several calls are as one, and what
//! survives `kill -9`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod again;
mod failover;
mod front;
mod http;
mod identity;
mod levels;
mod metrics;
mod pressure;
mod roles;
mod strangers;
mod transactions;
mod world;
