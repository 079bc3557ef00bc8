//! Every promise and how it is measured. A row here without one on the page, or the other way, stops the bench.

use crate::measure::Promise;

/// The promises, area by area.
#[must_use]
pub fn promises() -> Vec<Promise> {
    let pending = |area, ids: &[&'static str]| {
        ids.iter().map(move |id| Promise { id, area, run: None }).collect::<Vec<Promise>>()
    };
    [
        pending("raft", &["raft-writes-1", "raft-writes-64", "raft-writes-256"]),
        pending("raft", &["raft-reads-linearizable", "raft-reads-stale"]),
        pending("raft", &["raft-leader-killed", "raft-leader-handover"]),
        pending(
            "scheduler",
            &["scheduler-placements-1k", "scheduler-placements-10k", "scheduler-placements-100k"],
        ),
        pending("scheduler", &["scheduler-philly-queue", "scheduler-philly-wait"]),
        pending("policy", &["policy-decision-p50", "policy-decision-p99", "policy-differential"]),
        pending("storage", &["storage-hot-get"]),
        pending("image", &["image-iso-ready", "image-iso-ready-ratio", "image-install", "image-build"]),
        pending("controller", &["controller-rss"]),
    ]
    .concat()
}
