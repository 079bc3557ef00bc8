//! Rollouts: a release comes to nodes one after another. What a step does to the node (drain it, give it work again) happens in the same
//! entry as the step, so that no crash lies between.

use holdfast_api::store::{ChangeNode, ChangeRollout, StartRollout, StepRollout, outcome};
use holdfast_api::{timestamp, v1};
use holdfast_types::Problem;

use crate::act::{Act, Answer};
use crate::releases::payload_key;
use crate::rollout_phases::{ACTIVE, NodeStep, Phase};
use crate::state::State;
use crate::{artifacts, nodes, record, refuse, rollout_return};

/// The most rollouts that are kept.
const MOST_ROLLOUTS: usize = 32;
/// The most nodes of a rollout.
const MOST_NODES: usize = 4_096;

impl State {
    /// Every rollout, from old to new.
    pub fn rollouts(&self) -> impl DoubleEndedIterator<Item = &v1::Rollout> {
        self.rollouts.values()
    }

    /// One rollout.
    #[must_use]
    pub fn rollout(&self, name: &str) -> Option<&v1::Rollout> {
        self.rollouts.values().find(|rollout| name_of(rollout) == name)
    }

    /// The one that is not over.
    #[must_use]
    pub fn active_rollout(&self) -> Option<&v1::Rollout> {
        self.rollouts.values().find(|rollout| ACTIVE.contains(&phase_of(rollout)))
    }
}

fn name_of(rollout: &v1::Rollout) -> &str {
    rollout.metadata.as_ref().map_or("", |metadata| metadata.name.as_str())
}

fn phase_of(rollout: &v1::Rollout) -> Phase {
    Phase::from_word(rollout.status.as_ref().map_or("", |status| status.phase.as_str()))
}

pub(crate) fn start(act: &mut Act<'_>, start: StartRollout) -> Answer {
    let mut spec = start.spec.unwrap_or_default();
    if act.state.releases.get(&spec.release).is_none() {
        return Err(refuse::not_found("release", &spec.release));
    }
    if let Some(other) = act.state.active_rollout() {
        let because = format!("rollout `{}` is {}", name_of(other), phase_of(other).as_str());
        return Err(refuse::rollout(&spec.release, &because));
    }
    spec.max_unavailable = spec.max_unavailable.max(1);
    if spec.nodes.is_empty() || spec.nodes.len() > MOST_NODES {
        return Err(refuse::rollout(&spec.release, "no node that runs from slots is chosen"));
    }
    let mut places: Vec<v1::RolloutNode> = Vec::new();
    for name in &spec.nodes {
        if places.iter().any(|place| place.node == *name) {
            return Err(refuse::rollout(name, "it is named twice"));
        }
        places.push(place(act, name, &spec.release)?);
    }
    // Numbers count up for ever, so that a name is never given twice.
    let last = act.state.rollouts.values().next_back().map_or(0, number_of);
    let name = format!("rollout-{}", last + 1);
    let metadata = v1::Metadata {
        kind: "Rollout".to_owned(),
        name: name.clone(),
        uid: start.uid,
        generation: 1,
        created_at: Some(timestamp(act.now)),
        ..v1::Metadata::default()
    };
    let feature_level = act.state.feature_level();
    let status = v1::RolloutStatus { nodes: places, feature_level, ..v1::RolloutStatus::default() };
    let mut rollout =
        v1::Rollout { metadata: Some(metadata), spec: Some(spec.clone()), status: Some(status) };
    set_phase(act, &mut rollout, Phase::Running, "");
    put(act, rollout.clone());
    forget_oldest(act);
    let count = spec.nodes.len().to_string();
    let details = [("release", spec.release.as_str()), ("nodes", count.as_str())];
    record::mutation(act, "start-rollout", &format!("rollout/{name}"), &details);
    answer(act, &name)
}

fn place(act: &Act<'_>, name: &str, release: &str) -> Result<v1::RolloutNode, Problem> {
    let record = act.state.node(name).ok_or_else(|| refuse::not_found("node", name))?;
    let node = record.node.clone().unwrap_or_default();
    let system = node.status.and_then(|status| status.system);
    let system = system.ok_or_else(|| refuse::rollout(name, "it does not run from slots"))?;
    if number_of_release(act, &system.version) > number_of_release(act, release) {
        let because = format!("it runs {}, which is newer than {release}", system.version);
        return Err(refuse::rollout(name, &because));
    }
    Ok(v1::RolloutNode {
        node: name.to_owned(),
        phase: NodeStep::Pending.as_str().to_owned(),
        since: Some(timestamp(act.now)),
        from: system.version,
        attempt: 1,
        was_cordoned: node.spec.is_some_and(|spec| spec.cordoned),
        ..v1::RolloutNode::default()
    })
}

/// The number of a release; 0 where it is not known.
fn number_of_release(act: &Act<'_>, version: &str) -> u64 {
    let record = act.state.releases.get(version).and_then(|row| row.release.as_ref());
    record.and_then(|release| release.spec.as_ref()).map_or(0, |spec| spec.number)
}

