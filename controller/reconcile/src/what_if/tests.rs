//! What would come of changes.

use holdfast_api::store::{self, command};

use super::*;
use crate::world::{ALL, alive, cores, founded, law, node, planned, reported, said, submitted, trainer};

/// Two nodes, each with a job; a third that is no node yet; and a job that waits.
fn busy() -> State {
    let mut state = founded(3);
    trainer(&mut state);
    (0..2).for_each(|number| alive(&mut state, number));
    for (at, job) in [(10, "one"), (11, "two")] {
        submitted(&mut state, at, job, |spec| {
            spec.groups = cores(1, ALL);
            spec.max_run_time_ms = 3_600_000;
        });
    }
    planned(&mut state, &law(), 20);
    ["one", "two"].into_iter().for_each(|job| reported(&mut state, 20, job, "Running"));
    submitted(&mut state, 30, "three", |spec| spec.groups = cores(1, ALL));
    state
}

fn drained(state: &mut State, number: u64) {
    let change = "drain".to_owned();
    let change = store::ChangeNode { node: node(number), change, ..store::ChangeNode::default() };
    said(state, 40, command::Body::ChangeNode(change));
}

/// `job: as it is -> as it would be`, with where and when.
fn lines(report: &v1::WhatIfReport) -> Vec<String> {
    let one = |forecast: &Option<v1::JobForecast>| {
        let Some(forecast) = forecast else { return String::from("-") };
        let at = forecast.starts_at.as_ref().map(|at| format!(" at {}", holdfast_api::millis(Some(at)).0));
        let on = if forecast.nodes.is_empty() {
            String::new()
        } else {
            format!(" on {}", forecast.nodes.join(","))
        };
        format!("{}{on}{}", forecast.outcome, at.unwrap_or_default())
    };
    report.jobs.iter().map(|job| format!("{}: {} -> {}", job.job, one(&job.now), one(&job.then))).collect()
}

fn cluster(outlook: &Option<v1::ClusterOutlook>) -> [u32; 3] {
    outlook.as_ref().map(|outlook| [outlook.nodes, outlook.running, outlook.waiting]).unwrap()
}

#[test]
fn one_node_more_starts_what_waits() {
    let before = busy();
    let mut after = before.clone();
    alive(&mut after, 2);
    let report = what_if(&before, &after, &law(), Time(50));
    assert_eq!(lines(&report), ["three: waits at 3600020 -> starts on n2"]);
    assert_eq!((cluster(&report.now), cluster(&report.then)), ([2, 2, 1], [3, 3, 0]));
    let all = report.now.and_then(|now| now.all_started_at);
    assert_eq!(holdfast_api::millis(all.as_ref()), Time(3_600_020));
}

#[test]
fn what_runs_on_a_node_that_is_drained_waits_for_another_and_goes_before_who_came_later() {
    let before = busy();
    let mut after = before.clone();
    drained(&mut after, 0);
    let report = what_if(&before, &after, &law(), Time(50));
    assert_eq!(
        lines(&report),
        ["one: runs -> stops at 3600020", "three: waits at 3600020 -> waits at 7200020"]
    );
    let reason = report.jobs[0].then.as_ref().map(|then| then.reason.as_str());
    assert_eq!(reason, Some("a node that it runs on is drained"));
    alive(&mut after, 2);
    let report = what_if(&before, &after, &law(), Time(50));
    assert_eq!(lines(&report), ["one: runs -> moves on n2"]);
}

#[test]
fn a_job_that_is_not_there_yet_is_foreseen_and_one_that_goes_is_missed() {
    let before = busy();
    let mut after = before.clone();
    said(&mut after, 40, command::Body::CancelJob(store::EndJob { name: "three".to_owned() }));
    submitted(&mut after, 41, "small", |spec| spec.groups = cores(1, 1));
    submitted(&mut after, 42, "large", |spec| spec.groups = cores(9, ALL));
    let report = what_if(&before, &after, &law(), Time(50));
    let seen = ["large: - -> waits", "small: - -> waits at 3600020", "three: waits at 3600020 -> -"];
    assert_eq!(lines(&report), seen);
    assert_eq!(report.then.map(|then| then.never_fit), Some(1));
    assert_eq!(what_if(&before, &before, &law(), Time(50)).jobs, []);
}
