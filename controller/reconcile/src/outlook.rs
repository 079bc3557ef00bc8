//! What a job that waits can hope for: what would start it now, and when it is expected to start. It must not know who asks.

use holdfast_policy::Bundle;
use holdfast_scheduler::{Foresight, JobState, NodeView, Schedulable, Snapshot, counterfactuals};
use holdfast_state::State;
use holdfast_types::{JobName, NodeName, NodePhase, Time};

use crate::expected::Expected;
use crate::placement::snapshot;
use crate::planner::settings;
use crate::rulings::Asked;

/// What a job that waits can hope for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook {
    /// What would have to be otherwise for it to start now: `if queue ... might borrow 8 more nvidia`. Each was tried.
    pub if_only: Vec<String>,
    /// When it is expected to start; `None` where nobody can tell.
    pub starts_at: Option<Time>,
    /// The same in words.
    pub estimate: String,
}

/// Looks ahead for a job that waits, and whether it could ever start.
#[must_use]
pub fn outlook(state: &State, bundle: &Bundle, now: Time, (job, never_fits): (&JobName, bool)) -> Outlook {
    let (mut view, config) = (snapshot(state, bundle, now), settings(state, bundle));
    let if_only = counterfactuals(&view, &config, now, job);
    if never_fits {
        return Outlook { if_only, ..Outlook::default() };
    }
    empty_draining(&mut view);
    let mut foresight = Foresight::new(&view, &config, now, Expected::of(Asked { state, bundle, now }));
    foresight.until_started(std::iter::once(job));
    let starts_at = foresight.starts().get(job).map(|start| start.at);
    let estimate = match starts_at {
        Some(at) => sentence(at, now),
        None => unknown(&foresight.endless().collect::<Vec<_>>()),
    };
    Outlook { if_only, starts_at, estimate }
}

/// What runs on nodes that are drained is about to stop.
pub(crate) fn empty_draining(view: &mut Snapshot) {
    let draining = |node: &&NodeView| node.schedulable == Schedulable::No(NodePhase::Draining);
    let draining: Vec<NodeName> = view.nodes.iter().filter(draining).map(|node| node.name.clone()).collect();
    if draining.is_empty() {
        return;
    }
    for job in &mut view.jobs {
        if let JobState::Placed { assignments, stopping, .. } = &mut job.state {
            *stopping |= assignments.iter().any(|place| draining.contains(&place.node));
        }
    }
}

fn sentence(at: Time, now: Time) -> String {
    const BASIS: &str =
        "if nobody else comes and what is before it takes what such jobs took, or all that it may";
    if at <= now {
        return format!("it is expected to start any moment, {BASIS}");
    }
    format!("it is expected to start at {at}, in {}, {BASIS}", at.since(now))
}

/// Why nobody can tell, where these run without an end.
fn unknown(endless: &[&JobName]) -> String {
    match endless {
        [] => String::from("nobody can tell when it starts: that is too far ahead"),
        [first, rest @ ..] => {
            let and = match rest.len() {
                0 => String::from("states"),
                1 => String::from("and another job state"),
                more => format!("and {more} more jobs state"),
            };
            format!(
                "nobody can tell when it starts: job `{first}` {and} no maxRunTime, and too few like it have ended"
            )
        }
    }
}

#[cfg(test)]
mod tests;
