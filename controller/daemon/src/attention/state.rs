//! What is wrong with nodes, artifacts and jobs.

use holdfast_api::v1::NodeSystem;
use holdfast_reconcile::{MOST_REPAIRS, Rot, given_up, rot};
use holdfast_state::State;
use holdfast_types::{JobPhase, NodePhase};

use super::findings::{Findings, Severity};

/// The most jobs that are named: a thousand failed jobs are one story.
const MAX_JOBS: usize = 8;
/// The phase of an artifact that is on no node.
const MISSING: &str = "Missing";

/// What is wrong with what the cluster looks after.
pub(crate) fn of_state(state: &State, out: &mut Findings) {
    nodes(state, out);
    artifacts(state, out);
    jobs(state, out);
}

fn nodes(state: &State, out: &mut Findings) {
    for node in state.nodes().filter_map(|r| r.node.as_ref()) {
        let (Some(metadata), Some(status)) = (&node.metadata, &node.status) else { continue };
        let name = &metadata.name;
        match NodePhase::from_word(&status.phase) {
            Some(NodePhase::Lost) => {
                let next = format!("holdfast node show {name}");
                out.add(Severity::Warning, format!("node {name} is lost"), status.reason.as_str(), next);
            }
            Some(NodePhase::Pending) => {
                let what = format!("node {name} waits to be let in");
                let next = format!("holdfast node approve {name}");
                out.add(Severity::Warning, what, "it enrolled without approval", next);
            }
            _ => {}
        }
        // While a rollout is under way that is what tells of it.
        if let Some(system) = status.system.as_ref().filter(|_| state.active_rollout().is_none()) {
            gave_up(name, system, rot(state, name).as_ref(), out);
        }
    }
}

/// A node that went back to the release before the one it had; with what is known of it where that had been well.
fn gave_up(node: &str, system: &NodeSystem, rot: Option<&Rot>, out: &mut Findings) {
    let Some(given_up) = given_up(system) else { return };
    let why = match rot {
        None => system.fallback.clone(),
        Some(rot) if rot.repairs < MOST_REPAIRS => {
            let times = rot.repairs;
            format!(
                "{}; written again {times} times, at most once a day while no work is on it",
                system.fallback
            )
        }
        Some(_) => format!("{}; written again {MOST_REPAIRS} times: look at its disk", system.fallback),
    };
    let what = format!("node {node} gave up release {given_up} and runs {}", system.version);
    let next = format!("holdfast release rollout start {given_up} --node {node}");
    out.add(Severity::Warning, what, why, next);
}

fn artifacts(state: &State, out: &mut Findings) {
    for artifact in state.artifacts_mentioning(MISSING).filter_map(|row| row.artifact) {
        let (Some(metadata), Some(status)) = (&artifact.metadata, &artifact.status) else { continue };
        if status.phase == MISSING {
            let what = format!("{} cannot be read", metadata.name);
            let why = format!("every node that has it is lost: {}", status.nodes.join(", "));
            out.add(Severity::Warning, what, why, "holdfast node list".to_owned());
        }
    }
}

fn jobs(state: &State, out: &mut Findings) {
    let (mut failed, mut never) = (0, 0);
    for job in state.jobs() {
        let (Some(metadata), Some(status)) = (&job.metadata, &job.status) else { continue };
        let name = &metadata.name;
        let never_fits = status.explanation.as_ref().is_some_and(|e| e.never_fits);
        if never_fits && status.phase == JobPhase::Pending.as_str() {
            never += 1;
            if never <= MAX_JOBS {
                let (what, next) =
                    (format!("job {name} can never start"), format!("holdfast job explain {name}"));
                out.add(Severity::Warning, what, status.reason.as_str(), next);
            }
        } else if status.phase == JobPhase::Failed.as_str() {
            failed += 1;
            if failed <= MAX_JOBS {
                let (what, next) = (format!("job {name} failed"), format!("holdfast job logs {name}"));
                out.add(Severity::Warning, what, status.reason.as_str(), next);
            }
        }
    }
    for (count, what) in [(never, "jobs can never start"), (failed, "jobs failed")] {
        if count > MAX_JOBS {
            let what = format!("{} more {what}", count - MAX_JOBS);
            out.add(Severity::Warning, what, "", "holdfast job list".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_gave_a_release_up_is_named_with_what_writes_it_again() {
        let said = |fallback: &str| {
            let mut findings = Findings::default();
            let (version, fallback) = ("0.1.0".to_owned(), fallback.to_owned());
            gave_up("n1", &NodeSystem { version, fallback, ..NodeSystem::default() }, None, &mut findings);
            format!("{findings:?}")
        };
        let rotten = said("release 0.2.0, attempt 3 of 3: its root is not what was signed");
        for words in [
            "node n1 gave up release 0.2.0 and runs 0.1.0",
            "its root is not what was signed",
            "holdfast release rollout start 0.2.0 --node n1",
        ] {
            assert!(rotten.contains(words), "{rotten}");
        }
        for nothing in ["", "release 0.1.0, attempt 1 of 3: not well: agent"] {
            assert_eq!(said(nothing), said(""));
        }
    }
}
