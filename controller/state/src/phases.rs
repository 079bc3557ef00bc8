//! Phases as stored words, read back; and the phase of a node, which follows from what is known of it.

use holdfast_api::store::NodeRecord;
use holdfast_api::v1;
use holdfast_types::{JobPhase, NodePhase, TaskPhase};

pub(crate) fn job_phase(job: &v1::Job) -> JobPhase {
    let word = job.status.as_ref().map_or("", |s| s.phase.as_str());
    JobPhase::from_word(word).unwrap_or(JobPhase::Pending)
}

/// Whether a job is an array: its elements have places, it has none.
pub(crate) fn is_array(job: &v1::Job) -> bool {
    job.status.as_ref().is_some_and(|status| status.array.is_some())
}

pub(crate) fn task_phase(task: &v1::TaskStatus) -> TaskPhase {
    TaskPhase::from_word(&task.phase).unwrap_or(TaskPhase::Assigned)
}

/// The phase that follows from what is known of a node.
pub(crate) fn node_phase(record: &NodeRecord) -> NodePhase {
    let Some(node) = &record.node else { return NodePhase::Pending };
    let spec = node.spec.as_ref();
    let stored = node.status.as_ref().and_then(|s| NodePhase::from_word(&s.phase));
    match stored {
        Some(NodePhase::Retired) => NodePhase::Retired,
        _ if !record.approved => NodePhase::Pending,
        _ if !record.alive => NodePhase::Lost,
        _ if spec.is_some_and(|s| s.draining) => NodePhase::Draining,
        _ if spec.is_some_and(|s| s.cordoned) => NodePhase::Cordoned,
        _ => NodePhase::Ready,
    }
}
