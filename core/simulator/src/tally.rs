//! What is counted while a simulation runs. It must not know a policy.

use holdfast_types::{Span, Time};
use sha2::{Digest, Sha256};

use crate::brain::Decision;
use crate::floor::Floor;
use crate::series::Series;

/// A job that is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) queue: usize,
    pub(crate) devices: u32,
    pub(crate) duration: Span,
    /// All the time that it waited.
    pub(crate) waited: Span,
    /// From its arrival to its end.
    pub(crate) took: Span,
}

/// The counts.
#[derive(Debug)]
pub(crate) struct Tally {
    at: Time,
    window: (Time, Time),
    /// Accelerators times milliseconds: held, held within the window, free, and free beside others.
    pub(crate) busy: u128,
    pub(crate) busy_within: u128,
    pub(crate) free: u128,
    pub(crate) beside: u128,
    pub(crate) lost: u128,
    pub(crate) stops: u64,
    pub(crate) preemptions: u64,
    pub(crate) given_up: u64,
    pub(crate) decisions: u64,
    pub(crate) starts: u64,
    pub(crate) held: Series,
    pub(crate) depth: Series,
    pub(crate) done: Vec<Done>,
    chain: [u8; 32],
}

/// Names what is hashed.
const ENCODING: &[u8] = b"holdfast simulation 1";

impl Tally {
    pub(crate) fn new(window: (Time, Time)) -> Self {
        Self {
            at: Time(0),
            window,
            busy: 0,
            busy_within: 0,
            free: 0,
            beside: 0,
            lost: 0,
            stops: 0,
            preemptions: 0,
            given_up: 0,
            decisions: 0,
            starts: 0,
            held: Series::default(),
            depth: Series::default(),
            done: Vec::new(),
            chain: Sha256::digest(ENCODING).into(),
        }
    }

    /// Up to when it was counted.
    pub(crate) fn at(&self) -> Time {
        self.at
    }

    /// How long the window is that is counted apart.
    pub(crate) fn window(&self) -> Span {
        self.window.1.since(self.window.0)
    }

    /// Nothing changed up to `now`.
    pub(crate) fn pass(&mut self, now: Time, floor: &Floor, waiting: u64) {
        let (from, held) = (self.at, floor.busy());
        let long = u128::from(now.since(from).0);
        let within = now.min(self.window.1).since(from.max(self.window.0));
        self.busy += long * u128::from(held);
        self.busy_within += u128::from(within.0) * u128::from(held);
        self.free += long * u128::from(floor.free());
        self.beside += long * u128::from(floor.beside());
        self.held.add(from, now, held);
        self.depth.add(from, now, waiting);
        self.at = self.at.max(now);
    }

    /// A decision, which the next one is chained to.
    pub(crate) fn decided(&mut self, now: Time, decision: &Decision) {
        let Decision { preempts, starts, plan, .. } = decision;
        self.decisions += 1;
        if starts.is_empty() && preempts.is_empty() && plan.is_none() {
            return;
        }
        let mut hash = Sha256::new();
        hash.update(self.chain);
        hash.update(now.0.to_be_bytes());
        hash.update(plan.unwrap_or_default());
        hash.update(preempts.len().to_be_bytes());
        for job in preempts {
            hash.update(job.to_be_bytes());
        }
        for start in starts {
            self.starts += 1;
            hash.update(start.job.to_be_bytes());
            hash.update(start.places.len().to_be_bytes());
            for place in &start.places {
                hash.update(place.node.to_be_bytes());
                hash.update(place.devices.to_be_bytes());
            }
        }
        self.chain = hash.finalize().into();
    }

    /// The hash of all decisions, in hexadecimal.
    pub(crate) fn chain(&self) -> String {
        hex::encode(self.chain)
    }
}
