//! What is planned again, and what jobs that wait are told of it.

use holdfast_api::store::{self, command};
use holdfast_policy::packs;
use holdfast_types::JobName;

use super::*;
use crate::world::{alive, founded, inventory, node, said};

fn waiting(state: &mut State, job: &str) {
    waiting_so(state, job, |_| {});
}

fn waiting_so(state: &mut State, job: &str, edit: impl FnOnce(&mut v1::JobSpec)) {
    let mut spec = v1::JobSpec {
        kind: "batch".to_owned(),
        queue: "default".to_owned(),
        tenant: "lab".to_owned(),
        purpose: "research".to_owned(),
        image: "trainer@1".to_owned(),
        groups: vec![v1::TaskGroup { name: "worker".to_owned(), count: 1, resources: None, topology: None }],
        ..v1::JobSpec::default()
    };
    edit(&mut spec);
    let submit = store::SubmitJob {
        name: job.to_owned(),
        uid: format!("uid-{job}"),
        spec: Some(spec),
        submitted_by: "anna".to_owned(),
        ..store::SubmitJob::default()
    };
    said(state, 4, command::Body::SubmitJob(submit));
    assert!(state.job(job).is_some());
}

fn planned(jobs: &[&str], summary: &str, never_fits: bool) -> Explanations {
    let explanation = Arc::new(Explanation {
        summary: summary.to_owned(),
        waterfall: Vec::new(),
        per_node: [("n0".parse().unwrap(), "too small".to_owned())].into(),
        never_fits,
    });
    let name = |job: &&str| job.parse::<JobName>().unwrap();
    jobs.iter().map(|job| (name(job), Arc::clone(&explanation))).collect()
}

/// A plan in which nothing happens.
fn nothing() -> Plan {
    Plan {
        base_revision: 0,
        now: Time(5),
        preempts: Vec::new(),
        gangs: Vec::new(),
        holds: Vec::new(),
        ask_again: None,
        is_full: false,
        hash: String::new(),
    }
}

#[test]
fn a_job_is_told_once_why_it_waits_and_again_where_it_matters() {
    let mut state = founded(1);
    waiting(&mut state, "a");
    let told =
        |state: &State, why: &Explanations, telling| commit_plan(&nothing(), why, "law", state, telling);
    let first = told(&state, &planned(&["a"], "2 are free", false), Telling::New).unwrap();
    let sentence = &first.explanations["a"];
    assert_eq!((sentence.summary.as_str(), sentence.never_fits), ("2 are free", false));
    assert!(sentence.nodes.is_empty() && sentence.text.is_empty(), "the rest is for who asks");
    said(&mut state, 6, command::Body::CommitPlan(first));
    assert_eq!(state.job("a").unwrap().status.as_ref().unwrap().reason, "2 are free");
    let same = planned(&["a"], "2 are free", false);
    let other = planned(&["a"], "3 are free", false);
    let never = planned(&["a"], "none is large enough", true);
    assert_eq!(told(&state, &same, Telling::Changed), None);
    assert_eq!(told(&state, &other, Telling::New), None);
    assert_eq!(told(&state, &other, Telling::Changed).unwrap().explanations["a"].summary, "3 are free");
    assert!(told(&state, &never, Telling::New).unwrap().explanations["a"].never_fits);
}

#[test]
fn a_command_tells_so_many_jobs_and_no_more() {
    let names: Vec<String> = (0..=MAX_TOLD).map(|number| format!("j{number:04}")).collect();
    let jobs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut state = founded(1);
    jobs.iter().for_each(|job| waiting(&mut state, job));
    let plan = planned(&jobs, "it is full", false);
    let first = commit_plan(&nothing(), &plan, "law", &state, Telling::New).unwrap();
    assert_eq!(first.explanations.len(), MAX_TOLD);
    said(&mut state, 6, command::Body::CommitPlan(first));
    let second = commit_plan(&nothing(), &plan, "law", &state, Telling::New).unwrap();
    assert_eq!(second.explanations.len(), 1);
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
    waiting_so(&mut state, "b", |spec| {
        let job = "a".to_owned();
        spec.depends_on.push(v1::JobDependency { job, condition: "afternotok".to_owned() });
        spec.not_before = Some(holdfast_api::timestamp(Time(50)));
    });
    waiting_so(&mut state, "c", |spec| {
        let job = "a".to_owned();
        spec.depends_on.push(v1::JobDependency { job, condition: "after".to_owned() });
    });
    let bundle = packs::under_constitution(packs::DEMO.tenant, packs::DEMO.law).unwrap();
    let seen = |state: &State| -> Vec<(String, Time, Option<Time>)> {
        let (view, _) = snapshot(state, &bundle, Time(10));
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
    waiting_so(&mut state, "a", |spec| {
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
        rank: Rank(0),
        node: node(0).parse().unwrap(),
        devices: vec![DeviceIndex(0)],
        share: DeviceShare::new(250),
    };
    let gang = holdfast_scheduler::GangPlacement {
        job: "a".parse().unwrap(),
        uid: "uid-a".to_owned(),
        assignments: vec![place.clone()],
    };
    let plan = Plan { gangs: vec![gang], ..nothing() };
    let commit = commit_plan(&plan, &Explanations::new(), "law", &state, Telling::New).unwrap();
    said(&mut state, 7, command::Body::CommitPlan(commit));
    let bundle = packs::under_constitution(packs::DEMO.tenant, packs::DEMO.law).unwrap();
    let (seen, _) = snapshot(&state, &bundle, Time(10));
    let JobState::Placed { assignments, .. } = &seen.jobs[0].state else { panic!("it was not placed") };
    assert_eq!(assignments, &[place]);
}

#[test]
fn what_the_law_said_holds_until_it_says_something_else() {
    let mut state = founded(1);
    alive(&mut state, 0);
    let label = v1::LegalLabel { residency: vec!["DE".to_owned()], ..v1::LegalLabel::default() };
    let image = v1::ArtifactSpec {
        kind: "image".to_owned(),
        name: "trainer".to_owned(),
        label: Some(label),
        tenant: "lab".to_owned(),
        owner: "anna".to_owned(),
        ..v1::ArtifactSpec::default()
    };
    let image = store::CommitVersion { spec: Some(image), node: node(0), ..store::CommitVersion::default() };
    said(&mut state, 4, command::Body::CommitVersion(image));
    waiting(&mut state, "a");
    waiting(&mut state, "b");
    let night = r#"@id("night") @reason("not before") forbid (principal, action == Holdfast::Action::"place", resource)
        when { context.now < datetime("1970-01-01T00:00:00.020Z") };"#;
    let tenant = format!("{}\n{night}", packs::DEMO.tenant);
    let bundle = packs::under_constitution(&tenant, packs::DEMO.law).unwrap();
    let (_, rulings) = snapshot(&state, &bundle, Time(10));
    assert!(rulings.hold(&state, &bundle, Time(19)));
    assert!(!rulings.hold(&state, &bundle, Time(20)), "from now on they may be placed");
    let (_, rulings) = snapshot(&state, &bundle, Time(20));
    assert!(rulings.hold(&state, &bundle, Time(30)));
    assert!(!rulings.hold(&founded(1), &bundle, Time(30)), "the job that stood for others is gone");
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
