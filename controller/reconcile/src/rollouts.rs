//! How a rollout goes on: from what nodes say of themselves to the next step of each. One controller at a time, never the
//! quorum; nothing begins while a node is not well; every step has its time.

mod repair;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::store::StepRollout;
use holdfast_api::{millis, v1};
use holdfast_state::{NodeStep, RolloutPhase, State, payload_key};
use holdfast_types::{NodePhase, Span, Time};

use crate::update::is_drained;

pub use repair::{MOST_REPAIRS, Rot, given_up, repair, rot};

const MINUTE: u64 = 60_000;

/// What the planner has to know of the controllers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControllerFacts {
    /// The names of those that vote.
    pub voters: BTreeSet<String>,
    /// The one that leads.
    pub leader: String,
    /// Every one of them was heard lately and has caught up.
    pub all_well: bool,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub enum RolloutAction {
    /// A node goes on.
    Step(StepRollout),
    /// The controller that leads is next: another one leads first.
    HandOver,
}

/// What is to be done next for the rollout that is under way.
#[must_use]
pub fn rollout_actions(state: &State, controllers: &ControllerFacts, now: Time) -> Vec<RolloutAction> {
    let Some(rollout) = state.active_rollout() else { return Vec::new() };
    let status = rollout.status.clone().unwrap_or_default();
    let planner = Planner { state, controllers, rollout, now, nodes: &status.nodes };
    let mut actions = Vec::new();
    for place in &status.nodes {
        let action = match NodeStep::from_word(&place.phase) {
            NodeStep::Pending | NodeStep::Recalled => None,
            _ => planner.goes_on(place),
        };
        actions.extend(action);
    }
    let fails = |action: &RolloutAction| matches!(action, RolloutAction::Step(step) if NodeStep::from_word(&step.phase) == NodeStep::Failed);
    // None begins beside one that is found to have failed just now.
    match RolloutPhase::from_word(&status.phase) {
        RolloutPhase::Running if !actions.iter().any(fails) => actions.extend(planner.begins()),
        RolloutPhase::Aborting => actions.extend(planner.is_recalled()),
        _ => {}
    }
    actions
}

struct Planner<'a> {
    state: &'a State,
    controllers: &'a ControllerFacts,
    rollout: &'a v1::Rollout,
    now: Time,
    nodes: &'a [v1::RolloutNode],
}

