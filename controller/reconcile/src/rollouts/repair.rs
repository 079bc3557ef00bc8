//! A slot that rots: the release that a rollout left on a node, and that the node gave up since, is written again, by a rollout to that
//! node alone. It waits until no work is on the node, and a disk that loses again and again what is written to it is for a person.

use holdfast_api::{millis, v1};
use holdfast_state::{NodeStep, State};
use holdfast_types::{NodePhase, Span, Time};

use crate::update::is_drained;

/// A release is written again so many times to one node.
pub const MOST_REPAIRS: usize = 3;
/// Between two times passes at least a day.
const BETWEEN: Span = Span::from_secs(86_400);

/// A release that a node gave up although it had been healthy with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rot {
    /// Which one.
    pub release: String,
    /// How often it was written again.
    pub repairs: usize,
    /// When it was written last.
    last: Time,
}

/// The release that a node went back from by itself, as it says.
#[must_use]
pub fn given_up(system: &v1::NodeSystem) -> Option<&str> {
    let (release, _) = system.fallback.strip_prefix("release ")?.split_once(',')?;
    (release != system.version).then_some(release)
}

/// What rots on a node: one that was never healthy with a release, or that was sent back from it, has lost nothing.
#[must_use]
pub fn rot(state: &State, node: &str) -> Option<Rot> {
    let record = state.node(node)?.node.as_ref()?;
    let release = given_up(record.status.as_ref()?.system.as_ref()?)?;
    // From the newest on: how often it came to the node since that last had another.
    let mut written: Vec<Time> = Vec::new();
    for rollout in state.rollouts().rev() {
        let nodes = rollout.status.iter().flat_map(|status| &status.nodes);
        let Some(place) = nodes.into_iter().find(|place| place.node == node) else { continue };
        let brought = rollout.spec.as_ref().is_some_and(|spec| spec.release == release);
        match NodeStep::from_word(&place.phase) {
            NodeStep::Done if brought && place.from != release => {
                written.push(millis(
                    rollout.metadata.as_ref().and_then(|metadata| metadata.created_at.as_ref()),
                ));
            }
            NodeStep::Done if brought => {}
            NodeStep::Returned if place.from == release => {}
            NodeStep::Pending => {}
            _ => break,
        }
    }
    let last = *written.first()?;
    Some(Rot { release: release.to_owned(), repairs: written.len() - 1, last })
}

/// The rollout that the leader begins by itself, where one is due.
#[must_use]
pub fn repair(state: &State, now: Time) -> Option<v1::RolloutSpec> {
    if state.active_rollout().is_some() {
        return None;
    }
    state.nodes().filter_map(|record| record.node.as_ref()).find_map(|node| {
        let (name, status) = (&node.metadata.as_ref()?.name, node.status.as_ref()?);
        let well = status.system.as_ref().is_some_and(|system| system.healthy);
        // The machine of a controller starts when a person is there.
        let controller = node.spec.as_ref().is_some_and(|spec| spec.controller);
        if status.phase != NodePhase::Ready.as_str() || !well || controller {
            return None;
        }
        let rot = rot(state, name)?;
        let due = rot.repairs == 0 || (rot.repairs < MOST_REPAIRS && now.since(rot.last) >= BETWEEN);
        let known = state.release(&rot.release).is_some();
        (due && known && is_drained(state, name)).then(|| v1::RolloutSpec {
            release: rot.release,
            nodes: vec![name.clone()],
            max_unavailable: 1,
            ..v1::RolloutSpec::default()
        })
    })
}
