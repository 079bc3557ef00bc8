//! The promises, one file each. Each sees everything that happens and says at once when it is broken.

mod acknowledged;
mod completeness;
mod election;
mod lease;
mod liveness;
mod log_matching;
mod one_winner;
mod promise;
mod revision;
mod safety;
mod watch;

pub(crate) use promise::Invariant;

/// Every promise.
#[must_use]
pub(crate) fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        // First: without it the end shows nothing to the others.
        Box::new(liveness::Liveness),
        Box::new(election::ElectionSafety::default()),
        Box::new(log_matching::LogMatching::default()),
        Box::new(completeness::LeaderCompleteness::default()),
        Box::new(safety::StateMachineSafety::default()),
        Box::new(acknowledged::Acknowledged::default()),
        Box::new(revision::RevisionMonotone::default()),
        Box::new(watch::WatchComplete::default()),
        Box::new(one_winner::OneWinner::default()),
        Box::new(lease::LeaseSafety::default()),
    ]
}
