//! Which nodes have let their lease run out.

use holdfast_api::store::SetNodePhase;
use holdfast_state::State;
use holdfast_types::Span;

/// Nodes counted as alive that were quiet for longer than `silence`. `quiet` tells for how long one has been, by a clock
/// that nobody sets; a new leader gives every node the full time, because it cannot know what its predecessor heard.
#[must_use]
pub fn lost_nodes(state: &State, quiet: impl Fn(&str) -> Span, silence: Span) -> Vec<SetNodePhase> {
    let alive = state.nodes().filter(|r| r.alive);
    alive
        .filter_map(|record| {
            let name = &record.node.as_ref()?.metadata.as_ref()?.name;
            let quiet = quiet(name);
            (quiet > silence).then(|| SetNodePhase {
                node: name.clone(),
                alive: false,
                reason: format!("not heard from for {quiet}; its lease has run out"),
            })
        })
        .collect()
}
