//! What is planned again, and what jobs that wait are told of it.

use holdfast_api::store::{self, command};
use holdfast_policy::packs;

use super::*;
use crate::planner::Planner;
use crate::world::{alive, founded, inventory, law, node, said, submitted, trainer};

fn waiting(state: &mut State, job: &str) {
    submitted(state, 4, job, |_| {});
}

#[test]
fn placing_is_another_matter_only_after_a_node_a_job_or_a_queue_has_changed() {
    let mut state = founded(1);
    let concerns = |state: &State, since: u64| concerns_placement(state, since);
    let since = state.revision();
    assert!(!concerns(&state, since));
    let commit = store::CommitVersion {
        spec: Some(v1::ArtifactSpec {
            kind: "dataset".to_owned(),
            name: "d".to_owned(),
            ..Default::default()
        }),
        node: node(0),
        ..store::CommitVersion::default()
    };
    said(&mut state, 5, command::Body::CommitVersion(commit));
    assert!(state.revision() > since && !concerns(&state, since));
    waiting(&mut state, "a");
    assert!(concerns(&state, since));
    let since = state.revision();
    let report =
        store::ReportNode { node: node(0), inventory: Some(inventory()), ..store::ReportNode::default() };
    said(&mut state, 6, command::Body::ReportNode(report));
    assert!(concerns(&state, since));
    assert!(concerns(&state, 0), "what changed before the first that is kept is not known");
}

#[test]
fn the_scheduler_sees_a_job_when_it_waits_for_nothing_but_a_place_and_its_time() {
    let mut state = founded(1);
    waiting(&mut state, "a");
    submitted(&mut state, 4, "b", |spec| {
        let job = "a".to_owned();
        spec.depends_on.push(v1::JobDependency { job, condition: "afternotok".to_owned() });
        spec.not_before = Some(holdfast_api::timestamp(Time(50)));
    });
    submitted(&mut state, 4, "c", |spec| {
        let job = "a".to_owned();
        spec.depends_on.push(v1::JobDependency { job, condition: "after".to_owned() });
    });
    let bundle = law();
    let seen = |state: &State| -> Vec<(String, Time, Option<Time>)> {
        let view = snapshot(state, &bundle, Time(10));
        let job = |job: JobView| match job.state {
            JobState::Waiting { not_before, .. } => (job.name.to_string(), job.submitted, not_before),
            JobState::Placed { .. } => panic!("nothing was placed"),
        };
        view.jobs.into_iter().map(job).collect()
    };
    assert_eq!(seen(&state), [("a".to_owned(), Time(4), None)]);
    said(&mut state, 20, command::Body::CancelJob(store::EndJob { name: "a".to_owned() }));
    let expected = [("b".to_owned(), Time(50), Some(Time(50))), ("c".to_owned(), Time(20), None)];
    assert_eq!(seen(&state), expected, "who waited for others did not wait for the scheduler");
}

#[test]
fn a_part_of_an_accelerator_is_the_same_to_the_plan_the_state_and_the_next_plan() {
    let mut state = founded(1);
    submitted(&mut state, 4, "a", |spec| {
        let devices =
            v1::DeviceRequest { class: "nvidia".to_owned(), share_millis: 250, ..Default::default() };
        let resources = v1::Resources { devices: Some(devices), ..Default::default() };
        spec.groups[0].resources = Some(resources);
    });
    let device = v1::Device { class: "nvidia".to_owned(), memory_bytes: 80 << 30, ..v1::Device::default() };
    let inventory = v1::NodeInventory { devices: vec![device], ..inventory() };
    let report =
        store::ReportNode { node: node(0), inventory: Some(inventory), ..store::ReportNode::default() };
    alive(&mut state, 0);
    said(&mut state, 6, command::Body::ReportNode(report));
    let place = Assignment {
        rank: holdfast_types::Rank(0),
        node: node(0).parse().unwrap(),
        devices: vec![DeviceIndex(0)],
        share: DeviceShare::new(250),
    };
    let gang = holdfast_scheduler::GangPlacement {
        job: "a".parse().unwrap(),
        uid: "uid-a".to_owned(),
        variant: 0,
        assignments: vec![place.clone()],
    };
    let (base_revision, now, hash) = (0, Time(5), String::new());
    let (preempts, holds, ask_again, is_full) = (Vec::new(), Vec::new(), None, false);
    let gangs = vec![gang];
    let plan = Plan { base_revision, now, preempts, gangs, holds, ask_again, is_full, hash };
    let commit = commit_plan(&plan, BTreeMap::new(), "law").unwrap();
    said(&mut state, 7, command::Body::CommitPlan(commit));
    let bundle = law();
    let seen = snapshot(&state, &bundle, Time(10));
    let JobState::Placed { assignments, .. } = &seen.jobs[0].state else { panic!("it was not placed") };
    assert_eq!(assignments, &[place]);
}

