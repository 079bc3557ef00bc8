//! What a change of phase brings with it, of a task and of a job: what is kept of it, counted and told. It must not know what leads to one.

use holdfast_api::{millis, timestamp, v1};
use holdfast_types::{JobPhase, TaskPhase, Time};

use crate::act::Act;
use crate::level::TURNS;
use crate::phases::{job_phase, task_phase};
use crate::{alone, level, record, usage};

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
    let name = job.metadata.as_ref().map(|m| m.name.clone()).unwrap_or_default();
    let now = timestamp(act.now);
    let status = job.status.get_or_insert_default();
    if act.state.feature_level() >= TURNS {
        let change = count_time(status, phase, act.now);
        let variant = status.variant;
        if let Some((change, spec)) = change.and_then(|change| Some((change, alone::charged(job)?))) {
            match change {
                Places::Got => usage::takes(act, &spec, variant),
                Places::Lost => usage::gives_back(act, &spec, variant),
            }
        }
    }
    let status = job.status.get_or_insert_default();
    phase.as_str().clone_into(&mut status.phase);
    status.since = Some(now);
    remember(status, reason, act.now);
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

/// Says what becomes of a job that stays what it is.
pub(crate) fn tell(job: &mut v1::Job, reason: &str, act: &mut Act<'_>) {
    let (name, phase) = (job.metadata.as_ref().map(|m| m.name.clone()).unwrap_or_default(), job_phase(job));
    remember(job.status.get_or_insert_default(), reason, act.now);
    act.event(&format!("job/{name}"), phase.as_str(), reason.to_owned());
}

/// Keeps a reason, with the newest of those before it as history.
fn remember(status: &mut v1::JobStatus, reason: &str, now: Time) {
    const KEPT: usize = 32;
    reason.clone_into(&mut status.reason);
    status.history.push(v1::Condition {
        r#type: status.phase.clone(),
        reason: reason.to_owned(),
        since: Some(timestamp(now)),
    });
    if status.history.len() > KEPT {
        status.history.remove(0);
    }
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

pub(crate) fn after_failure(job: &mut v1::Job) -> JobPhase {
    let spec = job.spec.as_ref();
    let retries = spec.map_or(0, |s| s.retries);
    let service = spec.is_some_and(|s| s.kind == "service");
    let status = job.status.get_or_insert_default();
    status.failures += 1;
    if service || status.failures <= retries { JobPhase::Pending } else { JobPhase::Failed }
}

/// Why the start failed; kept beside the job, and told with how many did.
pub(crate) fn failure(job: &mut v1::Job, act: &Act<'_>) -> String {
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

pub(crate) fn first_reason(job: &v1::Job, phase: TaskPhase) -> String {
    let task = tasks(job).iter().find(|t| task_phase(t) == phase);
    task.map_or_else(String::new, |t| format!("task {} on {}: {}", t.rank, t.node, t.reason))
}

pub(crate) fn tasks(job: &v1::Job) -> &[v1::TaskStatus] {
    job.status.as_ref().map_or(&[], |s| s.tasks.as_slice())
}
