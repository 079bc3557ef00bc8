//! When a job is expected to start.

use super::*;
use crate::world::{ALL, alive, cores, founded, law, planned, reported, submitted, trainer};

const MINUTE: u64 = 60_000;

fn one_node() -> State {
    let mut state = founded(1);
    trainer(&mut state);
    alive(&mut state, 0);
    state
}

/// Takes the node for so long, and ends well.
fn run(state: &mut State, job: &str, from: u64, took: u64) {
    submitted(state, from, job, |spec| spec.groups = cores(1, ALL));
    planned(state, &law(), from);
    reported(state, from, job, "Running");
    reported(state, from + took, job, "Succeeded");
}

fn check(state: &State, now: u64, job: &str, starts_at: Option<u64>, words: &str) {
    let found = outlook(state, &law(), Time(now), (&job.parse().unwrap(), false));
    assert_eq!(found.starts_at.map(|at| at.0), starts_at, "{found:?}");
    assert!(found.estimate.starts_with(words), "{found:?}");
}

#[test]
fn a_job_starts_when_what_runs_may_run_no_longer() {
    let mut state = one_node();
    submitted(&mut state, 10, "one", |spec| {
        spec.groups = cores(1, ALL);
        spec.max_run_time_ms = 60 * MINUTE;
    });
    planned(&mut state, &law(), 20);
    submitted(&mut state, 30, "two", |spec| spec.groups = cores(1, ALL));
    submitted(&mut state, 31, "three", |spec| spec.groups = cores(1, ALL));
    let at = 20 + 60 * MINUTE;
    check(
        &state,
        40,
        "two",
        Some(at),
        &format!("it is expected to start at {}, in 59m59s, if nobody", Time(at)),
    );
    let states = "nobody can tell when it starts: job `two` states no maxRunTime";
    check(&state, 40, "three", None, states);
}

#[test]
fn nobody_can_tell_when_something_ends_that_is_like_nothing_before() {
    let mut state = one_node();
    submitted(&mut state, 10, "one", |spec| spec.groups = cores(1, ALL));
    planned(&mut state, &law(), 20);
    submitted(&mut state, 30, "two", |spec| spec.groups = cores(1, ALL));
    check(&state, 40, "two", None, "nobody can tell when it starts: job `one` states no maxRunTime");
}

#[test]
fn jobs_are_expected_to_take_what_jobs_like_them_took() {
    let mut state = one_node();
    let mut now = 10;
    for (number, minutes) in [7, 5, 6].into_iter().enumerate() {
        run(&mut state, &format!("old-{number}"), now, minutes * MINUTE);
        now += 10 * MINUTE;
    }
    submitted(&mut state, now, "one", |spec| spec.groups = cores(1, ALL));
    planned(&mut state, &law(), now);
    submitted(&mut state, now + 1, "two", |spec| spec.groups = cores(1, ALL));
    submitted(&mut state, now + 2, "three", |spec| spec.groups = cores(1, ALL));
    check(&state, now + 3, "two", Some(now + 7 * MINUTE), "it is expected to start at");
    check(&state, now + 3, "three", Some(now + 14 * MINUTE), "it is expected to start at");
    // One that goes on for longer goes on for as long again.
    check(&state, now + 20 * MINUTE, "two", Some(now + 40 * MINUTE), "it is expected to start at");
}