#[test]
fn the_variant_of_a_gang_is_the_same_to_the_plan_the_state_and_its_tasks() {
    let mut state = founded(1);
    trainer(&mut state);
    submitted(&mut state, 4, "a", |spec| {
        let asks = |count| {
            let devices = v1::DeviceRequest { class: "nvidia".to_owned(), count, ..Default::default() };
            v1::Resources { devices: Some(devices), ..Default::default() }
        };
        spec.groups[0].resources = Some(asks(2));
        spec.groups[0].variants = vec![asks(1)];
    });
    let device = v1::Device { class: "nvidia".to_owned(), memory_bytes: 80 << 30, ..v1::Device::default() };
    let inventory = v1::NodeInventory { devices: vec![device], ..inventory() };
    alive(&mut state, 0);
    let (node, inventory) = (node(0), Some(inventory));
    said(
        &mut state,
        6,
        command::Body::ReportNode(store::ReportNode { node, inventory, ..Default::default() }),
    );
    let bundle = law();
    let plan = holdfast_scheduler::plan(
        &snapshot(&state, &bundle, Time(10)),
        &holdfast_scheduler::Config::default(),
        Time(10),
    );
    assert_eq!(plan.gangs[0].variant, 1);
    let held = Plan { holds: plan.gangs.clone(), gangs: Vec::new(), ..plan.clone() };
    said(&mut state, 9, command::Body::CommitPlan(commit_plan(&held, BTreeMap::new(), "law").unwrap()));
    let waits = &snapshot(&state, &bundle, Time(9)).jobs[0].state;
    assert!(matches!(waits, JobState::Waiting { held_in: 1, held, .. } if held.len() == 1), "{waits:?}");
    let commit = commit_plan(&plan, BTreeMap::new(), "law").unwrap();
    said(&mut state, 10, command::Body::CommitPlan(commit));
    let seen = snapshot(&state, &bundle, Time(11));
    assert!(matches!(seen.jobs[0].state, JobState::Placed { variant: 1, .. }));
    let task = crate::desired(&state, &self::node(0)).tasks.remove(0);
    let devices = task.resources.and_then(|resources| resources.devices).map(|devices| devices.count);
    assert_eq!((task.variant, devices), (1, Some(1)));
}

#[test]
fn what_the_law_said_holds_until_it_says_something_else() {
    let mut state = founded(1);
    alive(&mut state, 0);
    trainer(&mut state);
    waiting(&mut state, "a");
    waiting(&mut state, "b");
    let night = r#"@id("night") @reason("not before") forbid (principal, action == Holdfast::Action::"place", resource)
        when { context.now < datetime("1970-01-01T00:00:00.020Z") };"#;
    let tenant = format!("{}\n{night}", packs::DEMO.tenant);
    let bundle = packs::under_constitution(&tenant, packs::DEMO.law).unwrap();
    let planner = Planner::new(&state, &bundle, Time(10));
    assert!(!planner.is_overruled(&state, &bundle, Time(19)));
    assert!(planner.is_overruled(&state, &bundle, Time(20)), "from now on they may be placed");
    let mut planner = Planner::following(Some(planner), &state, &bundle, Time(20));
    assert_eq!(planner.plan().gangs.len(), 2, "whoever plans asks a law that reads the clock");
    assert!(!planner.is_overruled(&state, &bundle, Time(30)));
    assert!(planner.is_overruled(&founded(1), &bundle, Time(30)), "what the jobs read is gone");
}

#[test]
fn what_an_accelerator_computes_in_follows_from_its_model() {
    let device = |model: &str| {
        let (class, model) = ("nvidia".to_owned(), model.to_owned());
        device_view(&v1::Device { class, model, ..v1::Device::default() }).unwrap()
    };
    let fp8 = holdfast_types::Precision::Fp8;
    assert!(device("NVIDIA H100 80GB HBM3").precisions.contains(&fp8));
    let older = device("NVIDIA A100-SXM4-80GB").precisions;
    assert!(!older.is_empty() && !older.contains(&fp8));
    assert!(device("simulated").precisions.is_empty(), "what is not known is taken for able");
}
