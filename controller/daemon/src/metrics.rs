//! What a controller counts, for whoever scrapes `/metrics`. Values are read when asked, so an idle controller does
//! nothing for them.

use std::collections::BTreeMap;

use axum::response::{IntoResponse as _, Response};
use holdfast_identity::{PeerInfo, Principal};
use holdfast_telemetry::{CONTENT_TYPE, Counter, Family, Gauge, MetricError, Registry};
use holdfast_types::{JobPhase, NodePhase};
use http::{StatusCode, header};
use parking_lot::Mutex;

use crate::app::App;

/// The metrics of one controller.
pub(crate) struct Metrics {
    registry: Registry,
    state: Family<Gauge>,
    nodes: Family<Gauge>,
    jobs: Family<Gauge>,
    log: Family<Counter>,
    /// What the counters of the log stood at when they were last read.
    seen: Mutex<[u64; 4]>,
}

const COUNTED: [&str; 4] = ["syncs", "records", "proposals", "batches"];

impl Metrics {
    pub(crate) fn new() -> Result<Self, MetricError> {
        let registry = Registry::new();
        Ok(Self {
            state: registry.gauge(
                "holdfast_controller_state",
                "Figures of the replicated state and its log",
                &["figure"],
            )?,
            nodes: registry.gauge("holdfast_cluster_nodes", "Nodes by phase", &["phase"])?,
            jobs: registry.gauge("holdfast_cluster_jobs", "Jobs by phase", &["phase"])?,
            log: registry.counter(
                "holdfast_log_operations_total",
                "Operations of the log since the start",
                &["operation"],
            )?,
            seen: Mutex::default(),
            registry,
        })
    }

    fn render(&self, app: &App) -> String {
        let raft = app.raft.status();
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let (revision, audit) = app.with(|state| (state.revision(), state.audit_size()));
        for (figure, value) in [
            ("revision", revision),
            ("audit_entries", audit),
            ("term", raft.term),
            ("applied_index", raft.applied.unwrap_or(0)),
            ("log_bytes", raft.log_bytes),
            ("snapshot_index", raft.snapshot_index.unwrap_or(0)),
            ("leader", u64::from(app.raft.is_leader())),
            ("refuses_writes", u64::from(raft.failure.is_some())),
        ] {
            self.state.with(&[figure]).set(number(value));
        }
        // Every phase every time: one that has become empty must not stand at its last count.
        let nodes = app.with(|s| {
            count(s.nodes().filter_map(|r| r.node.as_ref()?.status.as_ref().map(|s| s.phase.clone())))
        });
        for phase in NodePhase::ALL {
            self.nodes.with(&[phase.as_str()]).set(nodes.get(phase.as_str()).copied().unwrap_or(0));
        }
        let jobs = app.with(|s| count(s.jobs().filter_map(|j| j.status.as_ref().map(|s| s.phase.clone()))));
        for phase in JobPhase::ALL {
            self.jobs.with(&[phase.as_str()]).set(jobs.get(phase.as_str()).copied().unwrap_or(0));
        }
        let now = [raft.fsyncs, raft.records, raft.proposals, raft.batches];
        let mut seen = self.seen.lock();
        for ((operation, value), last) in COUNTED.iter().zip(now).zip(seen.iter_mut()) {
            self.log.with(&[operation]).add(value.saturating_sub(*last));
            *last = value;
        }
        drop(seen);
        self.registry.render()
    }
}

fn count(words: impl Iterator<Item = String>) -> BTreeMap<String, i64> {
    let mut out = BTreeMap::new();
    for word in words {
        *out.entry(word).or_default() += 1;
    }
    out
}

/// Answers a scrape by an operator; figures about the cluster are nobody else's business.
pub(crate) fn scrape(app: &App, metrics: &Metrics, peer: &PeerInfo) -> Response {
    match peer.principal {
        Principal::Operator { .. } => {
            ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render(app)).into_response()
        }
        Principal::Controller { .. } | Principal::Node { .. } | Principal::Anonymous => {
            StatusCode::FORBIDDEN.into_response()
        }
    }
}