pub(crate) fn change(act: &mut Act<'_>, change: &ChangeRollout) -> Answer {
    let mut rollout = find(act, &change.name)?;
    let name = name_of(&rollout).to_owned();
    act.check_revision("rollout", &name, rollout.metadata.as_ref().map_or(0, |m| m.revision))?;
    let phase = phase_of(&rollout);
    let wrong =
        |act: &str, allowed: &str| Err(refuse::wrong_phase("rollout", &name, act, phase.as_str(), allowed));
    match (change.change.as_str(), phase) {
        ("pause", Phase::Paused) | ("resume", Phase::Running) | ("abort", Phase::Aborting) => {
            return answer(act, &name);
        }
        ("pause", Phase::Running) => set_phase(act, &mut rollout, Phase::Paused, &change.reason),
        ("pause", _) => return wrong("paused", "only a running one is paused"),
        ("resume", Phase::Paused | Phase::Stopped) => {
            try_again(act, &mut rollout);
            set_phase(act, &mut rollout, Phase::Running, &change.reason);
        }
        ("resume", _) => return wrong("resumed", "only one that is paused or stopped is"),
        ("abort", Phase::Running | Phase::Paused | Phase::Stopped | Phase::Done)
            if phase != Phase::Done || change.all =>
        {
            if phase == Phase::Done {
                rollout_return::check_done(act, &name, &rollout)?;
            }
            rollout_return::check(act, &rollout, change.all)?;
            send_back(act, &mut rollout, change.all);
            set_phase(act, &mut rollout, Phase::Aborting, &change.reason);
        }
        ("abort", Phase::Done) => {
            return wrong("aborted", "it is over; `--all` sends the nodes back that are done");
        }
        ("abort", _) => return wrong("aborted", "it is over"),
        (other, _) => return Err(refuse::undecodable(&format!("`{other}` is not a change of a rollout"))),
    }
    let names: Vec<String> =
        rollout.status.iter().flat_map(|status| &status.nodes).map(|n| n.node.clone()).collect();
    names.iter().for_each(|node| nodes::touch(act, node));
    settle(act, &mut rollout);
    put(act, rollout);
    let details = [("reason", change.reason.as_str()), ("all", if change.all { "true" } else { "" })];
    record::mutation(act, &format!("{}-rollout", change.change), &format!("rollout/{name}"), &details);
    answer(act, &name)
}

/// Nodes that failed begin anew.
fn try_again(act: &Act<'_>, rollout: &mut v1::Rollout) {
    let since = Some(timestamp(act.now));
    for node in &mut rollout.status.get_or_insert_default().nodes {
        if NodeStep::from_word(&node.phase) == NodeStep::Failed {
            NodeStep::Pending.as_str().clone_into(&mut node.phase);
            node.reason.clear();
            node.since = since;
            node.attempt += 1;
        }
    }
}

/// Nodes that are under way or failed go back. Those that are done do where all should, one after another: they work.
fn send_back(act: &Act<'_>, rollout: &mut v1::Rollout, all: bool) {
    let since = Some(timestamp(act.now));
    let release = rollout.spec.as_ref().map(|spec| spec.release.clone()).unwrap_or_default();
    for node in &mut rollout.status.get_or_insert_default().nodes {
        let Some(back) = rollout_return::back(node, &release, all) else { continue };
        back.as_str().clone_into(&mut node.phase);
        node.since = since;
        node.attempt += 1;
    }
}

