//! What a simulation asks of a policy. It must not know any of them.

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

/// What decides.
pub(crate) trait Brain {
    /// A job waits from now on.
    fn arrives(&mut self, arrival: Arrival);

    /// A job that ran holds its places no more.
    fn ends(&mut self, job: JobNumber, places: &[Place]);

    /// A node fails or is there again. What ran there has ended before.
    fn node(&mut self, node: u32, up: bool);

    /// What starts now, and a hash of how that was decided.
    fn decide(&mut self, now: Time) -> (Vec<Start>, Option<[u8; 32]>);
}
