//! The agent: session to the controllers, local reconcile, the node's artifacts, the gang relay.
//!
//! It makes what runs on this node follow what the controllers want, and asks its own copy of the law before it does.
//! It must not know how the controllers decide, nor depend on them: the two meet only in `api`.

#![forbid(unsafe_code)]

mod allegiance;
mod clock;
mod config;
mod daemon;
mod data;
mod enrol;
mod gang;
mod law;
mod library;
mod lock;
mod machine;
mod place;
mod relay;
mod revoked;
mod rotate;
mod server;
mod session;
mod share;
mod slots;
mod start;
mod tasks;
mod variant;

pub use config::{Config, OwnController, Simulated};
pub use daemon::{kill_all, main_with_config, maybe_run_hidden};
pub use slots::SlotsConfig;
