//! Disruption budgets: which jobs of a queue, with those below it, were stopped for others lately. Kept beside the queue, as what it has
//! used is; no plan spends more.

use holdfast_api::{millis, timestamp, v1};
use holdfast_types::{Disruptions, Time};

use crate::act::Act;
use crate::queues::{queue_name, with_above};

/// A job of a queue is about to be stopped for another one.
///
/// # Errors
///
/// The queue, or one above it, has no stop left.
pub(crate) fn spend(act: &mut Act<'_>, queue: &str) -> Result<(), String> {
    let Some(found) = act.state.queue(queue) else { return Ok(()) };
    let bound: Vec<v1::Queue> =
        with_above(act.state, found).filter(|up| budget(up).is_some()).cloned().collect();
    let mut spent = Vec::with_capacity(bound.len());
    for mut up in bound {
        let Some(budget) = budget(&up) else { continue };
        let mut counted = counted(&up, budget, act.now);
        if counted.len() >= usize::try_from(budget.max).unwrap_or(usize::MAX) {
            let (queue, max, per) = (queue_name(&up), budget.max, budget.per);
            return Err(format!(
                "queue `{queue}` allows {max} stops for others per {per}, and they are spent"
            ));
        }
        counted.push(act.now);
        up.status.get_or_insert_default().disruptions = counted.into_iter().map(timestamp).collect();
        spent.push(up);
    }
    spent.into_iter().for_each(|queue| act.state.keep_queue(queue));
    Ok(())
}

fn budget(queue: &v1::Queue) -> Option<Disruptions> {
    queue.spec.as_ref()?.disruptions.as_ref().map(Disruptions::from)
}

/// The stops that count at an instant.
fn counted(queue: &v1::Queue, budget: Disruptions, now: Time) -> Vec<Time> {
    let stops = queue.status.as_ref().map_or(&[][..], |status| &status.disruptions);
    let stops = stops.iter().map(|at| millis(Some(at)));
    stops.filter(|at| *at + budget.per > now).collect()
}
