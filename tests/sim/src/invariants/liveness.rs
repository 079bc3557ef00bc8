//! Liveness: once every fault is healed the members agree again and take writes, within a bounded time.

use super::promise::Invariant;
use crate::event::{Ending, Seen};

/// Knows only how it ended.
#[derive(Debug)]
pub(super) struct Liveness;

impl Invariant for Liveness {
    fn name(&self) -> &'static str {
        "liveness"
    }

    fn see(&mut self, _seen: &Seen) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self, ending: &Ending) -> Result<(), String> {
        match &ending.stuck {
            Some(reason) => Err(format!("after every fault was healed: {reason}")),
            None => Ok(()),
        }
    }
}
