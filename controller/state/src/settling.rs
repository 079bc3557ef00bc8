//! The life of a job's gang, level-triggered: from the phases of its tasks follows the phase of the job. It must not know who said what became
//! of a task.
//!
//! Nothing runs twice at once: a gang, or a task that restarts alone, gets places again only when every task of its last start is known to
//! be over, because its agent said so or because its node's lease ran out, which the node's own shims enforce.

use holdfast_api::v1;
use holdfast_types::{JobPhase, TaskPhase};

use crate::act::Act;
use crate::alone::restarts_tasks;
use crate::lifecycle::{after_failure, begin_stop, failure, first_reason, set_phase, set_task, tasks};
use crate::phases::{is_array, job_phase, task_phase};
use crate::{artifacts, restarting};

/// Draws the conclusions from the phases of the tasks. Call it after any of them changed.
pub(crate) fn settle(job: &mut v1::Job, act: &mut Act<'_>) {
    // An array has no tasks: what becomes of it follows from its elements.
    if is_array(job) {
        return;
    }
    if matches!(job_phase(job), JobPhase::Starting | JobPhase::Running) {
        if restarts_tasks(job) {
            restarting::settle(job, act);
        } else {
            settle_active(job, act);
        }
    }
    if job_phase(job) == JobPhase::Stopping && tasks(job).iter().all(|t| task_phase(t).is_terminal()) {
        let status = job.status.get_or_insert_default();
        let after = JobPhase::from_word(&status.after_stop).unwrap_or(JobPhase::Pending);
        status.after_stop.clear();
        let reason = status.reason.clone();
        set_phase(job, after, &reason, act);
    }
}

fn settle_active(job: &mut v1::Job, act: &mut Act<'_>) {
    let phases: Vec<TaskPhase> = tasks(job).iter().map(task_phase).collect();
    if phases.contains(&TaskPhase::Lost) {
        job.status.get_or_insert_default().restarts += 1;
        let reason = first_reason(job, TaskPhase::Lost);
        begin_stop(job, JobPhase::Pending, &reason, act);
    } else if phases.contains(&TaskPhase::Failed) {
        let after = after_failure(job);
        let reason = failure(job, act);
        begin_stop(job, after, &reason, act);
    } else if phases.contains(&TaskPhase::Stopped) {
        job.status.get_or_insert_default().restarts += 1;
        let reason = first_reason(job, TaskPhase::Stopped);
        begin_stop(job, JobPhase::Pending, &reason, act);
    } else if phases.iter().all(|p| *p == TaskPhase::Succeeded) {
        succeed(job, act);
    } else if job_phase(job) == JobPhase::Starting
        && phases.iter().all(|p| matches!(p, TaskPhase::Running | TaskPhase::Succeeded))
    {
        let count = phases.len();
        set_phase(job, JobPhase::Running, &format!("all {count} tasks run"), act);
    }
}

fn succeed(job: &mut v1::Job, act: &mut Act<'_>) {
    let service = job.spec.as_ref().is_some_and(|s| s.kind == "service");
    if service {
        // A service runs until it is cancelled: an end, even a good one, is a reason to start again.
        job.status.get_or_insert_default().restarts += 1;
        set_phase(job, JobPhase::Pending, "every task ended; a service starts again", act);
    } else {
        set_phase(job, JobPhase::Succeeded, "every task ended well", act);
    }
}

fn jobs_on(act: &Act<'_>, node: &str) -> Vec<v1::Job> {
    let is_on = |job: &&v1::Job| tasks(job).iter().any(|t| t.node == node && !task_phase(t).is_terminal());
    act.state.placed_jobs().filter(is_on).cloned().collect()
}

/// How many tasks on a node have not ended.
pub(crate) fn tasks_on(act: &Act<'_>, node: &str) -> usize {
    let on_it = |t: &&v1::TaskStatus| t.node == node && !task_phase(t).is_terminal();
    act.state.placed_jobs().flat_map(tasks).filter(on_it).count()
}

/// The lease of a node ran out: whatever it ran is over, fenced by the node's own clock.
pub(crate) fn lose_node(act: &mut Act<'_>, node: &str, reason: &str) {
    for mut job in jobs_on(act, node) {
        let mut tasks = std::mem::take(&mut job.status.get_or_insert_default().tasks);
        for task in tasks.iter_mut().filter(|t| t.node == node) {
            set_task(task, TaskPhase::Lost, reason, act);
        }
        job.status.get_or_insert_default().tasks = tasks;
        settle(&mut job, act);
        act.state.put_job(job, act.revision);
    }
    artifacts::recount(act, node);
}

/// The node is to be emptied: its gangs stop and start again elsewhere.
pub(crate) fn leave_node(act: &mut Act<'_>, node: &str, reason: &str) {
    for mut job in jobs_on(act, node) {
        if job_phase(&job) == JobPhase::Stopping {
            continue;
        }
        if restarts_tasks(&job) {
            restarting::leave(&mut job, act, reason, |task| task.node == node);
            act.state.put_job(job, act.revision);
        } else {
            job.status.get_or_insert_default().restarts += 1;
            begin_stop(&mut job, JobPhase::Pending, reason, act);
            act.state.put_job(job, act.revision);
        }
    }
}
