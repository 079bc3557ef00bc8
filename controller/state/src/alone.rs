//! Jobs that restart tasks alone: a task that is over before its job is waits for another place, with its rank, while the others go on. So
//! it is with the tasks that a gang starts without. It must not know how places are found.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::store::{GangPlacement, TaskPlacement};
use holdfast_api::{timestamp, v1};
use holdfast_types::{JobPhase, PartName, TaskPhase, part_of};

use crate::act::Act;
use crate::phases::{job_phase, task_phase};

/// What the task of each rank needs, and its group.
pub(crate) type Ranks = BTreeMap<u32, (String, v1::Resources)>;

/// Whether the tasks of a job restart alone.
pub(crate) fn restarts_tasks(job: &v1::Job) -> bool {
    job.spec.as_ref().is_some_and(|spec| spec.restart == "task")
}

/// Whether a task of a job that runs waits for a place.
pub(crate) fn awaits_place(job: &v1::Job) -> bool {
    restarts_tasks(job)
        && matches!(job_phase(job), JobPhase::Starting | JobPhase::Running)
        && tasks(job).iter().any(|task| task_phase(task) == TaskPhase::Waiting)
}

/// The number of the start of a task: its own, or that of its gang.
#[must_use]
pub fn fence_of(status: &v1::JobStatus, task: &v1::TaskStatus) -> u64 {
    if task.fence == 0 { status.fence } else { task.fence }
}

/// The number of the start of the task of a rank; that of the gang where it has none of its own.
#[must_use]
pub fn fence_of_rank(status: &v1::JobStatus, rank: u32) -> u64 {
    let task = status.tasks.iter().find(|task| task.rank == rank);
    task.map_or(status.fence, |task| fence_of(status, task))
}

/// The ranks of the tasks that a gang starts with.
#[must_use]
pub fn first_ranks(spec: &v1::JobSpec) -> BTreeSet<u32> {
    let mut next = 0_u32;
    let mut first = BTreeSet::new();
    for group in &spec.groups {
        let least = if group.min == 0 { group.count } else { group.min };
        first.extend(next..next.saturating_add(least));
        next = next.saturating_add(group.count);
    }
    first
}

/// What a plan says of a gang, by the ranks that its tasks have: planners number those that it starts with.
pub(crate) fn numbered(gang: &GangPlacement, first: &BTreeSet<u32>) -> GangPlacement {
    let ranks: Vec<u32> = first.iter().copied().collect();
    let rank = |task: &TaskPlacement| {
        let known = usize::try_from(task.rank).ok().and_then(|nth| ranks.get(nth)).copied();
        TaskPlacement { rank: known.unwrap_or(u32::MAX), ..task.clone() }
    };
    GangPlacement { tasks: gang.tasks.iter().map(rank).collect(), ..gang.clone() }
}

/// The tasks that a gang starts without, as they wait.
pub(crate) fn rest(act: &Act<'_>, all: &Ranks, first: &BTreeSet<u32>) -> Vec<v1::TaskStatus> {
    let waits = |(rank, (group, _)): (&u32, &(String, v1::Resources))| v1::TaskStatus {
        rank: *rank,
        group: group.clone(),
        phase: TaskPhase::Waiting.to_string(),
        reason: "waits for room".to_owned(),
        since: Some(timestamp(act.now)),
        ..v1::TaskStatus::default()
    };
    all.iter().filter(|(rank, _)| !first.contains(rank)).map(waits).collect()
}

/// The job of a part, where it is still the same, and runs.
pub(crate) fn job_of(act: &Act<'_>, part: PartName<'_>, uid: &str) -> Result<v1::Job, String> {
    let job = act.state.job(part.job).ok_or("the job does not exist any more")?;
    let known = job.metadata.as_ref().map_or("", |metadata| metadata.uid.as_str());
    if part_of(uid).is_none_or(|of| of.job != known) {
        return Err("the job was deleted and made again".to_owned());
    }
    if !restarts_tasks(job) || !matches!(job_phase(job), JobPhase::Starting | JobPhase::Running) {
        return Err(format!("the job is {}", job_phase(job)));
    }
    Ok(job.clone())
}

/// The task of a job that a plan gives a place to, which waits for one.
pub(crate) fn waiting(job: &v1::Job, part: PartName<'_>) -> Result<u32, String> {
    let rank = part.rank.ok_or("no task is named")?;
    let task = tasks(job).iter().find(|task| task.rank == rank && task.group == part.group);
    match task.map(task_phase) {
        Some(TaskPhase::Waiting) => Ok(rank),
        Some(phase) => Err(format!("task {rank} is {phase}")),
        None => Err(format!("the job has no task {rank} in group `{}`", part.group)),
    }
}

/// The job as far as its queue is charged for it: with the tasks that do not wait.
pub(crate) fn charged(job: &v1::Job) -> Option<v1::JobSpec> {
    let spec = job.spec.as_ref()?;
    if !restarts_tasks(job) {
        return Some(spec.clone());
    }
    let mut tasks_of = BTreeMap::new();
    for task in tasks(job).iter().filter(|task| task_phase(task) != TaskPhase::Waiting) {
        *tasks_of.entry(task.group.as_str()).or_insert(0) += 1;
    }
    Some(with_tasks(spec, &tasks_of))
}

/// The spec with so many tasks of each group, and none of another.
pub(crate) fn with_tasks(spec: &v1::JobSpec, tasks: &BTreeMap<&str, u32>) -> v1::JobSpec {
    let group = |group: &v1::TaskGroup| {
        let count = tasks.get(group.name.as_str()).copied()?;
        Some(v1::TaskGroup { count, ..group.clone() })
    };
    v1::JobSpec { groups: spec.groups.iter().filter_map(group).collect(), ..spec.clone() }
}

pub(crate) fn tasks(job: &v1::Job) -> &[v1::TaskStatus] {
    job.status.as_ref().map_or(&[], |status| status.tasks.as_slice())
}
