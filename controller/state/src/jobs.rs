//! Jobs: submitted, cancelled, forgotten, reported on.

use holdfast_api::store::{ReportTasks, SubmitJob, outcome};
use holdfast_api::{internal, timestamp, v1};
use holdfast_types::{JobPhase, Problem, TaskPhase};

use crate::act::{Act, Answer};
use crate::alone::fence_of_rank;
use crate::phases::{is_array, job_phase};
use crate::{array, artifacts, lifecycle, record, refuse, settling, waits};

pub(crate) fn submit(act: &mut Act<'_>, submit: SubmitJob) -> Answer {
    let name = submit.name.clone();
    if act.state.job(&name).is_some() {
        return Err(refuse::exists("job", &name)
            .because("a name belongs to one job until it is deleted")
            .next(format!("holdfast job show {name}")));
    }
    let queue = submit.spec.as_ref().map_or("", |s| s.queue.as_str());
    if act.state.queue(queue).is_none() {
        return Err(refuse::not_found("queue", queue));
    }
    let mut job = v1::Job {
        metadata: Some(v1::Metadata {
            kind: "Job".to_owned(),
            name: name.clone(),
            uid: submit.uid,
            labels: submit.labels,
            generation: 1,
            created_at: Some(timestamp(act.now)),
            revision: 0,
        }),
        spec: submit.spec,
        status: Some(v1::JobStatus {
            submitted_by: submit.submitted_by,
            label: submit.label,
            bundle: submit.bundle,
            request_id: act.request.clone(),
            ..v1::JobStatus::default()
        }),
    };
    array::begin(act, &mut job)?;
    waits::begin(act, &mut job)?;
    act.state.put_job(job, act.revision);
    answer(act, &name)
}

pub(crate) fn cancel(act: &mut Act<'_>, name: &str) -> Answer {
    let mut job = get(act, name)?;
    check_revision(act, &job, name)?;
    let reason = format!("cancelled by {}", act.actor);
    match job_phase(&job) {
        phase if is_array(&job) && !phase.is_terminal() => {
            array::cancel(act, job, &reason);
            record::mutation(act, "cancel-job", &format!("job/{name}"), &[]);
            return answer(act, name);
        }
        JobPhase::Pending => lifecycle::set_phase(&mut job, JobPhase::Cancelled, &reason, act),
        JobPhase::Starting | JobPhase::Running | JobPhase::Stopping => {
            lifecycle::begin_stop(&mut job, JobPhase::Cancelled, &reason, act);
            settling::settle(&mut job, act);
        }
        phase @ (JobPhase::Succeeded | JobPhase::Failed | JobPhase::Cancelled) => {
            return Err(refuse::wrong_phase(
                "job",
                name,
                "cancelled",
                phase.as_str(),
                "it has ended already",
            ));
        }
    }
    act.state.put_job(job, act.revision);
    record::mutation(act, "cancel-job", &format!("job/{name}"), &[]);
    answer(act, name)
}

pub(crate) fn delete(act: &mut Act<'_>, name: &str) -> Answer {
    let job = get(act, name)?;
    check_revision(act, &job, name)?;
    let phase = job_phase(&job);
    if !phase.is_terminal() {
        return Err(refuse::wrong_phase("job", name, "deleted", phase.as_str(), "cancel it first")
            .next(format!("holdfast job cancel {name}")));
    }
    array::forget(act, &job);
    record::mutation(act, "delete-job", &format!("job/{name}"), &[]);
    Ok(outcome::Result::Job(job))
}

/// What agents say of their tasks. A report of another start, or of another node's task, is not an error: it is late,
/// and it changes nothing.
pub(crate) fn report(act: &mut Act<'_>, report: ReportTasks) -> Answer {
    for task in report.tasks {
        report_one(act, &report.node, &task);
    }
    Ok(outcome::Result::Done(holdfast_api::store::Done {}))
}

fn report_one(act: &mut Act<'_>, node: &str, report: &internal::TaskReport) {
    let Some(job) = act.state.job(&report.job) else { return };
    let uid = job.metadata.as_ref().map_or("", |m| m.uid.as_str());
    let fence = job.status.as_ref().map_or(0, |status| fence_of_rank(status, report.rank));
    if uid != report.job_uid || fence != report.fence || !job_phase(job).holds_places() {
        return;
    }
    let Some(phase) = TaskPhase::from_word(&report.phase) else { return };
    let mut job = job.clone();
    let before = job.clone();
    let mut tasks = std::mem::take(&mut job.status.get_or_insert_default().tasks);
    if let Some(task) = tasks.iter_mut().find(|t| t.rank == report.rank && t.node == node) {
        task.exit_code = report.exit_code;
        task.unenforced.clone_from(&report.unenforced);
        lifecycle::set_task(task, phase, &report.reason, act);
    }
    job.status.get_or_insert_default().tasks = tasks;
    if phase == TaskPhase::Succeeded
        && report.rank == 0
        && let Some(output) = &report.output
        && job.status.as_ref().is_some_and(|s| s.output.is_empty())
    {
        artifacts::output(act, &mut job, node, output);
    }
    settling::settle(&mut job, act);
    if job != before {
        act.state.put_job(job, act.revision);
    }
}

fn check_revision(act: &Act<'_>, job: &v1::Job, name: &str) -> Result<(), Problem> {
    act.check_revision("job", name, job.metadata.as_ref().map_or(0, |m| m.revision))
}

fn get(act: &Act<'_>, name: &str) -> Result<v1::Job, Problem> {
    act.state.job(name).cloned().ok_or_else(|| refuse::not_found("job", name))
}

fn answer(act: &Act<'_>, name: &str) -> Answer {
    get(act, name).map(outcome::Result::Job)
}
