//! Whether the nodes of a rollout can go back to what they had: asked before any of them is touched.

use holdfast_api::v1;
use holdfast_types::{NodePhase, Problem};

use crate::act::Act;
use crate::refuse;
use crate::rollout_phases::NodeStep;

/// Where a node of a rollout that is aborted goes from where it is; nothing where it stays.
pub(crate) fn back(place: &v1::RolloutNode, release: &str, all: bool) -> Option<NodeStep> {
    match NodeStep::from_word(&place.phase) {
        // One that failed and should begin anew is drained still.
        NodeStep::Pending if place.attempt > 1 => Some(NodeStep::Returning),
        // One that had the release before has nothing to go back to.
        NodeStep::Done if all && place.from != release => Some(NodeStep::Recalled),
        NodeStep::Pending
        | NodeStep::Done
        | NodeStep::Recalled
        | NodeStep::Returned
        | NodeStep::Returning => None,
        _ => Some(NodeStep::Returning),
    }
}

/// Refuses what could not go back. A controller does not to a release that may not know the feature level in force.
pub(crate) fn check(act: &Act<'_>, rollout: &v1::Rollout, all: bool) -> Result<(), Problem> {
    let release = rollout.spec.as_ref().map_or("", |spec| spec.release.as_str());
    let status = rollout.status.clone().unwrap_or_default();
    let (level, known) = (act.state.feature_level(), status.feature_level);
    for place in &status.nodes {
        let Some(step) = back(place, release, all) else { continue };
        let record = act.state.node(&place.node).and_then(|record| record.node.clone()).unwrap_or_default();
        let system = record.status.unwrap_or_default().system.unwrap_or_default();
        if system.version != release {
            continue;
        }
        if step == NodeStep::Recalled && system.other != place.from {
            let has = if system.other.is_empty() { "nothing that starts" } else { &system.other };
            let because = format!("its other slot has {has}; it had {} before", place.from);
            return Err(refuse::rollout(&place.node, &because));
        }
        if record.spec.is_some_and(|spec| spec.controller) && level > known {
            let because = format!(
                "feature level {level} is in force since its rollout began at level {known}: a controller of release {} may not read it",
                place.from
            );
            return Err(refuse::rollout(&place.node, &because));
        }
    }
    Ok(())
}

/// Refuses to send nodes back after a rollout was done, where another one is under way or nobody is left to go.
pub(crate) fn check_done(act: &Act<'_>, name: &str, rollout: &v1::Rollout) -> Result<(), Problem> {
    if let Some(other) = act.state.active_rollout() {
        let other = other.metadata.as_ref().map_or("", |metadata| metadata.name.as_str());
        return Err(refuse::rollout(name, &format!("rollout `{other}` is under way")));
    }
    let release = rollout.spec.as_ref().map_or("", |spec| spec.release.as_str());
    let nodes = rollout.status.iter().flat_map(|status| &status.nodes);
    let mut goes = nodes.filter(|place| back(place, release, true).is_some());
    if let Some(gone) = goes.clone().find(|place| !runs(act, &place.node, release)) {
        return Err(refuse::rollout(&gone.node, &format!("it does not run {release}, or is retired")));
    }
    match goes.next() {
        Some(_) => Ok(()),
        None => Err(refuse::rollout(name, &format!("every node of it had {release} before"))),
    }
}

fn runs(act: &Act<'_>, node: &str, release: &str) -> bool {
    let record = act.state.node(node).and_then(|record| record.node.as_ref());
    let status = record.and_then(|node| node.status.as_ref());
    status.is_some_and(|status| {
        let version = status.system.as_ref().map(|system| system.version.as_str());
        version == Some(release) && status.phase != NodePhase::Retired.as_str()
    })
}
