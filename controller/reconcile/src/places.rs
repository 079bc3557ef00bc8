//! Places as they are stored, and when a task may have one again, as planners see them. A leaf.

use holdfast_api::v1;
use holdfast_scheduler::Assignment;
use holdfast_types::{DeviceIndex, DeviceShare, Rank, Span, TaskPhase};

/// The longest a gang waits after a failed task before it starts again.
const LONGEST_BACKOFF: Span = Span::from_secs(60);

/// For how long nothing starts again after so many failures.
pub(crate) fn pause(failures: u32) -> Span {
    let doubled = 1_u64.checked_shl(failures.saturating_sub(1));
    Span::from_secs(doubled.unwrap_or(u64::MAX)).min(LONGEST_BACKOFF)
}

pub(crate) fn assignments(status: &v1::JobStatus) -> Vec<Assignment> {
    let live =
        status.tasks.iter().filter(|t| !TaskPhase::from_word(&t.phase).is_some_and(TaskPhase::is_terminal));
    live.filter_map(|t| assignment(t.rank, &t.node, &t.devices, t.share_millis)).collect()
}

pub(crate) fn assignment(rank: u32, node: &str, devices: &[u32], share: u32) -> Option<Assignment> {
    let devices = devices.iter().map(|device| DeviceIndex(*device)).collect();
    let share = DeviceShare::new(share);
    Some(Assignment { rank: Rank(rank), node: node.parse().ok()?, devices, share })
}
