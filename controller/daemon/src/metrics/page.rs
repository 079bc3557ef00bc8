//! The page that lists every metric: what it says, and which value should worry whoever looks at it.

use holdfast_telemetry::Description;

/// Which value should worry, by metric.
pub(super) const WORRIES: &[(&str, &str)] = &[
    ("holdfast_audit_entries", "It never becomes less."),
    (
        "holdfast_calls_answer_seconds",
        "A 99th percentile above 0.5 s for calls other than `Sync` and `Watch`.",
    ),
    (
        "holdfast_calls_answered_total",
        "`INTERNAL` at all; `UNAVAILABLE` for more than a few seconds; a rising share of `RESOURCE_EXHAUSTED`.",
    ),
    ("holdfast_cluster_artifacts", "Above 100,000: a controller is measured up to there."),
    ("holdfast_cluster_jobs", "`Failed` that grows; `Pending` that never becomes less."),
    ("holdfast_cluster_nodes", "`Lost` above 0."),
    ("holdfast_commands_accepted_total", "None for long while somebody works: can writes be made?"),
    ("holdfast_commands_refused_total", "A code that suddenly grows: `holdfast explain CODE`."),
    ("holdfast_disk_alarm", "1: `holdfast cluster status` says what to do."),
    ("holdfast_disk_free_bytes", "Less than a tenth of the disk."),
    ("holdfast_disk_quota_bytes", "It changes only with the configuration."),
    ("holdfast_disk_used_bytes", "Above four fifths of the quota; above the quota writes are refused."),
    ("holdfast_log_records_total", "It stands still on one controller while it grows on the others."),
    ("holdfast_log_size_bytes", "It grows without end: no snapshot is taken."),
    ("holdfast_log_sync_seconds", "A 99th percentile above 10 ms; above 50 ms leaders lose their followers."),
    ("holdfast_log_syncs_total", "More than one for each command under load: commands do not share syncs."),
    ("holdfast_process_cpu_seconds_total", "More than 0.02 a second on an idle cluster."),
    ("holdfast_process_open_files", "It grows without end, or comes near the limit of the process."),
    ("holdfast_process_resident_bytes", "Above 300 MB with 1,000 nodes, 10,000 jobs and 100,000 artifacts."),
    ("holdfast_process_running_threads", "It grows without end."),
    ("holdfast_raft_applied_index", "It falls behind `holdfast_raft_last_index` for more than a moment."),
    ("holdfast_raft_apply_seconds", "A 99th percentile above 50 ms: every command waits for it."),
    ("holdfast_raft_batches_total", "As many as proposals under load: commands travel alone."),
    ("holdfast_raft_commit_seconds", "A 99th percentile above 100 ms."),
    ("holdfast_raft_heard_seconds", "Above 3 for a member: it does not answer."),
    ("holdfast_raft_lag_entries", "Above 1,000 for more than a minute."),
    ("holdfast_raft_last_index", "It differs between controllers for long."),
    ("holdfast_raft_leader_changes_total", "More than one an hour without maintenance."),
    ("holdfast_raft_leading", "The sum over all controllers is not 1 for more than some seconds."),
    ("holdfast_raft_proposals_total", "None for long while somebody works."),
    ("holdfast_raft_refusing", "1: `holdfast cluster status` says why."),
    ("holdfast_raft_term", "It grows steadily: elections without end."),
    ("holdfast_snapshot_age_seconds", "It grows while the log grows."),
    ("holdfast_snapshot_last_index", "More than 100,000 behind `holdfast_raft_applied_index`."),
    ("holdfast_state_revision", "It differs between controllers for long."),
    ("holdfast_watch_cut_total", "It grows: some reader does not keep up."),
    ("holdfast_watch_events_total", "None while there are watchers and the revision grows."),
    ("holdfast_watch_watchers", "Near 20,000; or it grows without end: a program does not end its watches."),
];

/// The page.
pub(super) fn page(described: &[Description]) -> Result<String, String> {
    let mut text = "# The metrics of a controller\n\n\
        Every controller answers `GET /metrics` to operators, as OpenMetrics 1.0 text, or in the older format of \
        Prometheus where `Accept` names `text/plain` alone. Counters begin at 0 when the controller starts. This page is \
        generated: `cargo xtask gen`.\n\n\
        | metric | labels | meaning | what should worry you |\n|---|---|---|---|\n\
        | `holdfast_build_info` | `version`, `revision` | The build of this program. | It differs between controllers \
        outside of an upgrade. |\n"
        .to_owned();
    for metric in described {
        text.push_str(&row(metric)?);
    }
    Ok(text)
}

fn row(metric: &Description) -> Result<String, String> {
    let worry = WORRIES.iter().find(|(name, _)| *name == metric.name).map(|(_, worry)| *worry);
    let worry = worry.ok_or_else(|| format!("nothing is said of what should worry in {}", metric.name))?;
    let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    Ok(format!(
        "| `{}` | {} | {} ({}) | {worry} |\n",
        metric.name,
        labels.join(", "),
        metric.help,
        metric.kind
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_of_which_nothing_is_said_is_found_out() {
        assert!(WORRIES.is_sorted(), "by name, to be found");
        let kind = holdfast_telemetry::Kind::Gauge;
        let unknown = Description { name: "holdfast_x_bytes", kind, labels: &[], help: "X." };
        assert!(page(&[unknown]).unwrap_err().contains("holdfast_x_bytes"));
    }
}
