//! What a rollout wants of one node.

use holdfast_api::{internal, v1};
use holdfast_state::{NodeStep, State, payload_key};
use holdfast_types::TaskPhase;

use crate::replica::replica;

/// Whether no work is left on a node.
pub(crate) fn is_drained(state: &State, node: &str) -> bool {
    let over = |task: &v1::TaskStatus| TaskPhase::from_word(&task.phase).is_some_and(TaskPhase::is_terminal);
    let tasks = state.jobs().filter_map(|job| job.status.as_ref()).flat_map(|status| &status.tasks);
    !tasks.into_iter().any(|task| task.node == node && !over(task))
}

/// What a rollout wants of a node.
pub(crate) fn update_of(state: &State, node: &str) -> Option<internal::UpdateAssignment> {
    let rollout = state.active_rollout()?;
    let (metadata, spec) = (rollout.metadata.as_ref()?, rollout.spec.as_ref()?);
    let place = rollout.status.as_ref()?.nodes.iter().find(|place| place.node == node)?;
    let step = match NodeStep::from_word(&place.phase) {
        NodeStep::Fetching => "fetch",
        NodeStep::Writing | NodeStep::Staged => "write",
        NodeStep::Rebooting | NodeStep::Verifying => "boot",
        // One that was done works until it is drained.
        NodeStep::Returning if is_drained(state, node) => "return",
        _ => return None,
    };
    let release = state.release(&spec.release)?;
    Some(internal::UpdateAssignment {
        rollout: metadata.name.clone(),
        release: spec.release.clone(),
        attempt: place.attempt,
        step: step.to_owned(),
        payload: state.artifact(&payload_key(&spec.release)).map(|row| replica(state, row)),
        metadata: release.metadata,
        from: place.from.clone(),
    })
}
