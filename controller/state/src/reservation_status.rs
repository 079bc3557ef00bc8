//! How a reservation stands: it follows from the rest of the state and from the time, and is never stored.

use std::collections::BTreeSet;

use holdfast_api::{timestamp, v1};
use holdfast_types::{NodeName, Time};

use crate::phases::task_phase;
use crate::placement::Usage;
use crate::reservations::{queues_above, reserved_nodes};
use crate::state::State;

/// The most that what has places on some nodes draws, where anything caps that.
fn usage_watts(state: &State, nodes: &BTreeSet<NodeName>) -> u64 {
    let usage = Usage::of(state);
    nodes.iter().map(|node| usage.watts(node.as_str())).sum()
}

/// A reservation as it stands at a moment.
#[must_use]
pub fn reservation_status(state: &State, name: &str, now: Time) -> v1::ReservationStatus {
    let found = reserved_nodes(state).into_iter().find(|(known, ..)| known.as_str() == name);
    let Some((_, spec, nodes)) = found else { return v1::ReservationStatus::default() };
    let is_for = |job: &v1::Job| {
        let queues = job.spec.as_ref().map(|spec| queues_above(state, &spec.queue)).unwrap_or_default();
        spec.queues.iter().any(|queue| queues.contains(queue.as_str()))
    };
    let is_on = |job: &&v1::Job| {
        let tasks = job.status.as_ref().map_or(&[][..], |status| &status.tasks).iter();
        let mut live = tasks.filter(|task| !task_phase(task).is_terminal());
        live.any(|task| nodes.iter().any(|node| node.as_str() == task.node))
    };
    // A cap is in nobody's way.
    let keeps = spec.max_power.is_none();
    let others = state.placed_jobs().filter(|job| keeps && !is_for(job)).filter(is_on);
    let (phase, next) = match spec.window.next(now) {
        None => ("Over", None),
        Some(next) if next.0 <= now => ("Begun", Some(next)),
        Some(next) => ("Waiting", Some(next)),
    };
    v1::ReservationStatus {
        phase: phase.to_owned(),
        begins_at: next.filter(|(start, _)| start.0 > 0).map(|(start, _)| timestamp(start)),
        ends_at: next.filter(|(_, end)| end.0 < u64::MAX).map(|(_, end)| timestamp(end)),
        nodes: nodes.iter().map(ToString::to_string).collect(),
        power_watts: usage_watts(state, &nodes),
        jobs: others.filter_map(|job| Some(job.metadata.as_ref()?.name.clone())).collect(),
    }
}
