//! The controller: gRPC and REST services, authentication and authorisation, admission and audit.
//!
//! It wires the room together. It must not know how agents run things, nor how the state is stored.

#![forbid(unsafe_code)]

mod app;
mod caller;
mod config;
mod daemon;
mod found;
mod generate;
mod loops;
mod machine;
mod metrics;
mod network;
mod page;
mod peers;
mod rest;
mod server;
mod services;
mod watch;

pub use config::{Config, ConfigError, MemberConfig};
pub use daemon::main_with_config;
pub use found::{FoundController, FoundOperator, FoundOptions, Founded, found};
pub use generate::generate;
