//! Who should fetch a copy of what: only nodes that the law lets have it, and no more than are wanted.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::store::{ArtifactRecord, NodeRecord, ReplicaTarget};
use holdfast_policy::{Actor, ArtifactFacts, Bundle, NodeClass, NodeFacts, Request, Transport, decide};
use holdfast_state::State;
use holdfast_types::{NodePhase, Time};

use crate::concerns::{Concerns, Recheck};
use crate::facts::{artifact_facts, node_facts};

/// New targets for versions that are on fewer nodes than wanted, among those that are to be looked at. `concerns` stands
/// at this state.
#[must_use]
pub fn replica_targets(
    state: &State,
    concerns: &Concerns,
    which: &Recheck,
    bundle: &Bundle,
    now: Time,
) -> Vec<ReplicaTarget> {
    let mut targets = Targets::of(state, concerns, bundle, now);
    match which {
        Recheck::All => state.artifacts().for_each(|record| targets.choose_for(&record)),
        Recheck::Keys(keys) => {
            keys.iter().filter_map(|key| state.artifact(key)).for_each(|record| targets.choose_for(&record));
        }
    }
    targets.chosen
}

/// A node that takes copies, and what the law sees of it; none where its facts cannot be stated.
type Live = Option<NodeFacts>;

struct Targets<'a> {
    live: BTreeMap<&'a str, Live>,
    load: BTreeMap<&'a str, u64>,
    /// The same, the least first.
    queue: BTreeSet<(u64, &'a str)>,
    bundle: &'a Bundle,
    now: Time,
    chosen: Vec<ReplicaTarget>,
}

impl<'a> Targets<'a> {
    fn of(state: &'a State, concerns: &Concerns, bundle: &'a Bundle, now: Time) -> Self {
        let facts = |record| Some((live_name(record)?, node_facts(record, bundle).ok()));
        let live: BTreeMap<&str, Live> = state.nodes().filter_map(facts).collect();
        let load: BTreeMap<&str, u64> = live.keys().map(|node| (*node, concerns.load(node))).collect();
        let queue = load.iter().map(|(node, load)| (*load, *node)).collect();
        Self { live, load, queue, bundle, now, chosen: Vec::new() }
    }

    fn choose_for(&mut self, record: &ArtifactRecord) {
        for node in self.choose(record).unwrap_or_default() {
            if let Some(count) = self.load.get_mut(node) {
                self.queue.remove(&(*count, node));
                *count += 1;
                self.queue.insert((*count, node));
            }
            let name = record.artifact.as_ref().and_then(|a| a.metadata.as_ref()).map(|m| m.name.clone());
            let target = ReplicaTarget { artifact: name.unwrap_or_default(), node: node.to_owned() };
            self.chosen.push(target);
        }
    }

    /// The nodes that an artifact lacks.
    fn choose(&self, record: &ArtifactRecord) -> Option<Vec<&'a str>> {
        let artifact = record.artifact.as_ref()?;
        let (spec, status) = (artifact.spec.as_ref()?, artifact.status.as_ref()?);
        let wanted = usize::try_from(spec.copies.max(1)).ok()?;
        // Lists of a few names each, which nearly always name enough.
        let live = |names: &'_ [String]| names.iter().filter(|n| self.live.contains_key(n.as_str())).count();
        let has = live(&status.nodes);
        if has == 0 {
            return None;
        }
        let lacking = wanted.checked_sub(has + live(&record.targets)).filter(|n| *n > 0)?;
        let is_there = |node: &str| status.nodes.iter().chain(&record.targets).any(|name| name == node);
        let facts = artifact_facts(spec).ok()?;
        let mut law = Law { facts, bundle: self.bundle, now: self.now, verdicts: BTreeMap::new() };
        let candidates = self.queue.iter().map(|(_, node)| *node).filter(|node| !is_there(node));
        let allowed = candidates.filter(|node| self.live.get(node).is_some_and(|live| law.allows(live)));
        Some(allowed.take(lacking).collect())
    }
}

fn live_name(record: &NodeRecord) -> Option<&str> {
    let node = record.node.as_ref()?;
    let phase = NodePhase::from_word(&node.status.as_ref()?.phase)?;
    // A draining node is leaving: what it has counts until it is gone, but nothing new goes there.
    matches!(phase, NodePhase::Ready | NodePhase::Cordoned)
        .then(|| node.metadata.as_ref().map(|m| m.name.as_str()))?
}

/// What the law says of copies of one artifact: once for each class of nodes, because a bundle with a rule about a single
/// node is not accepted.
struct Law<'a> {
    facts: ArtifactFacts,
    bundle: &'a Bundle,
    now: Time,
    verdicts: BTreeMap<NodeClass, bool>,
}

impl Law<'_> {
    fn allows(&mut self, node: &Live) -> bool {
        let Some(target) = node else { return false };
        if let Some(known) = self.verdicts.get(&target.class) {
            return *known;
        }
        let request = Request::Replicate {
            actor: Actor::System,
            artifact: self.facts.clone(),
            target: target.clone(),
            transport: Transport::Encrypted,
        };
        let allows = decide(&request, self.bundle, self.now).is_allow();
        self.verdicts.insert(target.class.clone(), allows);
        allows
    }
}

#[cfg(test)]
mod tests;
