//! The life of a job's gang, level-triggered: from the phases of its tasks follows the phase of the job.
//!
//! Nothing runs twice at once: a gang gets places again only when every task of its last start is known to be over,
//! because its agent said so or because its node's lease ran out, which the node's own shims enforce.

use holdfast_api::{millis, timestamp, v1};
use holdfast_types::{JobPhase, TaskPhase, Time};

use crate::act::Act;
use crate::level::TURNS;
use crate::phases::{is_array, job_phase, task_phase};
use crate::{artifacts, level, record, usage};

/// Moves a task forward; a task that is over stays so.
pub(crate) fn set_task(task: &mut v1::TaskStatus, phase: TaskPhase, reason: &str, act: &Act<'_>) {
    let old = task_phase(task);
    if old == phase || old.is_terminal() || (phase == TaskPhase::Fetching && old == TaskPhase::Running) {
        return;
    }
    phase.as_str().clone_into(&mut task.phase);
    reason.clone_into(&mut task.reason);
    task.since = Some(timestamp(act.now));
}

/// Sets a job's phase with its reason and keeps the last of them as history.
pub(crate) fn set_phase(job: &mut v1::Job, phase: JobPhase, reason: &str, act: &mut Act<'_>) {
    const KEPT: usize = 32;
    let name = job.metadata.as_ref().map(|m| m.name.clone()).unwrap_or_default();
    let now = timestamp(act.now);
    let status = job.status.get_or_insert_default();
    if act.state.feature_level() >= TURNS {
        let change = count_time(status, phase, act.now);
        let (spec, variant) = (job.spec.as_ref(), status.variant);
        match (change, spec) {
            (Some(Places::Got), Some(spec)) => usage::takes(act, spec, variant),
            (Some(Places::Lost), Some(spec)) => usage::gives_back(act, spec, variant),
            (None, _) | (_, None) => {}
        }
    }
    let status = job.status.get_or_insert_default();
    phase.as_str().clone_into(&mut status.phase);
    reason.clone_into(&mut status.reason);
    status.since = Some(now);
    status.history.push(v1::Condition {
        r#type: phase.to_string(),
        reason: reason.to_owned(),
        since: Some(now),
    });
    if status.history.len() > KEPT {
        status.history.remove(0);
    }
    if phase == JobPhase::Running && status.started_at.is_none() {
        status.started_at = Some(now);
    }
    if phase.is_terminal() {
        status.ended_at = Some(now);
        status.waits_for.clear();
        record::mutation(act, "job-ended", &format!("job/{name}"), &[("phase", phase.as_str())]);
    }
    act.event(&format!("job/{name}"), phase.as_str(), reason.to_owned());
}

/// What a change of phase does to the places of a job.
enum Places {
    Got,
    Lost,
}

/// Counts for how long a job has had places when it loses them, and for how long it has waited when it gets some.
fn count_time(status: &mut v1::JobStatus, phase: JobPhase, now: Time) -> Option<Places> {
    let mut change = None;
    let spent = |since: Time| now.since(since).0;
    match phase {
        JobPhase::Starting => {
            status.waited_ms = status.waited_ms.saturating_add(spent(
                millis(status.since.as_ref()).max(millis(status.released_at.as_ref())),
            ));
            status.placed_at = Some(timestamp(now));
            change = Some(Places::Got);
        }
        JobPhase::Running | JobPhase::Stopping => return None,
        JobPhase::Pending | JobPhase::Succeeded | JobPhase::Failed | JobPhase::Cancelled => {
            if let Some(placed) = status.placed_at.take() {
                let ran = spent(millis(Some(&placed)));
                status.ran_ms = status.ran_ms.saturating_add(ran);
                let joules = std::mem::take(&mut status.power_watts).saturating_mul(ran) / 1_000;
                status.energy_joules = status.energy_joules.saturating_add(joules);
                change = Some(Places::Lost);
            }
        }
    }
    status.held.clear();
    status.held_since = None;
    change
}

/// Begins to stop the gang; `after` is where the job goes when every task is over.
pub(crate) fn begin_stop(job: &mut v1::Job, after: JobPhase, reason: &str, act: &mut Act<'_>) {
    if job_phase(job) == JobPhase::Stopping {
        // Ending for good outweighs starting again; the first reason stays the one shown.
        if after != JobPhase::Pending {
            after.as_str().clone_into(&mut job.status.get_or_insert_default().after_stop);
        }
        return;
    }
    after.as_str().clone_into(&mut job.status.get_or_insert_default().after_stop);
    set_phase(job, JobPhase::Stopping, reason, act);
}

/// Draws the conclusions from the phases of the tasks. Call it after any of them changed.
pub(crate) fn settle(job: &mut v1::Job, act: &mut Act<'_>) {
    // An array has no tasks: what becomes of it follows from its elements.
    if is_array(job) {
        return;
    }
    if matches!(job_phase(job), JobPhase::Starting | JobPhase::Running) {
        settle_active(job, act);
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

fn after_failure(job: &mut v1::Job) -> JobPhase {
    let spec = job.spec.as_ref();
    let retries = spec.map_or(0, |s| s.retries);
    let service = spec.is_some_and(|s| s.kind == "service");
    let status = job.status.get_or_insert_default();
    status.failures += 1;
    if service || status.failures <= retries { JobPhase::Pending } else { JobPhase::Failed }
}

/// Why the start failed; kept beside the job, and told with how many did.
fn failure(job: &mut v1::Job, act: &Act<'_>) -> String {
    const KEPT: usize = 16;
    let reason = first_reason(job, TaskPhase::Failed);
    // Members of an older release keep none.
    if act.state.feature_level() < level::FAILED_STARTS {
        return reason;
    }
    let spec = job.spec.as_ref();
    let most = spec.filter(|spec| spec.kind != "service").map(|spec| u64::from(spec.retries) + 1);
    let status = job.status.get_or_insert_default();
    let start = v1::FailedStart { fence: status.fence, reason: reason.clone(), at: Some(timestamp(act.now)) };
    status.failed_starts.push(start);
    if status.failed_starts.len() > KEPT {
        status.failed_starts.remove(0);
    }
    match most {
        Some(most) => format!("failed {} of {most} starts: {reason}", status.failures),
        None => format!("failed {} starts: {reason}", status.failures),
    }
}

fn first_reason(job: &v1::Job, phase: TaskPhase) -> String {
    let task = tasks(job).iter().find(|t| task_phase(t) == phase);
    task.map_or_else(String::new, |t| format!("task {} on {}: {}", t.rank, t.node, t.reason))
}

fn tasks(job: &v1::Job) -> &[v1::TaskStatus] {
    job.status.as_ref().map_or(&[], |s| s.tasks.as_slice())
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
        if job_phase(&job) != JobPhase::Stopping {
            job.status.get_or_insert_default().restarts += 1;
            begin_stop(&mut job, JobPhase::Pending, reason, act);
            act.state.put_job(job, act.revision);
        }
    }
}
