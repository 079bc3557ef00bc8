//! What is new in what an agent says. It proposes nothing. A leaf.

use std::collections::BTreeSet;

use holdfast_api::internal::{SyncRequest, TaskReport};
use holdfast_api::v1;
use holdfast_state::{State, fence_of, fence_of_rank};
use holdfast_types::{JobPhase, TaskPhase};

/// The tasks of jobs that are being stopped of which it follows that they never started: the agent has taken over a desired
/// state without them, which is for the caller to know, and does not report them.
pub(super) fn never_started<'a>(
    stopping: impl Iterator<Item = &'a v1::Job>,
    node: &'a str,
    sync: &SyncRequest,
) -> Vec<TaskReport> {
    let reported: BTreeSet<(&str, u64, u32)> =
        sync.tasks.iter().map(|t| (t.job_uid.as_str(), t.fence, t.rank)).collect();
    let mut out = Vec::new();
    for job in stopping {
        let (Some(metadata), Some(status)) = (&job.metadata, &job.status) else { continue };
        let stops = |task: &&v1::TaskStatus| task.leaving || status.phase == JobPhase::Stopping.as_str();
        for task in status.tasks.iter().filter(|t| t.node == node && !is_over(t)).filter(stops) {
            let fence = fence_of(status, task);
            if !reported.contains(&(metadata.uid.as_str(), fence, task.rank)) {
                out.push(TaskReport {
                    job: metadata.name.clone(),
                    job_uid: metadata.uid.clone(),
                    fence,
                    rank: task.rank,
                    phase: TaskPhase::Stopped.to_string(),
                    reason: "was not running when the gang stopped".to_owned(),
                    ..TaskReport::default()
                });
            }
        }
    }
    out
}

fn is_over(task: &v1::TaskStatus) -> bool {
    TaskPhase::from_word(&task.phase).is_some_and(TaskPhase::is_terminal)
}

/// Whether a report differs from what is known of a task that is not over.
pub(super) fn is_news(state: &State, node: &str, report: &TaskReport) -> bool {
    let Some(job) = state.job(&report.job) else { return false };
    let current = job.metadata.as_ref().is_some_and(|m| m.uid == report.job_uid)
        && job.status.as_ref().is_some_and(|s| fence_of_rank(s, report.rank) == report.fence);
    let tasks = job.status.as_ref().map_or(&[][..], |s| s.tasks.as_slice());
    let task = tasks.iter().find(|t| t.rank == report.rank && t.node == node);
    current && task.is_some_and(|t| !is_over(t) && t.phase != report.phase)
}

/// The artifacts of which it is not known yet that a node has them.
pub(super) fn new_replicas(state: &State, node: &str, reported: &[String]) -> Vec<String> {
    let is_new = |key: &&String| {
        let status = state.artifact(key).and_then(|row| row.artifact?.status);
        status.is_some_and(|s| !s.nodes.iter().any(|n| n == node))
    };
    reported.iter().filter(is_new).cloned().collect()
}
