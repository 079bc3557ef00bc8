//! Which nodes have let their lease run out.

use std::collections::BTreeMap;

use holdfast_api::store::SetNodePhase;
use holdfast_state::State;
use holdfast_types::{Span, Time};

/// Nodes counted as alive that the leader has not heard from for `silence`. `since` is when the leader began to
/// listen: a new leader gives every node the full time, because it cannot know what its predecessor heard.
#[must_use]
pub fn lost_nodes(
    state: &State,
    heard: &BTreeMap<String, Time>,
    since: Time,
    now: Time,
    silence: Span,
) -> Vec<SetNodePhase> {
    let alive = state.nodes().filter(|r| r.alive);
    alive
        .filter_map(|record| {
            let name = &record.node.as_ref()?.metadata.as_ref()?.name;
            let last = heard.get(name).copied().unwrap_or(since).max(since);
            let quiet = now.since(last);
            (quiet > silence).then(|| SetNodePhase {
                node: name.clone(),
                alive: false,
                reason: format!("not heard from for {quiet}; its lease has run out"),
            })
        })
        .collect()
}
