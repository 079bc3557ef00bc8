//! A plan that was committed, decided once more. It must not know where the state that it was made of comes from.

use std::collections::BTreeMap;

use holdfast_api::store::{CommitPlan, GangPlacement};
use holdfast_policy::Bundle;
use holdfast_state::State;
use holdfast_types::Time;

use crate::placement::commit_plan;
use crate::planner::Planner;

/// The most differences that are named.
const MAX_DIFFERENCES: usize = 16;

/// What a plan comes out as when it is decided once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The hash of the plan.
    pub hash: String,
    /// What is otherwise than was committed; empty where the hash is the same.
    pub differences: Vec<String>,
}

/// Decides a plan once more, from the state and the law that it was made of. The same planner decides, so what is the same was not
/// altered on its way into the log, and hangs on nothing but the log.
#[must_use]
pub fn replay(state: &State, bundle: &Bundle, committed: &CommitPlan) -> Replayed {
    let mut planner = Planner::new(state, bundle, Time(committed.logical_now_ms));
    let plan = planner.plan();
    let law = planner.config().policy_hash.clone();
    let again = commit_plan(&plan, BTreeMap::new(), &law).unwrap_or_default();
    let mut differences = Vec::new();
    if law != committed.policy_hash {
        differences.push(format!("the law was {}, and is {law}", committed.policy_hash));
    }
    let stops = |plan: &CommitPlan| -> BTreeMap<String, String> {
        plan.preempts.iter().map(|stop| (stop.job.clone(), format!("for {}", stop.by))).collect()
    };
    let kinds = [
        ("starts", places(&committed.gangs), places(&again.gangs)),
        ("is held places", places(&committed.holds), places(&again.holds)),
        ("stops", stops(committed), stops(&again)),
    ];
    for (what, was, is) in kinds {
        for (job, one) in &was {
            match is.get(job) {
                Some(two) if one == two => {}
                Some(two) => differences.push(format!("job `{job}` {what} {two}, not {one}")),
                None => differences.push(format!("job `{job}` {what} no more {one}")),
            }
        }
        let new = is.iter().filter(|(job, _)| !was.contains_key(*job));
        differences.extend(new.map(|(job, two)| format!("job `{job}` {what} {two}, which it did not")));
    }
    if differences.is_empty() && plan.hash != committed.plan_hash {
        differences.push(String::from(
            "the same happens, but it was decided in another order or is asked for again at another time",
        ));
    }
    differences.truncate(MAX_DIFFERENCES);
    Replayed { hash: plan.hash, differences }
}

/// Where each gang is, by job.
fn places(gangs: &[GangPlacement]) -> BTreeMap<String, String> {
    let place = |gang: &GangPlacement| {
        let task = |task: &holdfast_api::store::TaskPlacement| {
            let devices: Vec<String> = task.devices.iter().map(ToString::to_string).collect();
            let share =
                if task.share_millis == 0 { String::new() } else { format!("*{}m", task.share_millis) };
            format!("{}:{}[{}]{share}", task.rank, task.node, devices.join(","))
        };
        match gang.tasks.as_slice() {
            [] => String::from("nowhere"),
            tasks => {
                let variant =
                    if gang.variant == 0 { String::new() } else { format!("in variant {} ", gang.variant) };
                format!("{variant}on {}", tasks.iter().map(task).collect::<Vec<_>>().join(" "))
            }
        }
    };
    gangs.iter().map(|gang| (gang.job.clone(), place(gang))).collect()
}

#[cfg(test)]
mod tests;
