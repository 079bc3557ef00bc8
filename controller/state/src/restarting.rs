//! What becomes of tasks that restart alone: they get places, leave them, are over, and wait. It must not know how places are found.

use std::collections::BTreeMap;

use holdfast_api::store::TaskPlacement;
use holdfast_api::{timestamp, v1};
use holdfast_types::{JobPhase, TaskPhase};

use crate::act::Act;
use crate::alone::{first_ranks, tasks, with_tasks};
use crate::phases::{job_phase, task_phase};
use crate::{lifecycle, usage};

/// A task has a place again, under a number of its own: no start of it before can be taken for this one.
pub(crate) fn started(act: &mut Act<'_>, job: &mut v1::Job, placed: &TaskPlacement) {
    let status = job.status.get_or_insert_default();
    let before = status.fence;
    status.fence += 1;
    let mut group = String::new();
    for task in &mut status.tasks {
        if task.fence == 0 {
            task.fence = before;
        }
        if task.rank == placed.rank {
            group.clone_from(&task.group);
            *task = v1::TaskStatus {
                rank: task.rank,
                group: task.group.clone(),
                node: placed.node.clone(),
                devices: placed.devices.clone(),
                share_millis: placed.share_millis,
                phase: TaskPhase::Assigned.to_string(),
                since: Some(timestamp(act.now)),
                fence: status.fence,
                ..v1::TaskStatus::default()
            };
        }
    }
    let variant = status.variant;
    if let Some(spec) = job.spec.as_ref().map(|spec| with_tasks(spec, &BTreeMap::from([(group.as_str(), 1)])))
    {
        usage::takes(act, &spec, variant);
    }
    note(job, &format!("task {} is placed on {}", placed.rank, placed.node), act);
}

/// A task is told to stop, and waits for another place when it has.
pub(crate) fn leave(
    job: &mut v1::Job,
    act: &mut Act<'_>,
    reason: &str,
    leaves: impl Fn(&v1::TaskStatus) -> bool,
) {
    let mut left = Vec::new();
    for task in &mut job.status.get_or_insert_default().tasks {
        if !task_phase(task).is_terminal() && !task.leaving && leaves(task) {
            task.leaving = true;
            reason.clone_into(&mut task.reason);
            left.push(task.rank.to_string());
        }
    }
    if !left.is_empty() {
        note(job, &format!("task {} {reason}", left.join(", ")), act);
    }
}

/// Draws the conclusions from the phases of the tasks.
pub(crate) fn settle(job: &mut v1::Job, act: &mut Act<'_>) {
    let is_service = job.spec.as_ref().is_some_and(|spec| spec.kind == "service");
    for task in tasks(job).to_vec() {
        if task_phase(&task) != TaskPhase::Failed {
            continue;
        }
        let after = lifecycle::after_failure(job);
        let reason = lifecycle::failure(job, act);
        if after != JobPhase::Pending {
            return lifecycle::begin_stop(job, after, &reason, act);
        }
        wait(job, act, task.rank);
    }
    let is_over = |task: &&v1::TaskStatus| match task_phase(task) {
        TaskPhase::Lost | TaskPhase::Stopped => true,
        TaskPhase::Succeeded => is_service,
        _ => false,
    };
    for rank in tasks(job).iter().filter(is_over).map(|task| task.rank).collect::<Vec<_>>() {
        job.status.get_or_insert_default().restarts += 1;
        wait(job, act, rank);
    }
    let phases: Vec<TaskPhase> = tasks(job).iter().map(task_phase).collect();
    if phases.iter().all(|phase| *phase == TaskPhase::Succeeded) {
        lifecycle::set_phase(job, JobPhase::Succeeded, "every task ended well", act);
    } else if phases.iter().all(|phase| *phase == TaskPhase::Waiting) {
        let reason = job.status.as_ref().map(|status| status.reason.clone()).unwrap_or_default();
        lifecycle::begin_stop(job, JobPhase::Pending, &reason, act);
    } else if job_phase(job) == JobPhase::Starting {
        let first = job.spec.as_ref().map(first_ranks).unwrap_or_default();
        let runs =
            |task: &v1::TaskStatus| matches!(task_phase(task), TaskPhase::Running | TaskPhase::Succeeded);
        if tasks(job).iter().filter(|task| first.contains(&task.rank)).all(runs) {
            let (count, all) = (tasks(job).iter().filter(|task| runs(task)).count(), phases.len());
            let which =
                if count == all { format!("all {all} tasks") } else { format!("{count} of {all} tasks") };
            lifecycle::set_phase(job, JobPhase::Running, &format!("{which} run"), act);
        }
    }
}

/// A task that is over waits for a place from now on.
fn wait(job: &mut v1::Job, act: &mut Act<'_>, rank: u32) {
    let variant = job.status.as_ref().map_or(0, |status| status.variant);
    let task = job.status.get_or_insert_default().tasks.iter_mut().find(|task| task.rank == rank);
    let Some(task) = task else { return };
    let why = format!("task {rank} on {} is over: {}", task.node, task.reason);
    TaskPhase::Waiting.as_str().clone_into(&mut task.phase);
    (task.devices, task.leaving, task.since) = (Vec::new(), false, Some(timestamp(act.now)));
    let group = task.group.clone();
    if let Some(spec) = job.spec.as_ref().map(|spec| with_tasks(spec, &BTreeMap::from([(group.as_str(), 1)])))
    {
        usage::gives_back(act, &spec, variant);
    }
    note(job, &why, act);
}

/// Says what becomes of a task where the job stays what it is.
fn note(job: &mut v1::Job, why: &str, act: &mut Act<'_>) {
    let (all, waiting) =
        (tasks(job).len(), tasks(job).iter().filter(|t| task_phase(t) == TaskPhase::Waiting).count());
    let reason = match waiting {
        0 => format!("{why}; all {all} tasks have places"),
        _ => format!("{why}; {waiting} of {all} tasks wait for a place"),
    };
    lifecycle::tell(job, &reason, act);
}