impl Planner<'_> {
    fn step(&self, place: &v1::RolloutNode, to: NodeStep, reason: impl Into<String>) -> RolloutAction {
        RolloutAction::Step(StepRollout {
            rollout: self.rollout.metadata.as_ref().map(|m| m.name.clone()).unwrap_or_default(),
            node: place.node.clone(),
            from_phase: place.phase.clone(),
            attempt: place.attempt,
            phase: to.as_str().to_owned(),
            reason: reason.into(),
        })
    }

    fn release(&self) -> &str {
        self.rollout.spec.as_ref().map_or("", |spec| spec.release.as_str())
    }

    fn system(&self, node: &str) -> v1::NodeSystem {
        let record = self.state.node(node).and_then(|record| record.node.as_ref());
        record.and_then(|node| node.status.as_ref()?.system.clone()).unwrap_or_default()
    }

    fn phase(&self, node: &str) -> NodePhase {
        let record = self.state.node(node).and_then(|record| record.node.as_ref());
        let phase = record.and_then(|node| NodePhase::from_word(&node.status.as_ref()?.phase));
        phase.unwrap_or(NodePhase::Lost)
    }

    /// The first node in a step, if one more may be away.
    fn next_in(&self, step: NodeStep) -> Option<&v1::RolloutNode> {
        let next = self.nodes.iter().find(|place| NodeStep::from_word(&place.phase) == step)?;
        let away: Vec<&v1::RolloutNode> =
            self.nodes.iter().filter(|place| NodeStep::from_word(&place.phase).is_away()).collect();
        let limit = self.rollout.spec.as_ref().map_or(1, |spec| spec.max_unavailable.max(1));
        let is_controller = |node: &str| self.controllers.voters.contains(node);
        let alone = is_controller(&next.node) || away.iter().any(|place| is_controller(&place.node));
        let limit = if alone { 1 } else { usize::try_from(limit).unwrap_or(1) };
        let may = away.len() < limit && (!is_controller(&next.node) || self.controllers.all_well);
        may.then_some(next)
    }

    /// The next node that goes back although it is done, if one may.
    fn is_recalled(&self) -> Option<RolloutAction> {
        let next = self.next_in(NodeStep::Recalled)?;
        if self.controllers.leader == next.node {
            return Some(RolloutAction::HandOver);
        }
        Some(self.step(next, NodeStep::Returning, ""))
    }

    /// The next node that begins, if one may.
    fn begins(&self) -> Option<RolloutAction> {
        let next = self.next_in(NodeStep::Pending)?;
        let system = self.system(&next.node);
        if system.version == self.release() && system.healthy {
            return Some(self.step(next, NodeStep::Done, "it runs the release already"));
        }
        Some(match self.phase(&next.node) {
            NodePhase::Ready | NodePhase::Cordoned | NodePhase::Draining => {
                self.step(next, NodeStep::Draining, "")
            }
            other => self.step(next, NodeStep::Failed, format!("it is {other} when its turn comes")),
        })
    }

    /// The next step of a node that has begun.
    fn goes_on(&self, place: &v1::RolloutNode) -> Option<RolloutAction> {
        let step = NodeStep::from_word(&place.phase);
        let system = self.system(&place.node);
        let update = system.update.clone().unwrap_or_default();
        let name = self.rollout.metadata.as_ref().map_or("", |m| m.name.as_str());
        let said =
            |word: &str| update.rollout == name && update.attempt == place.attempt && update.phase == word;
        if said("Failed") && step.is_away() && !matches!(step, NodeStep::Failed) {
            return Some(self.step(place, NodeStep::Failed, update.reason.clone()));
        }
        let well = !self.controllers.voters.contains(&place.node) || self.controllers.all_well;
        let next = match step {
            NodeStep::Draining => (self.is_there(&place.node) && is_drained(self.state, &place.node))
                .then_some(NodeStep::Fetching),
            NodeStep::Fetching => self.has_payload(&place.node).then_some(NodeStep::Writing),
            NodeStep::Writing => said("Written").then_some(NodeStep::Staged),
            NodeStep::Staged if well && self.controllers.leader == place.node => {
                return Some(RolloutAction::HandOver);
            }
            NodeStep::Staged => well.then_some(NodeStep::Rebooting),
            NodeStep::Rebooting => (system.version == self.release()).then_some(NodeStep::Verifying),
            NodeStep::Verifying => {
                let healthy = system.version == self.release() && system.healthy;
                (healthy && well && self.is_there(&place.node)).then_some(NodeStep::Done)
            }
            NodeStep::Returning => (said("Returned") && well).then_some(NodeStep::Returned),
            NodeStep::Pending
            | NodeStep::Done
            | NodeStep::Failed
            | NodeStep::Recalled
            | NodeStep::Returned => None,
        };
        match next {
            Some(next) => Some(self.step(place, next, "")),
            None => self.late(place, step, &system),
        }
    }

    /// A node whose step has taken longer than it may has failed.
    fn late(
        &self,
        place: &v1::RolloutNode,
        step: NodeStep,
        system: &v1::NodeSystem,
    ) -> Option<RolloutAction> {
        let given = self.rollout.spec.as_ref().and_then(|spec| spec.deadlines).unwrap_or_default();
        let (given, usual, what) = match step {
            NodeStep::Draining => (given.drain_ms, 10 * MINUTE, "what runs on it did not end"),
            NodeStep::Fetching => (given.fetch_ms, 30 * MINUTE, "it did not get the payload"),
            NodeStep::Writing => (given.write_ms, 15 * MINUTE, "it did not write its slot"),
            NodeStep::Staged => (given.reboot_ms, 15 * MINUTE, "the other controllers were not well"),
            NodeStep::Rebooting => (given.reboot_ms, 15 * MINUTE, "it did not come back on the release"),
            NodeStep::Verifying => (given.verify_ms, 15 * MINUTE, "it was not healthy"),
            NodeStep::Returning => (given.reboot_ms, 25 * MINUTE, "it did not go back"),
            NodeStep::Pending
            | NodeStep::Done
            | NodeStep::Failed
            | NodeStep::Recalled
            | NodeStep::Returned => return None,
        };
        let limit = Span(if given == 0 { usual } else { given });
        let since = millis(place.since.as_ref());
        if self.now.since(since) < limit {
            return None;
        }
        let mut reason = format!("{what} within {limit}");
        if !system.fallback.is_empty() {
            reason = format!("{reason}: {}", system.fallback);
        }
        Some(self.step(place, NodeStep::Failed, reason))
    }

    fn is_there(&self, node: &str) -> bool {
        !matches!(self.phase(node), NodePhase::Lost | NodePhase::Retired | NodePhase::Pending)
    }

    fn has_payload(&self, node: &str) -> bool {
        let row = self.state.artifact(&payload_key(self.release())).and_then(|row| row.artifact);
        row.and_then(|artifact| artifact.status).is_some_and(|status| status.nodes.iter().any(|n| n == node))
    }
}

/// How many nodes of a rollout are in each step, for people.
#[must_use]
pub fn rollout_counts(rollout: &v1::Rollout) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for place in rollout.status.iter().flat_map(|status| &status.nodes) {
        *counts.entry(place.phase.clone()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests;
