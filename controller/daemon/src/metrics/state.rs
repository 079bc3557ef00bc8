//! What the cluster looks after, and who watches it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use holdfast_state::State;
use holdfast_telemetry::{Counter, Family, Gauge, MetricError, Registry};
use holdfast_types::{JobPhase, NodePhase};

use super::number::number;
use crate::app::App;

pub(super) struct Metrics {
    revision: Family<Gauge>,
    audit: Family<Gauge>,
    artifacts: Family<Gauge>,
    nodes: Family<Gauge>,
    jobs: Family<Gauge>,
    watchers: Family<Gauge>,
    events: Family<Counter>,
    cut: Family<Counter>,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, MetricError> {
        let gauge = |name, help| registry.gauge(name, help, &[]);
        let by_phase = |name, help| registry.gauge(name, help, &["phase"]);
        let counter = |name, help| registry.counter(name, help, &[]);
        Ok(Self {
            revision: gauge(
                "holdfast_state_revision",
                "The revision of the last change that was applied here.",
            )?,
            audit: gauge("holdfast_audit_entries", "Entries of the audit log.")?,
            artifacts: gauge("holdfast_cluster_artifacts", "Versions of artifacts.")?,
            nodes: by_phase("holdfast_cluster_nodes", "Nodes by phase.")?,
            jobs: by_phase("holdfast_cluster_jobs", "Jobs by phase.")?,
            watchers: gauge("holdfast_watch_watchers", "Watches that are open here.")?,
            events: counter("holdfast_watch_events_total", "Changes sent to watches.")?,
            cut: counter("holdfast_watch_cut_total", "Watches cut off because they were not read.")?,
        })
    }

    pub(super) fn read(&self, app: &App) {
        let (nodes, jobs) = app.with(|state| {
            let revision = number(state.revision());
            self.revision.with(&[]).set(revision);
            self.audit.with(&[]).set(number(state.audit_size()));
            let artifacts = state.artifact_count();
            self.artifacts.with(&[]).set(i64::try_from(artifacts).unwrap_or(i64::MAX));
            (phases_of_nodes(state), phases_of_jobs(state))
        });
        // Every phase every time: one that has become empty must not stand at its last count.
        for phase in NodePhase::ALL {
            self.nodes.with(&[phase.as_str()]).set(nodes.get(phase.as_str()).copied().unwrap_or(0));
        }
        for phase in JobPhase::ALL {
            self.jobs.with(&[phase.as_str()]).set(jobs.get(phase.as_str()).copied().unwrap_or(0));
        }
        self.watchers.with(&[]).set(i64::try_from(app.watches.watchers()).unwrap_or(i64::MAX));
        let counts = &app.watches.counts;
        self.events.with(&[]).raise_to(counts.sent.load(Ordering::Relaxed));
        self.cut.with(&[]).raise_to(counts.cut.load(Ordering::Relaxed));
    }
}

fn phases_of_nodes(state: &State) -> BTreeMap<String, i64> {
    count(state.nodes().filter_map(|r| r.node.as_ref()?.status.as_ref().map(|s| s.phase.as_str())))
}

fn phases_of_jobs(state: &State) -> BTreeMap<String, i64> {
    count(state.jobs().filter_map(|j| j.status.as_ref().map(|s| s.phase.as_str())))
}

fn count<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<String, i64> {
    let mut out: BTreeMap<&str, i64> = BTreeMap::new();
    for word in words {
        *out.entry(word).or_default() += 1;
    }
    out.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
}
