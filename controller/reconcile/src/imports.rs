//! Where the bytes of an import go: a live node in a jurisdiction where the law lets them be.

use std::collections::BTreeMap;

use holdfast_api::store::{DecisionRecord, NodeRecord};
use holdfast_api::v1;
use holdfast_policy::{ArtifactFacts, Bundle, Decision, Request, UserFacts, decide};
use holdfast_state::State;
use holdfast_types::{Jurisdiction, NodePhase, Problem, ProblemKind, Time};

use crate::admission::Refused;
use crate::concerns::Loads;
use crate::facts::{node_facts, record_decision};

/// The node that takes the bytes, the one with the fewest artifacts, and the decision that lets it.
///
/// # Errors
///
/// Where the law allows no jurisdiction that has a live node, or no node lives at all.
pub fn import_target<'a>(
    artifact: &ArtifactFacts,
    user: &UserFacts,
    (state, loads): (&'a State, &Loads),
    bundle: &Bundle,
    now: Time,
) -> Result<(&'a v1::Node, DecisionRecord), Box<Refused>> {
    let object = format!("{}/{}", artifact.kind, artifact.name);
    let mut decisions: BTreeMap<Jurisdiction, Decision> = BTreeMap::new();
    let mut best: Option<(u64, &v1::Node, Jurisdiction)> = None;
    for record in state.nodes() {
        let Some((node, place)) = live(record, bundle) else { continue };
        let decide = || import_user_check(artifact, user, &place, bundle, now);
        if !decisions.entry(place.clone()).or_insert_with(decide).is_allow() {
            continue;
        }
        let load = loads.of(node.metadata.as_ref().map_or("", |m| m.name.as_str()));
        if best.as_ref().is_none_or(|(least, _, _)| load < *least) {
            best = Some((load, node, place));
        }
    }
    let best = best.and_then(|(_, node, place)| Some((node, decisions.remove(&place)?)));
    if let Some((node, decision)) = best {
        return Ok((node, record_decision("import", &object, user.name.as_str(), &decision)));
    }
    match decisions.into_values().next() {
        Some(decision) => Err(Box::new(Refused {
            problem: decision.refusal(format!("{object} may not be imported")).next("holdfast policy show"),
            decision: Some(record_decision("import", &object, user.name.as_str(), &decision)),
        })),
        None => Err(Problem::new(1123, ProblemKind::Unreachable, format!("{object} cannot be imported now"))
            .because("no node is ready to take its bytes")
            .next("holdfast node list")
            .into()),
    }
}

/// Whether a person may import into a jurisdiction.
#[must_use]
pub fn import_user_check(
    artifact: &ArtifactFacts,
    user: &UserFacts,
    target: &Jurisdiction,
    bundle: &Bundle,
    now: Time,
) -> Decision {
    let request = Request::Import { user: user.clone(), artifact: artifact.clone(), target: target.clone() };
    decide(&request, bundle, now)
}

fn live<'a>(record: &'a NodeRecord, bundle: &Bundle) -> Option<(&'a v1::Node, Jurisdiction)> {
    let node = record.node.as_ref()?;
    let status = node.status.as_ref()?;
    let ready = status.phase == NodePhase::Ready.as_str() && !status.data_address.is_empty();
    let facts = node_facts(record, bundle).ok()?;
    ready.then_some((node, facts.class.jurisdiction))
}

#[cfg(test)]
mod tests;
