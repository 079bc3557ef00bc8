//! Who should fetch a copy of what: only nodes that the law lets have it, and no more than are wanted.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::store::{ArtifactRecord, NodeRecord, ReplicaTarget};
use holdfast_policy::{Actor, Bundle, Request, Transport, decide};
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
        Recheck::All => state.artifacts().for_each(|record| targets.choose_for(record)),
        Recheck::Keys(keys) => {
            keys.iter().filter_map(|key| state.artifact(key)).for_each(|record| targets.choose_for(record));
        }
    }
    targets.chosen
}

struct Targets<'a> {
    live: BTreeMap<&'a str, &'a NodeRecord>,
    load: BTreeMap<&'a str, u64>,
    bundle: &'a Bundle,
    now: Time,
    chosen: Vec<ReplicaTarget>,
}

impl<'a> Targets<'a> {
    fn of(state: &'a State, concerns: &Concerns, bundle: &'a Bundle, now: Time) -> Self {
        let live: BTreeMap<&str, &NodeRecord> =
            state.nodes().filter_map(|r| Some((live_name(r)?, r))).collect();
        let load = live.keys().map(|node| (*node, concerns.load(node))).collect();
        Self { live, load, bundle, now, chosen: Vec::new() }
    }

    fn choose_for(&mut self, record: &ArtifactRecord) {
        let chosen = choose(record, &self.live, &self.load, self.bundle, self.now);
        for node in chosen.unwrap_or_default() {
            if let Some(count) = self.load.get_mut(node.as_str()) {
                *count += 1;
            }
            let name = record.artifact.as_ref().and_then(|a| a.metadata.as_ref()).map(|m| m.name.clone());
            self.chosen.push(ReplicaTarget { artifact: name.unwrap_or_default(), node });
        }
    }
}

fn live_name(record: &NodeRecord) -> Option<&str> {
    let node = record.node.as_ref()?;
    let phase = NodePhase::from_word(&node.status.as_ref()?.phase)?;
    // A draining node is leaving: what it has counts until it is gone, but nothing new goes there.
    matches!(phase, NodePhase::Ready | NodePhase::Cordoned)
        .then(|| node.metadata.as_ref().map(|m| m.name.as_str()))?
}

fn choose(
    record: &ArtifactRecord,
    live: &BTreeMap<&str, &NodeRecord>,
    load: &BTreeMap<&str, u64>,
    bundle: &Bundle,
    now: Time,
) -> Option<Vec<String>> {
    let artifact = record.artifact.as_ref()?;
    let (spec, status) = (artifact.spec.as_ref()?, artifact.status.as_ref()?);
    let wanted = usize::try_from(spec.copies.max(1)).ok()?;
    let has: BTreeSet<&str> =
        status.nodes.iter().map(String::as_str).filter(|n| live.contains_key(n)).collect();
    if has.is_empty() {
        return None;
    }
    let coming: BTreeSet<&str> =
        record.targets.iter().map(String::as_str).filter(|n| live.contains_key(n)).collect();
    let lacking = wanted.checked_sub(has.len() + coming.len()).filter(|n| *n > 0)?;
    let facts = artifact_facts(spec).ok()?;
    let allowed = |node: &NodeRecord| {
        let Ok(target) = node_facts(node, bundle) else { return false };
        let request = Request::Replicate {
            actor: Actor::System,
            artifact: facts.clone(),
            target,
            transport: Transport::Encrypted,
        };
        decide(&request, bundle, now).is_allow()
    };
    let mut candidates: Vec<(u64, &str)> = live
        .iter()
        .filter(|(name, _)| !has.contains(**name) && !coming.contains(**name))
        .filter(|(_, node)| allowed(node))
        .map(|(name, _)| (load.get(*name).copied().unwrap_or(0), *name))
        .collect();
    candidates.sort_unstable();
    Some(candidates.into_iter().take(lacking).map(|(_, name)| name.to_owned()).collect())
}
