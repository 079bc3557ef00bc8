//! What would come of changes: two states are looked ahead from, and what differs is told. It must not know how a state is changed.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::{timestamp, v1};
use holdfast_policy::Bundle;
use holdfast_scheduler::{Assignment, Cause, Foresight, JobState, JobView, NodeView, Schedulable, Snapshot};
use holdfast_state::State;
use holdfast_types::{DeviceIndex, JobName, NodeName, Span, Time};

use crate::expected::Expected;
use crate::outlook::empty_draining;
use crate::placement::snapshot;
use crate::planner::settings;
use crate::rulings::Asked;

/// The most jobs that a report names.
const MAX_JOBS: usize = 256;
/// Starts that differ by less are the same.
const MOMENT: Span = Span::from_secs(60);

/// How the cluster would go on from the second state rather than from the first.
#[must_use]
pub fn what_if(before: &State, after: &State, bundle: &Bundle, now: Time) -> v1::WhatIfReport {
    let (cluster, known) = ahead(before, bundle, now);
    let (then, mut others) = ahead(after, bundle, now);
    let mut jobs = Vec::new();
    for (name, one) in known {
        let two = others.remove(&name);
        if two.as_ref().is_none_or(|two| differ(&one, two)) {
            jobs.push(v1::JobOutlook {
                job: name.to_string(),
                queue: one.0,
                now: Some(one.1),
                then: two.map(|two| two.1),
            });
        }
    }
    let new = |(name, (queue, then)): (JobName, Forecast)| v1::JobOutlook {
        job: name.to_string(),
        queue,
        now: None,
        then: Some(then),
    };
    jobs.extend(others.into_iter().map(new));
    jobs.sort_by(|one, two| one.job.cmp(&two.job));
    let more_jobs = u32::try_from(jobs.len().saturating_sub(MAX_JOBS)).unwrap_or(u32::MAX);
    jobs.truncate(MAX_JOBS);
    v1::WhatIfReport { revision: before.revision(), now: Some(cluster), then: Some(then), jobs, more_jobs }
}

/// The queue of a job, and what is foreseen of it.
type Forecast = (String, v1::JobForecast);

fn differ((_, one): &Forecast, (_, two): &Forecast) -> bool {
    let time =
        |forecast: &v1::JobForecast| forecast.starts_at.as_ref().map(|at| holdfast_api::millis(Some(at)));
    let is_later = match (time(one), time(two)) {
        (Some(one), Some(two)) => one.since(two).max(two.since(one)) >= MOMENT,
        (one, two) => one != two,
    };
    one.outcome != two.outcome || one.nodes != two.nodes || is_later
}

/// Looks ahead from a state.
fn ahead(state: &State, bundle: &Bundle, now: Time) -> (v1::ClusterOutlook, BTreeMap<JobName, Forecast>) {
    let (mut view, config) = (snapshot(state, bundle, now), settings(state, bundle));
    empty_draining(&mut view);
    let expected = Expected::of(Asked { state, bundle, now });
    let mut foresight = Foresight::new(&view, &config, now, expected);
    let mut cluster = cluster(&view, foresight.jobs());
    let why = foresight.scheduler().explanations();
    let (starts, stopped) = (foresight.starts().clone(), foresight.stopped().clone());
    let waiting: Vec<JobName> =
        why.iter().filter(|(_, why)| !why.never_fits).map(|(job, _)| job.clone()).collect();
    let is_all = foresight.until_started(waiting.iter());
    let last = waiting.iter().filter_map(|job| foresight.starts().get(job)).map(|start| start.at).max();
    cluster.never_fit = count(why.len().saturating_sub(waiting.len()));
    cluster.all_started_at = last.filter(|_| is_all).map(timestamp);
    let forecast = |job: &JobView| {
        let held = matches!(job.state, JobState::Placed { .. });
        let is_drained = matches!(job.state, JobState::Placed { stopping: true, .. });
        let start = starts.get(&job.name);
        let (outcome, reason) = match (held, start, why.get(&job.name), stopped.get(&job.name)) {
            (false, Some(_), ..) => ("starts", String::new()),
            (true, Some(_), ..) => ("moves", stop(is_drained, stopped.get(&job.name))),
            (true, None, Some(_), by) => ("stops", stop(is_drained, by)),
            (false, None, Some(why), _) => ("waits", why.summary.clone()),
            (true, None, None, _) => ("runs", String::new()),
            (false, None, None, _) => return None,
        };
        let later = foresight.starts().get(&job.name).filter(|_| start.is_none());
        Some((
            job.queue.to_string(),
            v1::JobForecast {
                outcome: outcome.to_owned(),
                starts_at: later.map(|start| timestamp(start.at)),
                reason,
                nodes: start.map(|start| nodes(&start.assignments)).unwrap_or_default(),
            },
        ))
    };
    let jobs = view.jobs.iter().filter_map(|job| Some((job.name.clone(), forecast(job)?))).collect();
    (cluster, jobs)
}

/// Why a job is stopped.
fn stop(is_drained: bool, by: Option<&Cause>) -> String {
    match by {
        Some(Cause::Job(by)) => format!("it is stopped so that job `{by}` finds room"),
        Some(by) => format!("it is stopped for {by}"),
        None if is_drained => String::from("a node that it runs on is drained"),
        None => String::from("it is stopped"),
    }
}

fn nodes(assignments: &[Assignment]) -> Vec<String> {
    let nodes: BTreeSet<&NodeName> = assignments.iter().map(|place| &place.node).collect();
    nodes.into_iter().map(ToString::to_string).collect()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What there is, and what of it is in use.
fn cluster<'a>(view: &Snapshot, jobs: impl Iterator<Item = &'a JobView>) -> v1::ClusterOutlook {
    let open: BTreeMap<&NodeName, &NodeView> = view
        .nodes
        .iter()
        .filter(|node| node.schedulable == Schedulable::Yes)
        .map(|node| (&node.name, node))
        .collect();
    let mut outlook = v1::ClusterOutlook { nodes: count(open.len()), ..v1::ClusterOutlook::default() };
    for device in open.values().flat_map(|node| &node.devices).filter(|device| device.healthy) {
        *outlook.devices.entry(device.class.to_string()).or_default() += 1;
    }
    let mut taken: BTreeSet<(&NodeName, DeviceIndex)> = BTreeSet::new();
    for job in jobs {
        let JobState::Placed { assignments, .. } = &job.state else {
            outlook.waiting += 1;
            continue;
        };
        outlook.running += 1;
        for place in assignments {
            let Some((name, node)) = open.get_key_value(&place.node) else { continue };
            let has = node.devices.iter().filter(|device| place.devices.contains(&device.index));
            for device in has.filter(|device| device.healthy && taken.insert((*name, device.index))) {
                *outlook.devices_in_use.entry(device.class.to_string()).or_default() += 1;
            }
        }
    }
    outlook
}

#[cfg(test)]
mod tests;
