//! States for tests, made by commands as a cluster makes them.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::store::{self, Command, command};
use holdfast_api::{internal, v1};
use holdfast_policy::{Bundle, packs};
use holdfast_state::State;
use holdfast_types::Time;
use prost::Message as _;

use crate::placement::commit_plan;
use crate::planner::Planner;

pub(crate) fn node(number: u64) -> String {
    format!("n{number}")
}

pub(crate) fn inventory() -> v1::NodeInventory {
    v1::NodeInventory { cpu_millis: ALL, memory_bytes: 1 << 40, ..v1::NodeInventory::default() }
}

pub(crate) fn said(state: &mut State, now: u64, body: command::Body) {
    let command = Command { actor: "operator/test".to_owned(), body: Some(body), ..Command::default() };
    state.apply(Time(now), &command.encode_to_vec());
}

/// A cluster in which so many nodes of berlin have joined.
pub(crate) fn founded(nodes: u64) -> State {
    let mut state = State::default();
    let bundle = v1::PolicyBundle { hash: "law".to_owned(), ..v1::PolicyBundle::default() };
    let init = store::InitCluster {
        cluster_id: "c".to_owned(),
        name: "c".to_owned(),
        bundle: Some(bundle),
        feature_level: holdfast_state::NEWEST_LEVEL,
    };
    said(&mut state, 1, command::Body::InitCluster(init));
    (0..nodes).for_each(|number| enrolled(&mut state, number, ("DE", "berlin")));
    state
}

/// A node of another state.
pub(crate) fn abroad(state: &mut State, number: u64) {
    enrolled(state, number, ("US", "ashburn"));
}

fn enrolled(state: &mut State, number: u64, (jurisdiction, site): (&str, &str)) {
    let name = node(number);
    let token = store::CreateToken {
        id: name.clone(),
        hash: "hash".to_owned(),
        jurisdiction: jurisdiction.to_owned(),
        site: site.to_owned(),
        expires_at_ms: u64::MAX,
        approve: true,
    };
    said(state, 2, command::Body::CreateToken(token));
    let enrol = store::EnrolNode {
        token_id: name.clone(),
        token_hash: "hash".to_owned(),
        certificate_serial: format!("serial-{name}"),
        node: name,
        certificate_expires_ms: u64::MAX,
        controller: false,
    };
    said(state, 3, command::Body::EnrolNode(enrol));
}

/// A node reports for the first time.
pub(crate) fn alive(state: &mut State, number: u64) {
    let node = node(number);
    let report = store::ReportNode {
        node: node.clone(),
        data_address: format!("{node}:7003"),
        inventory: Some(inventory()),
        ..store::ReportNode::default()
    };
    said(state, 4, command::Body::ReportNode(report));
    let phase = store::SetNodePhase { node, alive: true, reason: "it reports".to_owned() };
    said(state, 4, command::Body::SetNodePhase(phase));
}

/// A data set of Germany on the first node.
pub(crate) fn committed(state: &mut State, name: &str, copies: u32) {
    let label = v1::LegalLabel { residency: vec!["DE".to_owned()], ..v1::LegalLabel::default() };
    let spec = v1::ArtifactSpec {
        kind: "dataset".to_owned(),
        name: name.to_owned(),
        label: Some(label),
        tenant: "lab".to_owned(),
        owner: "anna".to_owned(),
        copies,
        ..v1::ArtifactSpec::default()
    };
    let commit = store::CommitVersion { spec: Some(spec), node: node(0), ..store::CommitVersion::default() };
    said(state, 5, command::Body::CommitVersion(commit));
    assert!(state.newest(&format!("dataset/{name}")).is_some());
}

/// The label of what research in Germany may use.
pub(crate) fn german() -> v1::LegalLabel {
    let (residency, purposes) = (vec!["DE".to_owned()], vec!["research".to_owned()]);
    v1::LegalLabel { residency, purposes, ..v1::LegalLabel::default() }
}

/// The image that jobs run.
pub(crate) fn trainer(state: &mut State) {
    let image = v1::ArtifactSpec {
        kind: "image".to_owned(),
        name: "trainer".to_owned(),
        label: Some(german()),
        tenant: "lab".to_owned(),
        owner: "anna".to_owned(),
        ..v1::ArtifactSpec::default()
    };
    let image = store::CommitVersion { spec: Some(image), node: node(0), ..store::CommitVersion::default() };
    said(state, 4, command::Body::CommitVersion(image));
}

/// A job of one task that needs nothing, or what it becomes.
pub(crate) fn submitted(state: &mut State, now: u64, job: &str, edit: impl FnOnce(&mut v1::JobSpec)) {
    let mut spec = v1::JobSpec {
        kind: "batch".to_owned(),
        queue: "default".to_owned(),
        tenant: "lab".to_owned(),
        purpose: "research".to_owned(),
        image: "trainer@1".to_owned(),
        groups: vec![v1::TaskGroup {
            name: "worker".to_owned(),
            count: 1,
            resources: None,
            topology: None,
            variants: Vec::new(),
            min: 0,
        }],
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
    said(state, now, command::Body::SubmitJob(submit));
    assert!(state.job(job).is_some());
}

/// What waits is planned, and the plan is committed.
pub(crate) fn planned(state: &mut State, bundle: &Bundle, now: u64) {
    let mut planner = Planner::new(state, bundle, Time(now));
    let plan = planner.plan();
    if let Some(commit) = commit_plan(&plan, BTreeMap::new(), "law") {
        said(state, now, command::Body::CommitPlan(commit));
    }
}

/// What the nodes of a job say where all of its tasks are in this phase.
pub(crate) fn reports(state: &State, job: &str, phase: &str) -> Vec<command::Body> {
    let job = state.job(job).cloned().unwrap_or_default();
    let (metadata, status) = (job.metadata.unwrap_or_default(), job.status.unwrap_or_default());
    let report = |task: &v1::TaskStatus| internal::TaskReport {
        job: metadata.name.clone(),
        job_uid: metadata.uid.clone(),
        fence: holdfast_state::fence_of(&status, task),
        rank: task.rank,
        phase: phase.to_owned(),
        ..internal::TaskReport::default()
    };
    let nodes: BTreeSet<&String> = status.tasks.iter().map(|task| &task.node).collect();
    let said = |node: &String| {
        let tasks = status.tasks.iter().filter(|task| task.node == *node).map(report).collect();
        command::Body::ReportTasks(store::ReportTasks { node: node.clone(), tasks })
    };
    nodes.into_iter().map(said).collect()
}

/// The nodes of a job say so.
pub(crate) fn reported(state: &mut State, now: u64, job: &str, phase: &str) {
    reports(state, job, phase).into_iter().for_each(|body| said(state, now, body));
}

/// The law of the demonstration.
pub(crate) fn law() -> Bundle {
    packs::under_constitution(packs::DEMO.tenant, packs::DEMO.law).unwrap()
}

/// All of a node, in thousandths of its cores.
pub(crate) const ALL: u64 = 64_000;

/// So many tasks, each with so many thousandths of a core.
pub(crate) fn cores(tasks: u32, millis: u64) -> Vec<v1::TaskGroup> {
    let resources = v1::Resources { cpu_millis: millis, memory_bytes: 1 << 20, devices: None };
    let name = "worker".to_owned();
    vec![v1::TaskGroup { name, count: tasks, resources: Some(resources), ..v1::TaskGroup::default() }]
}
