//! A plan, and the hash by which a replay proves that it would decide the same. It must not know how it was made.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_types::{JobName, Time};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::explanation::Explanation;
use crate::snapshot::Assignment;

/// What to start, and why the rest waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The revision of the snapshot it was made from.
    pub base_revision: u64,
    /// The instant it was made for.
    pub now: Time,
    /// The gangs to start, in the order they were decided.
    pub gangs: Vec<GangPlacement>,
    /// Why each job that waits was not placed. Jobs that wait for the same reason share one explanation.
    pub explanations: BTreeMap<JobName, Arc<Explanation>>,
    /// SHA-256 in hexadecimal over all of the above and the hash of the law.
    pub hash: String,
}

/// The places of a whole gang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GangPlacement {
    /// The job.
    pub job: JobName,
    /// Tells it from another job of the same name.
    pub uid: String,
    /// The place of every rank, in order.
    pub assignments: Vec<Assignment>,
}

/// Names the encoding, so that another one can never give an equal hash by chance of layout.
const ENCODING: &str = "holdfast plan 1";

impl Plan {
    /// Closes a plan over its hash.
    pub(crate) fn sealed(
        base_revision: u64,
        now: Time,
        gangs: Vec<GangPlacement>,
        explanations: BTreeMap<JobName, Arc<Explanation>>,
        config: &Config,
    ) -> Self {
        let mut text = Canonical::default();
        text.text(ENCODING);
        text.text(&config.policy_hash);
        text.number(base_revision);
        text.number(now.0);
        text.count(gangs.len());
        for gang in &gangs {
            text.gang(gang);
        }
        text.count(explanations.len());
        // Thousands of jobs share a handful of explanations: each is hashed once, and a job names it by its hash.
        let mut digests = BTreeMap::new();
        for (job, explanation) in &explanations {
            let digest = digests.entry(Arc::as_ptr(explanation)).or_insert_with(|| digest_of(explanation));
            text.text(job.as_str());
            text.bytes(digest);
        }
        let hash = hex::encode(text.finish());
        Self { base_revision, now, gangs, explanations, hash }
    }
}

fn digest_of(explanation: &Explanation) -> [u8; 32] {
    let mut text = Canonical::default();
    text.text(&explanation.summary);
    text.number(u64::from(explanation.never_fits));
    text.count(explanation.waterfall.len());
    for step in &explanation.waterfall {
        text.text(&step.filter);
        text.number(u64::from(step.remaining));
        text.count(step.removed.len());
        for (reason, count) in &step.removed {
            text.text(reason);
            text.number(u64::from(*count));
        }
    }
    text.count(explanation.per_node.len());
    for (node, reason) in &explanation.per_node {
        text.text(node.as_str());
        text.text(reason);
    }
    text.finish()
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
        self.count(gang.assignments.len());
        for assignment in &gang.assignments {
            self.number(u64::from(assignment.rank.0));
            self.text(assignment.node.as_str());
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