pub(crate) fn step(act: &mut Act<'_>, step: &StepRollout) -> Answer {
    let mut rollout = find(act, &step.rollout)?;
    let (from, to) = (NodeStep::from_word(&step.from_phase), NodeStep::from_word(&step.phase));
    let running = phase_of(&rollout);
    let limit =
        usize::try_from(rollout.spec.as_ref().map_or(1, |spec| spec.max_unavailable.max(1))).unwrap_or(1);
    let status = rollout.status.get_or_insert_default();
    let away = status.nodes.iter().filter(|node| NodeStep::from_word(&node.phase).is_away()).count();
    let place = status.nodes.iter_mut().find(|node| node.node == step.node);
    let place = place.ok_or_else(|| refuse::rollout(&step.node, "it is not of this rollout"))?;
    // Level-triggered: whoever proposed this may have looked at an older state, and that is nothing wrong.
    if place.phase != step.from_phase || place.attempt != step.attempt {
        return Ok(outcome::Result::Rollout(rollout));
    }
    let full = match (from, to) {
        (NodeStep::Pending, NodeStep::Draining) => running != Phase::Running || away >= limit,
        (NodeStep::Recalled, NodeStep::Returning) => running != Phase::Aborting || away >= limit,
        _ => false,
    };
    if !from.may_become(to) || full {
        let because = format!("it cannot go from {} to {} now", step.from_phase, step.phase);
        return Err(refuse::rollout(&step.node, &because));
    }
    step.phase.clone_into(&mut place.phase);
    step.reason.clone_into(&mut place.reason);
    place.since = Some(timestamp(act.now));
    let cordoned = place.was_cordoned;
    let release = rollout.spec.as_ref().map(|spec| spec.release.clone()).unwrap_or_default();
    // A node that never began was never changed.
    let (began, recalled) = (from != NodeStep::Pending || step.attempt > 1, from == NodeStep::Recalled);
    if recalled {
        effect(act, NodeStep::Draining, &step.node, &release, cordoned)?;
    } else if began || to == NodeStep::Draining {
        effect(act, to, &step.node, &release, cordoned)?;
    }
    nodes::touch(act, &step.node);
    let object = format!("rollout/{}", step.rollout);
    let reason = if step.reason.is_empty() { String::new() } else { format!(": {}", step.reason) };
    act.event(&object, to.as_str(), format!("node `{}` is {}{reason}", step.node, to.as_str()));
    if to.is_kept_in_the_log() {
        let details =
            [("node", step.node.as_str()), ("release", release.as_str()), ("reason", step.reason.as_str())];
        record::mutation(act, &format!("rollout-{}", to.as_str().to_lowercase()), &object, &details);
    }
    if to == NodeStep::Failed && matches!(running, Phase::Running | Phase::Paused) {
        set_phase(act, &mut rollout, Phase::Stopped, &format!("node `{}` failed{reason}", step.node));
    }
    settle(act, &mut rollout);
    put(act, rollout.clone());
    Ok(outcome::Result::Rollout(rollout))
}

/// What a step does to the node beside being noted.
fn effect(act: &mut Act<'_>, to: NodeStep, node: &str, release: &str, cordoned: bool) -> Result<(), Problem> {
    let change = |change: &str| ChangeNode {
        node: node.to_owned(),
        change: change.to_owned(),
        reason: format!("release {release}"),
        ..ChangeNode::default()
    };
    match to {
        NodeStep::Draining => nodes::change(act, &change("drain")).map(drop),
        NodeStep::Fetching => {
            artifacts::add_target(act, &payload_key(release), node);
            Ok(())
        }
        NodeStep::Done | NodeStep::Returned => {
            // A node that was retired meanwhile takes no work whatever is said.
            drop(nodes::change(act, &change(if cordoned { "cordon" } else { "uncordon" })));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Ends a rollout of which nothing is left to do.
fn settle(act: &mut Act<'_>, rollout: &mut v1::Rollout) {
    let phase = phase_of(rollout);
    let steps: Vec<NodeStep> =
        rollout.status.get_or_insert_default().nodes.iter().map(|n| NodeStep::from_word(&n.phase)).collect();
    let returns = |step: &NodeStep| matches!(step, NodeStep::Recalled | NodeStep::Returning);
    if phase == Phase::Aborting && !steps.iter().any(returns) {
        let failed = steps.contains(&NodeStep::Failed);
        let reason = if failed { "a node could not go back" } else { "every node that had begun is back" };
        set_phase(act, rollout, Phase::Aborted, reason);
    } else if matches!(phase, Phase::Running | Phase::Paused)
        && steps.iter().all(|step| *step == NodeStep::Done)
    {
        set_phase(act, rollout, Phase::Done, "");
    }
}

fn set_phase(act: &mut Act<'_>, rollout: &mut v1::Rollout, phase: Phase, reason: &str) {
    let now = timestamp(act.now);
    let object = format!("rollout/{}", name_of(rollout));
    let status = rollout.status.get_or_insert_default();
    phase.as_str().clone_into(&mut status.phase);
    reason.clone_into(&mut status.reason);
    status.since = Some(now);
    act.event(&object, phase.as_str(), reason.to_owned());
}

fn number_of(rollout: &v1::Rollout) -> u64 {
    name_of(rollout).strip_prefix("rollout-").and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn put(act: &mut Act<'_>, mut rollout: v1::Rollout) {
    rollout.metadata.get_or_insert_default().revision = act.revision;
    let row = crate::table::number_key(number_of(&rollout));
    act.state.rollouts.put(&row, rollout, &mut act.state.changes);
}

fn forget_oldest(act: &mut Act<'_>) {
    if act.state.rollouts.len() > MOST_ROLLOUTS
        && let Some(oldest) = act.state.rollouts.first().map(|(key, _)| key.to_owned())
    {
        act.state.rollouts.remove(&oldest, &mut act.state.changes);
    }
}

fn find(act: &Act<'_>, name: &str) -> Result<v1::Rollout, Problem> {
    let found = if name.is_empty() { act.state.active_rollout() } else { act.state.rollout(name) };
    found
        .cloned()
        .ok_or_else(|| refuse::not_found("rollout", if name.is_empty() { "under way" } else { name }))
}

fn answer(act: &Act<'_>, name: &str) -> Answer {
    let found = act.state.rollout(name).cloned();
    found.map(outcome::Result::Rollout).ok_or_else(|| refuse::not_found("rollout", name))
}
