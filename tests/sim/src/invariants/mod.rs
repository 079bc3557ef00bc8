//! The promises, one file each. Each sees everything that happens and says at once when it is broken.

mod acknowledged;
mod completeness;
mod election;
mod lease;
mod liveness;
mod log_matching;
mod one_winner;
mod revision;
mod safety;
mod watch;

use crate::event::{Ending, Seen};

/// One promise.
pub trait Invariant: Send {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Judges something that happened.
    ///
    /// # Errors
    ///
    /// The promise is broken, and how.
    fn see(&mut self, seen: &Seen) -> Result<(), String>;

    /// Judges how it ended.
    ///
    /// # Errors
    ///
    /// The promise is broken, and how.
    fn end(&mut self, _ending: &Ending) -> Result<(), String> {
        Ok(())
    }
}

/// Every promise.
#[must_use]
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(election::ElectionSafety::default()),
        Box::new(log_matching::LogMatching::default()),
        Box::new(completeness::LeaderCompleteness::default()),
        Box::new(safety::StateMachineSafety::default()),
        Box::new(acknowledged::Acknowledged::default()),
        Box::new(revision::RevisionMonotone::default()),
        Box::new(watch::WatchComplete::default()),
        Box::new(one_winner::OneWinner::default()),
        Box::new(lease::LeaseSafety::default()),
        Box::new(liveness::Liveness),
    ]
}
