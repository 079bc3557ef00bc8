//! A plan, and the hash by which a replay proves that it would decide the same. It must not know how it was made.

use std::fmt;

use holdfast_types::{JobName, ReservationName, Time};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::snapshot::Assignment;

/// What to start, whom to stop for whom, and which places to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The revision of the snapshot it was made from.
    pub base_revision: u64,
    /// The instant it was made for.
    pub now: Time,
    /// The jobs to stop, so that others find room. Their places are held for those.
    pub preempts: Vec<Preemption>,
    /// The gangs to start, in the order they were decided.
    pub gangs: Vec<GangPlacement>,
    /// The places to hold for jobs that wait, in place of those held for them before.
    pub holds: Vec<GangPlacement>,
    /// When it would be decided otherwise although nothing happened.
    pub ask_again: Option<Time>,
    /// Whether it starts as many gangs as one plan may: then nobody has been looked at after the last of them.
    pub is_full: bool,
    /// SHA-256 in hexadecimal over all of the above and the hash of the law.
    pub hash: String,
}

/// A job that is stopped for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preemption {
    /// The job to stop.
    pub job: JobName,
    /// Tells it from another job of the same name.
    pub uid: String,
    /// For whom.
    pub by: Cause,
}

/// For whom a job is stopped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A job that its places are held for.
    Job(JobName),
    /// A reservation that keeps its nodes for others.
    Reservation(ReservationName),
}

/// As in a sentence: ``job `x` ``.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(job) => write!(f, "job `{job}`"),
            Self::Reservation(reservation) => write!(f, "reservation `{reservation}`"),
        }
    }
}

/// The places of a whole gang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GangPlacement {
    /// The job.
    pub job: JobName,
    /// Tells it from another job of the same name.
    pub uid: String,
    /// In which of its variants it is placed.
    pub variant: u32,
    /// The place of every rank, in order; none where nothing is held for it any more.
    pub assignments: Vec<Assignment>,
}

/// Names the encoding, so that another one can never give an equal hash by chance of layout.
const ENCODING: &str = "holdfast plan 2";

/// Set where a share stands before the count of accelerators, which is never so large. So a plan without shares has the hash that it
/// had before there were any.
const SHARE: u64 = 1 << 63;
/// The same of a variant before the count of places.
const VARIANT: u64 = 1 << 63;

impl Plan {
    /// Closes a plan over its hash.
    pub(crate) fn sealed(mut self, config: &Config) -> Self {
        let mut text = Canonical::default();
        text.text(ENCODING);
        text.text(&config.policy_hash);
        text.number(self.base_revision);
        text.number(self.now.0);
        text.count(self.preempts.len());
        for preempt in &self.preempts {
            text.text(preempt.job.as_str());
            text.text(&preempt.uid);
            match &preempt.by {
                Cause::Job(job) => text.text(job.as_str()),
                // No job is called so.
                Cause::Reservation(name) => text.text(&format!("reservation/{name}")),
            }
        }
        for gangs in [&self.gangs, &self.holds] {
            text.count(gangs.len());
            for gang in gangs {
                text.gang(gang);
            }
        }
        text.number(self.ask_again.map_or(u64::MAX, |time| time.0));
        text.number(u64::from(self.is_full));
        self.hash = hex::encode(text.finish());
        self
    }
}

/// An encoding in which different values never give equal bytes: numbers are 8 bytes, texts carry their length.
#[derive(Default)]
struct Canonical {
    buffer: Vec<u8>,
    hash: Sha256,
}

/// The hash is fed in pieces of about this many bytes: one call of it for every number would cost more than hashing.
const PIECE: usize = 4096;

impl Canonical {
    fn number(&mut self, number: u64) {
        self.buffer.extend_from_slice(&number.to_be_bytes());
        if self.buffer.len() >= PIECE {
            self.hash.update(&self.buffer);
            self.buffer.clear();
        }
    }

    fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.buffer.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn gang(&mut self, gang: &GangPlacement) {
        self.text(gang.job.as_str());
        self.text(&gang.uid);
        if gang.variant > 0 {
            self.number(VARIANT | u64::from(gang.variant));
        }
        self.count(gang.assignments.len());
        for assignment in &gang.assignments {
            self.number(u64::from(assignment.rank.0));
            self.text(assignment.node.as_str());
            if let Some(share) = assignment.share {
                self.number(SHARE | u64::from(share.thousandths()));
            }
            self.count(assignment.devices.len());
            for device in &assignment.devices {
                self.number(u64::from(device.0));
            }
        }
    }

    fn finish(mut self) -> [u8; 32] {
        self.hash.update(&self.buffer);
        self.hash.finalize().into()
    }
}
