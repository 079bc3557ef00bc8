//! What a controller reads of another, and of its own disk: calls, the log, snapshots.

use holdfast_controller::fuzzing::{backup, backup_of};
use holdfast_raft::fuzzing;

use crate::target::Target;

pub(super) fn targets() -> Vec<Target> {
    let mut seeds = fuzzing::seeds();
    let snapshots = seeds.get("snapshot").cloned().unwrap_or_default();
    let backups = snapshots.iter().filter_map(|snapshot| backup_of(snapshot)).collect();
    let mut target = |name: &'static str, of: &str, inputs: u64, take: fn(&[u8]) -> String| {
        Target::damaged(name, inputs, seeds.get_mut(of).cloned().unwrap_or_default(), take)
    };
    vec![
        Target::damaged("backup", 60_000, backups, backup),
        target("log-record", "log_record", 100_000, fuzzing::log_record),
        target("log-segment", "log_segment", 60_000, fuzzing::log_segment),
        target("log-segment-chained", "log_segment", 60_000, fuzzing::log_segment_chained),
        target("snapshot", "snapshot", 60_000, fuzzing::snapshot),
        target("snapshot-framed", "snapshot_framed", 60_000, fuzzing::snapshot_framed),
        target("raft-call", "message", 60_000, fuzzing::message),
    ]
}
