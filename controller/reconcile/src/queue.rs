//! How a queue stands, and why those wait that are next in it. It must not know who asks.

use std::sync::Arc;

use holdfast_api::{timestamp, v1};
use holdfast_policy::Bundle;
use holdfast_scheduler::{BudgetStanding, ClassStanding, Explanation, QueueStanding, QueueTurn, Scheduler};
use holdfast_state::State;
use holdfast_types::{JobName, QueueName, Time};

use crate::placement::snapshot;
use crate::planner::settings;

/// How a queue stands after what can be decided now, told to somebody who sees only some jobs; `None` where there is no such queue.
#[must_use]
pub fn explain_queue(
    state: &State,
    bundle: &Bundle,
    now: Time,
    (queue, is_seen): (&QueueName, &dyn Fn(&v1::Job) -> bool),
) -> Option<v1::QueueExplanation> {
    let stored = state.queue(queue.as_str())?;
    let (view, config) = (snapshot(state, bundle, now), settings(state, bundle));
    let mut scheduler = Scheduler::new(&view, &config, now);
    // What would be stopped now is not stopped yet.
    let budgets = scheduler.standing(queue)?.budgets;
    scheduler.plan(view.revision, now);
    let QueueStanding { classes, turns, waiting, next, .. } = scheduler.standing(queue)?;
    let next_job = |(name, why): (&JobName, Arc<Explanation>)| {
        let job = state.job(name.as_str()).filter(|job| is_seen(job))?;
        let since = job.status.as_ref().and_then(|status| status.since);
        Some(v1::NextJob { job: name.to_string(), reason: why.summary.clone(), since })
    };
    let next: Vec<Option<v1::NextJob>> = scheduler.explain_each(next.iter()).map(next_job).collect();
    let wait = if waiting == 1 { String::from("1 job waits") } else { format!("{waiting} jobs wait") };
    let summary = match next.first() {
        _ if stored.spec.as_ref().is_some_and(|spec| spec.stopped) => {
            format!("queue `{queue}` is stopped: nothing starts from it; {wait}")
        }
        None => format!("nobody waits in queue `{queue}`"),
        Some(None) => format!("{wait} in queue `{queue}`; one of another tenant is next"),
        Some(Some(first)) => format!("{wait} in queue `{queue}`; `{}` is next: {}", first.job, first.reason),
    };
    let turn = |QueueTurn { queue, share, is_on_path }| v1::QueueTurn {
        queue: queue.to_string(),
        share,
        is_on_path,
    };
    let level = |level: Vec<QueueTurn>| v1::QueueLevel { queues: level.into_iter().map(turn).collect() };
    Some(v1::QueueExplanation {
        summary,
        classes: classes.iter().map(class).collect(),
        levels: turns.into_iter().map(level).collect(),
        next: next.into_iter().flatten().collect(),
        waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
        disruptions: budgets.iter().map(disruptions).collect(),
    })
}

fn disruptions((queue, standing): &(QueueName, BudgetStanding)) -> v1::QueueDisruptions {
    v1::QueueDisruptions {
        queue: queue.to_string(),
        budget: Some((&standing.allows).into()),
        counted: u32::try_from(standing.counted).unwrap_or(u32::MAX),
        until: standing.until.map(timestamp),
    }
}

fn class(class: &ClassStanding) -> v1::QueueClass {
    v1::QueueClass {
        class: class.class.to_string(),
        nominal: class.nominal.0,
        held: class.held.0,
        held_below: class.held_below.0,
        borrowed: class.borrowed.0,
        may_take: class.may_take.map(|most| most.0),
    }
}

#[cfg(test)]
mod tests;
