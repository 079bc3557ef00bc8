//! What nodes are kept for.

use holdfast_api::timestamp;

use super::*;
use crate::reservation_status;

const HOUR: u64 = 3_600_000;

fn put(name: &str, spec: v1::ReservationSpec) -> command::Body {
    let (name, uid) = (name.to_owned(), format!("reservation-{name}"));
    command::Body::PutReservation(store::PutReservation { name, uid, spec: Some(spec), ..Default::default() })
}

fn on(node: &str, starts_at: u64) -> v1::ReservationSpec {
    v1::ReservationSpec {
        nodes: vec![node.to_owned()],
        starts_at: Some(timestamp(Time(starts_at))),
        duration_ms: HOUR,
        ..v1::ReservationSpec::default()
    }
}

fn reason(plan: &store::PlanOutcome, job: &str) -> String {
    plan.rejected.get(job).cloned().unwrap_or_default()
}

#[test]
fn a_gang_that_would_cross_a_reservation_is_not_placed_on_its_nodes() {
    let mut world = World::new();
    world.done(put("night", on("de-1", 2 * HOUR)));
    world.submit("endless", job_spec(1, 0));
    let told = reason(&world.place("endless", &["de-1"]), "endless");
    assert!(told.contains("node de-1 is kept for others by reservation `night`"), "{told}");
    assert_eq!(world.place("endless", &["de-2"]).placed, ["endless"]);
    world.submit("hour", v1::JobSpec { max_run_time_ms: HOUR, ..job_spec(1, 0) });
    assert_eq!(world.place("hour", &["de-1"]).placed, ["hour"], "it ends before");
    world.now = 2 * HOUR;
    world.submit("later", v1::JobSpec { max_run_time_ms: HOUR, ..job_spec(1, 0) });
    assert!(reason(&world.place("later", &["de-1"]), "later").contains("`night`"));
    world.done(command::Body::DeleteReservation(store::DeleteReservation { name: "night".to_owned() }));
    assert!(!reason(&world.place("later", &["de-1"]), "later").contains("`night`"));
}

#[test]
fn jobs_of_the_queues_it_is_for_and_of_those_below_are_let_in() {
    let mut world = World::new();
    let queue = |name: &str, parent: &str| {
        let spec = v1::QueueSpec { parent: parent.to_owned(), ..v1::QueueSpec::default() };
        command::Body::PutQueue(store::PutQueue {
            name: name.to_owned(),
            spec: Some(spec),
            ..Default::default()
        })
    };
    world.done(queue("science", ""));
    world.done(queue("lab", "science"));
    let course = v1::ReservationSpec {
        count: 2,
        device_class: "nvidia".to_owned(),
        queues: vec!["science".to_owned()],
        ..v1::ReservationSpec::default()
    };
    world.done(put("course", course));
    let status = reservation_status(&world.state, "course", Time(world.now));
    assert_eq!((status.phase.as_str(), status.nodes), ("Begun", vec!["de-1".to_owned(), "de-2".to_owned()]));
    world.submit("theirs", v1::JobSpec { queue: "lab".to_owned(), ..job_spec(1, 0) });
    world.submit("mine", job_spec(1, 0));
    assert!(reason(&world.place("mine", &["de-1"]), "mine").contains("`course`"));
    assert_eq!(world.place("theirs", &["de-1"]).placed, ["theirs"]);
    // One that takes no work any more is replaced.
    world.alive("de-2", false);
    let nodes = reservation_status(&world.state, "course", Time(world.now)).nodes;
    assert_eq!(nodes, ["de-1", "de-3"]);
}

#[test]
fn who_is_in_its_way_is_named_and_can_be_stopped_for_it() {
    let mut world = World::new();
    world.submit("old", v1::JobSpec { preemptible: Some(true), ..job_spec(1, 0) });
    world.place("old", &["de-1"]);
    world.done(put("night", on("de-1", HOUR)));
    let status = reservation_status(&world.state, "night", Time(world.now));
    assert_eq!((status.phase.as_str(), status.jobs), ("Waiting", vec!["old".to_owned()]));
    world.now = HOUR;
    let preemption = store::Preemption {
        job: "old".to_owned(),
        job_uid: "uid-old".to_owned(),
        reservation: "night".to_owned(),
        ..Default::default()
    };
    let plan = store::CommitPlan { preempts: vec![preemption], ..store::CommitPlan::default() };
    world.done(command::Body::CommitPlan(plan));
    assert_eq!(world.status("old").reason, "stops for reservation `night`, and goes on later");
    assert_eq!(reservation_status(&world.state, "night", Time(2 * HOUR)).phase, "Over");
}

#[test]
fn what_names_nobody_is_refused_and_so_are_too_many() {
    let mut world = World::new();
    assert_eq!(world.refused(put("typo", on("de-9", HOUR))), 2220);
    let nobody = v1::ReservationSpec { queues: vec!["nobody".to_owned()], ..on("de-1", HOUR) };
    assert_eq!(world.refused(put("typo", nobody)), 2220);
    for number in 0..256 {
        world.done(put(&format!("r{number}"), on("de-1", HOUR)));
    }
    assert_eq!(world.refused(put("more", on("de-1", HOUR))), 2221);
    world.done(put("r7", on("de-2", HOUR)));
    let delete =
        |name: &str| command::Body::DeleteReservation(store::DeleteReservation { name: name.to_owned() });
    world.done(delete("r7"));
    assert_eq!(world.refused(delete("r7")), 1101);
    let mut old = World::of_level(5);
    assert_eq!(old.refused(put("night", v1::ReservationSpec { count: 1, ..Default::default() })), 1130);
}

#[test]
fn no_gang_starts_below_a_cap_that_it_would_exceed() {
    let mut world = World::new();
    // Two accelerators of an unknown model and two cores.
    let cap = |watts| v1::ReservationSpec { max_power_watts: watts, ..v1::ReservationSpec::default() };
    world.submit("one", job_spec(1, 0));
    world.submit("two", job_spec(1, 0));
    assert_eq!(world.place("one", &["de-1"]).placed, ["one"]);
    let watts = world.status("one").power_watts;
    assert!(watts > 1_400, "{watts}");
    world.done(put("all", cap(2 * watts - 1)));
    let told = reason(&world.place("two", &["de-2"]), "two");
    assert!(told.contains("would be drawn below `all`"), "{told}");
    world.done(put("all", cap(2 * watts)));
    assert_eq!(world.place("two", &["de-2"]).placed, ["two"]);
    let status = reservation_status(&world.state, "all", Time(world.now));
    assert_eq!((status.power_watts, status.jobs.len(), status.nodes.len()), (2 * watts, 0, 3));
}

#[test]
fn a_job_keeps_what_it_has_drawn() {
    let mut world = World::new();
    world.submit("one", v1::JobSpec { preemptible: Some(true), ..job_spec(1, 0) });
    world.place("one", &["de-1"]);
    let watts = world.status("one").power_watts;
    world.report("one", 1, 0, "de-1", "Running");
    world.now += HOUR;
    world.plan(&[("one", "x")], &[]);
    world.report("one", 1, 0, "de-1", "Stopped");
    let status = world.status("one");
    assert_eq!(status.power_watts, 0);
    let hour = watts * 3_600;
    assert!((hour..hour + watts).contains(&status.energy_joules), "{}", status.energy_joules);
}
