//! The log, who leads, and the disk.

use holdfast_raft::{LatencyCounts, Status};
use holdfast_telemetry::{Counter, Family, Gauge, Histogram, MetricError, Registry};

use super::number::number;
use crate::app::App;
use crate::vitals;

/// The steps in which raft counts how long things take, in seconds.
const SECONDS: &[f64] =
    &[0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

pub(super) struct Metrics {
    counters: Counters,
    gauges: Gauges,
    spans: Spans,
}

struct Counters {
    syncs: Family<Counter>,
    records: Family<Counter>,
    proposals: Family<Counter>,
    batches: Family<Counter>,
    leader_changes: Family<Counter>,
}

struct Gauges {
    leading: Family<Gauge>,
    term: Family<Gauge>,
    last: Family<Gauge>,
    applied: Family<Gauge>,
    log_bytes: Family<Gauge>,
    snapshot: Family<Gauge>,
    snapshot_age: Family<Gauge>,
    lag: Family<Gauge>,
    reached: Family<Gauge>,
    refusing: Family<Gauge>,
    alarm: Family<Gauge>,
    used: Family<Gauge>,
    quota: Family<Gauge>,
    free: Family<Gauge>,
}

struct Spans {
    sync: Family<Histogram>,
    commit: Family<Histogram>,
    apply: Family<Histogram>,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, MetricError> {
        Ok(Self {
            counters: Counters::new(registry)?,
            gauges: Gauges::new(registry)?,
            spans: Spans::new(registry)?,
        })
    }

    pub(super) fn read(&self, app: &App) {
        let status = app.raft.status();
        self.counters.read(&status);
        self.gauges.read(app, &status);
        for (family, counts) in [
            (&self.spans.sync, &status.latency.fsync),
            (&self.spans.commit, &status.latency.commit),
            (&self.spans.apply, &status.latency.apply),
        ] {
            take_over(&family.with(&[]), counts);
        }
    }
}

fn take_over(histogram: &Histogram, counts: &LatencyCounts) {
    let same = counts.bounds_us.iter().zip(SECONDS).all(|(us, s)| (*us as f64 / 1e6 - s).abs() < 1e-9);
    if same && counts.bounds_us.len() == SECONDS.len() {
        histogram.replace(&counts.counts, counts.sum_us as f64 / 1e6);
    }
}

impl Counters {
    fn new(registry: &Registry) -> Result<Self, MetricError> {
        let counter = |name, help| registry.counter(name, help, &[]);
        Ok(Self {
            syncs: counter("holdfast_log_syncs_total", "Syncs of the log to the disk.")?,
            records: counter("holdfast_log_records_total", "Records written to the log.")?,
            proposals: counter("holdfast_raft_proposals_total", "Commands that were handed to raft here.")?,
            batches: counter("holdfast_raft_batches_total", "Batches in which those commands travelled.")?,
            leader_changes: counter(
                "holdfast_raft_leader_changes_total",
                "How often this controller heard of another leader.",
            )?,
        })
    }

    fn read(&self, status: &Status) {
        for (family, value) in [
            (&self.syncs, status.fsyncs),
            (&self.records, status.records),
            (&self.proposals, status.proposals),
            (&self.batches, status.batches),
            (&self.leader_changes, status.leader_changes),
        ] {
            family.with(&[]).raise_to(value);
        }
    }
}

impl Gauges {
    fn new(registry: &Registry) -> Result<Self, MetricError> {
        let gauge = |name, help| registry.gauge(name, help, &[]);
        let of_member = |name, help| registry.gauge(name, help, &["member"]);
        Ok(Self {
            leading: gauge("holdfast_raft_leading", "1 on the controller that takes itself for the leader.")?,
            term: gauge("holdfast_raft_term", "The term of this controller.")?,
            last: gauge("holdfast_raft_last_index", "The last entry of the log here.")?,
            applied: gauge("holdfast_raft_applied_index", "The last entry that was applied here.")?,
            log_bytes: gauge("holdfast_log_size_bytes", "Bytes of the entries in the log.")?,
            snapshot: gauge("holdfast_snapshot_last_index", "The last entry in the newest snapshot.")?,
            snapshot_age: gauge(
                "holdfast_snapshot_age_seconds",
                "How long ago the newest snapshot was taken, or found at the start.",
            )?,
            lag: of_member(
                "holdfast_raft_lag_entries",
                "How many entries each member is behind the leader.",
            )?,
            reached: of_member(
                "holdfast_raft_heard_seconds",
                "How long ago each member answered this controller.",
            )?,
            refusing: gauge("holdfast_raft_refusing", "1 while this controller refuses writes.")?,
            alarm: gauge(
                "holdfast_disk_alarm",
                "1 while the disk or the quota of the controller is running out.",
            )?,
            used: gauge("holdfast_disk_used_bytes", "Bytes that log, snapshots and applied store take.")?,
            quota: gauge("holdfast_disk_quota_bytes", "Bytes that they may take.")?,
            free: gauge("holdfast_disk_free_bytes", "Bytes that are free on the disk of the controller.")?,
        })
    }

    fn read(&self, app: &App, status: &Status) {
        let refuses =
            status.failure.is_some() || status.space.refusing.is_some() || status.excluded.is_some();
        for (family, value) in [
            (&self.leading, u64::from(app.raft.is_leader())),
            (&self.term, status.term),
            (&self.last, status.last_log.unwrap_or(0)),
            (&self.applied, status.applied.unwrap_or(0)),
            (&self.log_bytes, status.log_bytes),
            (&self.snapshot, status.snapshot_index.unwrap_or(0)),
            (&self.snapshot_age, status.snapshot_age_ms.unwrap_or(0) / 1_000),
            (&self.refusing, u64::from(refuses)),
            (&self.alarm, u64::from(status.space.alarm.is_some() || status.space.over_quota())),
            (&self.used, status.space.used_bytes),
            (&self.quota, status.space.quota_bytes),
            (&self.free, status.space.free_bytes),
        ] {
            family.with(&[]).set(number(value));
        }
        self.lag.clear();
        self.reached.clear();
        for member in status.members.iter().filter(|member| member.member.id != status.id) {
            let name = [member.member.name.as_str()];
            if let Some(lag) = vitals::lag(status, member.member.id).filter(|_| app.raft.is_leader()) {
                self.lag.with(&name).set(number(lag));
            }
            if let Some(heard) = member.heard_ms {
                self.reached.with(&name).set(number(heard / 1_000));
            }
        }
    }
}

impl Spans {
    fn new(registry: &Registry) -> Result<Self, MetricError> {
        let spans = |name, help| registry.histogram(name, help, &[], SECONDS);
        Ok(Self {
            sync: spans("holdfast_log_sync_seconds", "How long syncs of the log take.")?,
            commit: spans("holdfast_raft_commit_seconds", "From the proposal of a batch to its results.")?,
            apply: spans(
                "holdfast_raft_apply_seconds",
                "How long applying what was committed together takes.",
            )?,
        })
    }
}
