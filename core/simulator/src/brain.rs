//! What a simulation asks of a policy. It must not know any of them.

use std::collections::BTreeSet;

use holdfast_types::{Span, Time};

use crate::floor::Place;

/// A job, by its position in the trace.
pub(crate) type JobNumber = u32;

/// A job that comes, or comes again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) job: JobNumber,
    pub(crate) devices: u32,
    pub(crate) submitted: Time,
    /// How long it will hold its places, for those that are told.
    pub(crate) wall: Span,
}

/// The start of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) job: JobNumber,
    /// Its places, by node, each node once.
    pub(crate) places: Vec<Place>,
}

/// What is decided at an instant. What is preempted stops before anything starts.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// Jobs that run and lose their places; they wait again, and are not told of as new ones.
    pub(crate) preempts: Vec<JobNumber>,
    /// Those of them that make way for a reservation.
    pub(crate) makes_way: BTreeSet<JobNumber>,
    pub(crate) starts: Vec<Start>,
    /// A hash of how it was decided.
    pub(crate) plan: Option<[u8; 32]>,
    /// When it would be decided otherwise although nothing happened.
    pub(crate) ask_again: Option<Time>,
}

/// What decides.
pub(crate) trait Brain {
    /// A job waits from now on.
    fn arrives(&mut self, arrival: Arrival, now: Time);

    /// A job that ran holds its places no more. Where a failure stopped it, it comes `again` at once.
    fn ends(&mut self, job: JobNumber, places: &[Place], again: bool, now: Time);

    /// A node fails or is there again. What ran there has ended before.
    fn node(&mut self, node: u32, up: bool);

    /// What happens now.
    fn decide(&mut self, now: Time) -> Decision;
}
