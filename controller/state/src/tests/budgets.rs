//! How many jobs of a queue are stopped for others.

use super::*;

const HOUR: u64 = 3_600_000;

fn queue(name: &str, parent: &str, max: u32) -> command::Body {
    let disruptions = (max > 0).then_some(v1::DisruptionBudget { max, per_ms: HOUR });
    let spec = v1::QueueSpec { parent: parent.to_owned(), disruptions, ..v1::QueueSpec::default() };
    let name = name.to_owned();
    command::Body::PutQueue(store::PutQueue { name, spec: Some(spec), ..Default::default() })
}

fn stop(world: &mut World, jobs: &[&str], reservation: &str) -> store::PlanOutcome {
    let preempts = jobs.iter().map(|job| store::Preemption {
        job: (*job).to_owned(),
        job_uid: format!("uid-{job}"),
        by: if reservation.is_empty() { "urgent".to_owned() } else { String::new() },
        reservation: reservation.to_owned(),
    });
    let plan = store::CommitPlan { preempts: preempts.collect(), ..store::CommitPlan::default() };
    match world.done(command::Body::CommitPlan(plan)) {
        outcome::Result::Plan(plan) => plan,
        other => panic!("{other:?}"),
    }
}

/// Three jobs of a queue below `lab` that may be stopped, and run.
fn three(lab: u32, team: u32) -> World {
    let mut world = World::new();
    world.done(queue("lab", "", lab));
    world.done(queue("team", "lab", team));
    for (name, node) in [("a", "de-1"), ("b", "de-2"), ("c", "de-3")] {
        let spec = v1::JobSpec { preemptible: Some(true), queue: "team".to_owned(), ..job_spec(1, 0) };
        world.submit(name, spec);
        world.place(name, &[node]);
    }
    world
}

fn stops(world: &World, queue: &str) -> usize {
    world.state.queue(queue).unwrap().status.as_ref().map_or(0, |status| status.disruptions.len())
}

#[test]
fn a_plan_that_would_stop_more_than_a_budget_allows_stops_no_more() {
    let mut world = three(0, 2);
    let plan = stop(&mut world, &["a", "b", "c"], "");
    assert_eq!(plan.preempted, ["a", "b"]);
    assert_eq!(plan.rejected["c"], "queue `team` allows 2 stops for others per 1h, and they are spent");
    assert_eq!(world.status("c").phase, "Starting", "it goes on");
    // The clock of the world moves with every command.
    world.now += HOUR - 101;
    assert!(stop(&mut world, &["c"], "").preempted.is_empty());
    assert_eq!(stop(&mut world, &["c"], "").preempted, ["c"]);
    assert_eq!(stops(&world, "team"), 1, "what counts no more is forgotten");
}

#[test]
fn what_a_queue_above_has_spent_is_spent_for_those_below_and_nothing_is_spent_in_vain() {
    let mut world = three(1, 3);
    assert_eq!(stop(&mut world, &["a", "b"], "").preempted, ["a"]);
    assert_eq!((stops(&world, "lab"), stops(&world, "team")), (1, 1));
}

#[test]
fn a_stop_for_a_reservation_is_not_counted() {
    let mut world = three(0, 1);
    assert_eq!(stop(&mut world, &["a", "b", "c"], "night").preempted, ["a", "b", "c"]);
    assert_eq!(stops(&world, "team"), 0);
}

#[test]
fn who_watches_queues_hears_nothing_of_what_is_spent() {
    let mut world = three(0, 1);
    let revision = |world: &World| world.state.queue("team").unwrap().metadata.clone().unwrap().revision;
    let before = revision(&world);
    stop(&mut world, &["a"], "");
    assert_eq!((revision(&world), stops(&world, "team")), (before, 1));
}
