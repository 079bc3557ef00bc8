//! The system of this machine: two slots, one running, the other written when a rollout wants it. What is running is never
//! touched, so a loss of power at any moment leaves a system that boots.

mod config;
mod files;
mod install;
mod kernels;
mod machine;
mod progress;
mod simulated;
mod work;

pub use config::SlotsConfig;
pub(crate) use machine::Reset;
pub(crate) use work::{Slots, Wanted, run};

#[cfg(test)]
mod tests;
