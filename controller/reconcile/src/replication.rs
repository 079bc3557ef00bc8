//! Who should fetch a copy of what: only nodes that the law lets have it, and no more than are wanted.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::store::{ArtifactRecord, NodeRecord, ReplicaTarget};
use holdfast_policy::{Actor, ArtifactFacts, Bundle, NodeClass, NodeFacts, Request, Transport, decide};
use holdfast_state::State;
use holdfast_types::{NodePhase, Time};

use crate::concerns::{Loads, Name, Recheck};
use crate::facts::{artifact_facts, node_facts};

/// What was found of artifacts with too few copies.
#[derive(Debug, Default)]
pub struct Lacking {
    /// Who should fetch which of them.
    pub targets: Vec<ReplicaTarget>,
    /// Those that lack more copies than there are nodes for that may have one; the law may come to let another.
    pub still: BTreeSet<Name>,
}

/// New targets for versions that are on fewer nodes than wanted, among those that are to be looked at.
#[must_use]
pub fn replica_targets(state: &State, loads: &Loads, which: &Recheck, bundle: &Bundle, now: Time) -> Lacking {
    let mut targets = Targets::of(state, loads, bundle, now);
    match which {
        Recheck::All => state.artifacts().for_each(|record| targets.choose_for(&record)),
        Recheck::Keys(keys) => {
            keys.iter().filter_map(|key| state.artifact(key)).for_each(|record| targets.choose_for(&record));
        }
    }
    targets.found
}

/// A node that takes copies.
struct Live<'a> {
    record: &'a NodeRecord,
    /// What the law sees of it; none where that cannot be stated.
    facts: OnceCell<Option<NodeFacts>>,
}

struct Targets<'a> {
    live: BTreeMap<&'a str, Live<'a>>,
    load: BTreeMap<&'a str, u64>,
    /// The same, the least first.
    queue: BTreeSet<(u64, &'a str)>,
    state: &'a State,
    bundle: &'a Bundle,
    now: Time,
    found: Lacking,
}

impl<'a> Targets<'a> {
    fn of(state: &'a State, loads: &Loads, bundle: &'a Bundle, now: Time) -> Self {
        let live = |record| Some((live_name(record)?, Live { record, facts: OnceCell::new() }));
        let live: BTreeMap<&str, Live<'_>> = state.nodes().filter_map(live).collect();
        let load: BTreeMap<&str, u64> = live.keys().map(|node| (*node, loads.of(node))).collect();
        let queue = load.iter().map(|(node, load)| (*load, *node)).collect();
        Self { live, load, queue, state, bundle, now, found: Lacking::default() }
    }

    fn choose_for(&mut self, record: &ArtifactRecord) {
        let Some((name, lacking, chosen)) = self.choose(record) else { return };
        if chosen.len() < lacking {
            self.found.still.insert(self.state.artifact_key(name));
        }
        for node in chosen {
            if let Some(count) = self.load.get_mut(node) {
                self.queue.remove(&(*count, node));
                *count += 1;
                self.queue.insert((*count, node));
            }
            let target = ReplicaTarget { artifact: name.to_owned(), node: node.to_owned() };
            self.found.targets.push(target);
        }
    }

    /// How many copies an artifact lacks, and the nodes that may have them.
    fn choose<'r>(&self, record: &'r ArtifactRecord) -> Option<(&'r str, usize, Vec<&'a str>)> {
        let artifact = record.artifact.as_ref()?;
        let name = artifact.metadata.as_ref()?.name.as_str();
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
        // What the law cannot be asked about goes nowhere.
        let facts = artifact_facts(spec).ok()?;
        let mut law = Law { facts, bundle: self.bundle, now: self.now, verdicts: BTreeMap::new() };
        let candidates = self.queue.iter().map(|(_, node)| *node).filter(|node| !is_there(node));
        let allowed = candidates.filter(|node| self.live.get(node).is_some_and(|live| law.allows(live)));
        Some((name, lacking, allowed.take(lacking).collect()))
    }
}

fn live_name(record: &NodeRecord) -> Option<&str> {
    let node = record.node.as_ref()?;
    if node.spec.as_ref().is_some_and(|spec| spec.controller) {
        return None;
    }
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
    fn allows(&mut self, node: &Live<'_>) -> bool {
        let facts = node.facts.get_or_init(|| node_facts(node.record, self.bundle).ok());
        let Some(target) = facts else { return false };
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
