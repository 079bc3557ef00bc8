//! The controller: gRPC and REST services, authentication and authorisation, admission and audit.
//!
//! It wires the room together. It must not know how agents run things, nor how the state is stored.

#![forbid(unsafe_code)]

mod alive;
mod apart;
mod app;
mod attention;
mod backup;
mod caller;
mod calls;
mod command_counts;
mod config;
mod daemon;
mod desk;
mod drain;
mod durable;
mod fields;
mod found;
mod fresh;
mod front;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod generate;
mod health;
mod heard;
mod incarnation;
mod join;
mod kept;
mod known;
mod level;
mod limits;
mod listed;
mod lone;
mod loops;
mod machine;
mod material;
mod members;
mod metrics;
mod network;
mod orders;
mod page;
mod peers;
mod placing;
mod platform;
mod recovery;
mod removed;
mod replay;
mod request_id;
mod rest;
mod restore;
mod rollouts;
mod selector;
mod server;
mod services;
mod space;
mod told;
mod vitals;
mod watch;
mod write;

pub use backup::{Checked, check, check_without_key, sealed_problem};
pub use config::{Config, ConfigError, MemberConfig};
pub use daemon::{Controller, main_with_config};
pub use found::{FoundController, FoundOperator, FoundOptions, Founded, found};
pub use generate::generate;
pub use join::{JoinOptions, prepare_joining, refuse_used};
pub use limits::Limits;
pub use platform::Platform;
pub use restore::{RestoreOptions, Restored, recover, restore};
pub use told::Told;
