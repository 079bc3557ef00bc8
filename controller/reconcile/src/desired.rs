//! What one node should run and keep: everything, every time, from the state alone.

use std::collections::BTreeSet;

use holdfast_api::{internal, v1};
use holdfast_state::{State, fence_of, fence_of_rank};
use holdfast_types::{JobPhase, NodePhase, TaskPhase};

use crate::holders::belongs_to;
use crate::replica::replica;
use crate::update::update_of;

/// The desired state of a node, without the law bundle, which only agents that lack it are sent. Looks at the whole state:
/// [`crate::Concerns`] finds the same where many ask.
#[must_use]
pub fn desired(state: &State, node: &str) -> internal::Desired {
    let belongs = state.artifacts().filter(|record| belongs_to(record).any(|name| name == node));
    let replicas = belongs.map(|record| replica(state, record)).collect();
    internal::Desired { replicas, ..without_replicas(state, node, state.jobs()) }
}

/// The desired state of a node but for what it keeps; no jobs count but these.
pub(crate) fn without_replicas<'a>(
    state: &State,
    node: &str,
    jobs: impl Iterator<Item = &'a v1::Job>,
) -> internal::Desired {
    let resource = state.node(node).and_then(|r| r.node.as_ref());
    let phase = resource.and_then(|n| n.status.as_ref()).map(|s| s.phase.clone()).unwrap_or_default();
    let spec = resource.and_then(|n| n.spec.as_ref());
    let jurisdiction = spec.map(|s| s.jurisdiction.clone()).unwrap_or_default();
    let tasks = if phase == NodePhase::Retired.as_str() { Vec::new() } else { tasks(state, node, jobs) };
    internal::Desired {
        tasks,
        replicas: Vec::new(),
        bundle: None,
        revoked_serials: state.revoked().map(str::to_owned).collect(),
        phase,
        jurisdiction,
        update: update_of(state, node),
        reset: spec.is_some_and(|spec| spec.reset),
        reset_keeps_data: spec.is_some_and(|spec| spec.reset_keeps_data),
    }
}

pub(crate) fn phase(job: &v1::Job) -> Option<JobPhase> {
    job.status.as_ref().and_then(|status| JobPhase::from_word(&status.phase))
}

fn tasks<'a>(
    state: &State,
    node: &str,
    jobs: impl Iterator<Item = &'a v1::Job>,
) -> Vec<internal::TaskAssignment> {
    let active = jobs.filter(|job| matches!(phase(job), Some(JobPhase::Starting | JobPhase::Running)));
    active.flat_map(|job| job_tasks(state, job, node)).collect()
}

/// The keys of what the tasks of a job are told about.
pub(crate) fn inputs(job: &v1::Job) -> impl Iterator<Item = String> {
    let spec = job.spec.as_ref();
    let resume = job.status.as_ref().map(|status| format!("checkpoint/{}", status.resume));
    let datasets = spec.map_or(&[][..], |spec| spec.datasets.as_slice());
    let datasets = datasets.iter().map(|dataset| format!("dataset/{}", dataset.dataset));
    let others = spec.map(|spec| [format!("image/{}", spec.image), format!("model/{}", spec.base_model)]);
    others.into_iter().flatten().chain(resume).chain(datasets)
}

fn job_tasks(state: &State, job: &v1::Job, node: &str) -> Vec<internal::TaskAssignment> {
    let (Some(metadata), Some(spec), Some(status)) = (&job.metadata, &job.spec, &job.status) else {
        return Vec::new();
    };
    // Who waits for a place is nowhere.
    let placed = || status.tasks.iter().filter(|task| task.phase != TaskPhase::Waiting.as_str());
    let gang_nodes: BTreeSet<String> = placed().map(|t| t.node.clone()).collect();
    let leader = placed().find(|t| t.rank == 0).map(|t| t.node.clone()).unwrap_or_default();
    let local: Vec<&v1::TaskStatus> = placed().filter(|t| t.node == node).collect();
    let world = u32::try_from(status.tasks.len()).unwrap_or(u32::MAX);
    let local_world = u32::try_from(local.len()).unwrap_or(u32::MAX);
    (0..)
        .zip(local)
        .filter(|(_, t)| !t.leaving && !TaskPhase::from_word(&t.phase).is_some_and(TaskPhase::is_terminal))
        .map(|(local_rank, task)| internal::TaskAssignment {
            job: metadata.name.clone(),
            job_uid: metadata.uid.clone(),
            fence: fence_of(status, task),
            rank: task.rank,
            world,
            group: task.group.clone(),
            resources: group(spec, task).map(|group| group.resources_in(status.variant)),
            variant: status.variant,
            element: status.element.clone(),
            devices: task.devices.clone(),
            image: lookup(state, &format!("image/{}", spec.image)),
            datasets: spec.datasets.iter().filter_map(|d| mounted(state, d)).collect(),
            base_model: lookup(state, &format!("model/{}", spec.base_model)),
            resume: lookup(state, &format!("checkpoint/{}", status.resume)),
            leader_fence: fence_of_rank(status, 0),
            leader_node: leader.clone(),
            leader_relay: relay(state, &leader),
            gang_nodes: gang_nodes.iter().cloned().collect(),
            label: status.label.clone(),
            local_rank,
            local_world,
            owner: status.submitted_by.clone(),
            request_id: status.request_id.clone(),
            spec: Some(spec.clone()),
        })
        .collect()
}

fn group<'a>(spec: &'a v1::JobSpec, task: &v1::TaskStatus) -> Option<&'a v1::TaskGroup> {
    spec.groups.iter().find(|group| group.name == task.group)
}

fn mounted(state: &State, dataset: &v1::DatasetMount) -> Option<internal::MountedArtifact> {
    let artifact = lookup(state, &format!("dataset/{}", dataset.dataset))?;
    let own = dataset.dataset.split('@').next().unwrap_or_default();
    let mount = if dataset.mount.is_empty() { own.to_owned() } else { dataset.mount.clone() };
    Some(internal::MountedArtifact { mount, artifact: Some(artifact) })
}

fn lookup(state: &State, key: &str) -> Option<internal::ReplicaAssignment> {
    state.artifact(key).map(|record| replica(state, record))
}

fn relay(state: &State, node: &str) -> String {
    let status = state.node(node).and_then(|r| r.node.as_ref()?.status.as_ref());
    status.map(|s| s.relay_address.clone()).unwrap_or_default()
}
