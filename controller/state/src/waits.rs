//! What a job waits for before it can get a place: other jobs, its turn, a moment. Level-triggered: a job that waits is looked at
//! whenever one that it waits for has come further, in the command that brought it there.
//!
//! Who waits does so for a job that has not ended, and that was submitted before it. A name is free for another job only once the
//! one that has it has ended and was deleted, and by then nobody waits for it any more: so jobs never wait for each other in a circle.

use std::cmp::Ordering;

use holdfast_api::{millis, timestamp, v1};
use holdfast_types::{DependencyCondition, JobPhase, Problem, Span, Time};

use crate::act::Act;
use crate::awaited::{Progress, progress};
use crate::phases::job_phase;
use crate::{lifecycle, refuse};

/// The word for waiting until it is one's turn, beside those of [`DependencyCondition`].
const TURN: &str = "singleton";

/// How it stands with something that a job waits for.
enum Standing {
    Met,
    Open(v1::JobWait),
    /// It will never be met.
    Never(String),
}

/// Sets what a job that is submitted waits for.
pub(crate) fn begin(act: &mut Act<'_>, job: &mut v1::Job) -> Result<(), Problem> {
    let spec = job.spec.clone().unwrap_or_default();
    check_dependencies(act, job, &spec)?;
    check_deadline(act, job, &spec)?;
    let status = job.status.get_or_insert_default();
    let waits = spec.depends_on.into_iter().map(|on| v1::JobWait { job: on.job, condition: on.condition });
    status.waits_for = waits.collect();
    if !spec.singleton.is_empty() {
        status.turn = act.revision;
        status.waits_for.push(v1::JobWait { job: String::new(), condition: TURN.to_owned() });
    }
    if status.waits_for.is_empty() {
        lifecycle::set_phase(job, JobPhase::Pending, "waits for a place", act);
        return Ok(());
    }
    match look(act, job) {
        Ok(waits_for) => {
            let reason = words(&waits_for, job);
            job.status.get_or_insert_default().waits_for = waits_for;
            lifecycle::set_phase(job, JobPhase::Pending, &reason, act);
        }
        Err(reason) => lifecycle::set_phase(job, JobPhase::Failed, &reason, act),
    }
    Ok(())
}

fn check_dependencies(act: &Act<'_>, job: &v1::Job, spec: &v1::JobSpec) -> Result<(), Problem> {
    let name = job.metadata.as_ref().map_or("", |metadata| metadata.name.as_str());
    for on in &spec.depends_on {
        if on.job == name {
            return Err(refuse::dependency(name, "dependsOn: it cannot wait for itself"));
        }
        // The jobs of other tenants are nobody's business, not even whether they exist.
        let tenant = act.state.job(&on.job).and_then(|other| other.spec.as_ref()).map(|spec| &spec.tenant);
        if tenant != Some(&spec.tenant) {
            let because = format!("dependsOn: tenant `{}` has no job `{}`", spec.tenant, on.job);
            return Err(refuse::dependency(name, &because));
        }
    }
    Ok(())
}

fn check_deadline(act: &Act<'_>, job: &v1::Job, spec: &v1::JobSpec) -> Result<(), Problem> {
    let Some(deadline) = spec.deadline.as_ref().map(|deadline| millis(Some(deadline))) else { return Ok(()) };
    if deadline - Span(spec.max_run_time_ms) > act.now {
        return Ok(());
    }
    let name = job.metadata.as_ref().map_or("", |metadata| metadata.name.as_str());
    let because = match (deadline <= act.now, Span(spec.max_run_time_ms)) {
        (true, _) => format!("deadline: {deadline} is over; it is {} now", act.now),
        (false, max) => format!(
            "deadline: it takes up to maxRunTime {max}, and {deadline} is {} from now",
            deadline.since(act.now)
        ),
    };
    Err(refuse::deadline(name, &because))
}

/// Looks at the jobs that wait for one that has come further, until nothing follows from it any more.
pub(crate) fn settle(act: &mut Act<'_>) {
    while let Some(news) = act.state.awaited.next_news() {
        let waiting: Vec<_> = act.state.awaited.waiting_for(&news).collect();
        for name in waiting {
            reconsider(act, &name);
        }
    }
}

fn reconsider(act: &mut Act<'_>, name: &str) {
    let Some(mut job) = act.state.job(name).cloned() else { return };
    let looked = look(act, &job);
    let status = job.status.get_or_insert_default();
    match looked {
        Ok(waits_for) if waits_for == status.waits_for => return,
        Ok(waits_for) if waits_for.is_empty() => {
            status.waits_for = waits_for;
            status.released_at = Some(timestamp(act.now));
            lifecycle::set_phase(&mut job, JobPhase::Pending, "waits for a place", act);
        }
        Ok(waits_for) => {
            let reason = words(&waits_for, &job);
            let status = job.status.get_or_insert_default();
            (status.waits_for, status.reason) = (waits_for, reason);
        }
        Err(reason) => lifecycle::set_phase(&mut job, JobPhase::Failed, &reason, act),
    }
    act.state.put_job(job, act.revision);
}

/// What is left of what a job waits for, or why it waits in vain.
fn look(act: &Act<'_>, job: &v1::Job) -> Result<Vec<v1::JobWait>, String> {
    let waits = job.status.as_ref().map_or(&[][..], |status| status.waits_for.as_slice());
    let mut left = Vec::new();
    for wait in waits {
        match standing(act, job, wait) {
            Standing::Met => {}
            Standing::Open(wait) => left.push(wait),
            Standing::Never(why) => return Err(why),
        }
    }
    Ok(left)
}

fn standing(act: &Act<'_>, job: &v1::Job, wait: &v1::JobWait) -> Standing {
    let Ok(condition) = wait.condition.parse() else {
        let before = act.state.awaited.turn_before(job);
        let turn = |name: &str| v1::JobWait { job: name.to_owned(), condition: TURN.to_owned() };
        return before.map_or(Standing::Met, |name| Standing::Open(turn(&name)));
    };
    let other = act.state.job(&wait.job);
    let met = match (condition, other.map(progress)) {
        (DependencyCondition::After, Some(Progress::Waiting)) => Ordering::Less,
        (DependencyCondition::After, _) => Ordering::Equal,
        (_, Some(Progress::Waiting | Progress::Started)) => Ordering::Less,
        (DependencyCondition::AfterOk, Some(Progress::Succeeded))
        | (DependencyCondition::AfterNotOk, Some(Progress::EndedOtherwise)) => Ordering::Equal,
        (DependencyCondition::AfterOk, Some(Progress::EndedOtherwise) | None)
        | (DependencyCondition::AfterNotOk, Some(Progress::Succeeded) | None) => Ordering::Greater,
    };
    match met {
        Ordering::Less => Standing::Open(wait.clone()),
        Ordering::Equal => Standing::Met,
        Ordering::Greater => {
            let became = match other.map(job_phase) {
                Some(JobPhase::Succeeded) => "succeeded",
                Some(JobPhase::Cancelled) => "was cancelled",
                Some(_) => "failed",
                None => "was deleted",
            };
            Standing::Never(format!("can never start: it {}, and that {became}", one(wait, job)))
        }
    }
}

fn words(waits: &[v1::JobWait], job: &v1::Job) -> String {
    match waits {
        [] => "waits for a place".to_owned(),
        [only] => one(only, job),
        [first, second] => format!("{} and for job `{}`", one(first, job), second.job),
        [first, more @ ..] => format!("{} and for {} more jobs", one(first, job), more.len()),
    }
}

fn one(wait: &v1::JobWait, job: &v1::Job) -> String {
    let what = match wait.condition.parse() {
        Ok(DependencyCondition::After) => "to start".to_owned(),
        Ok(DependencyCondition::AfterOk) => "to succeed".to_owned(),
        Ok(DependencyCondition::AfterNotOk) => "to fail or be cancelled".to_owned(),
        Err(_) => {
            let singleton = job.spec.as_ref().map_or("", |spec| spec.singleton.as_str());
            format!("to end, whose turn in singleton `{singleton}` is first")
        }
    };
    format!("waits for job `{}` {what}", wait.job)
}

/// Why a job may not be placed at a moment, if so.
pub(crate) fn not_yet(job: &v1::Job, now: Time) -> Option<String> {
    let (spec, status) = (job.spec.as_ref()?, job.status.as_ref()?);
    if !status.waits_for.is_empty() {
        return Some(format!("the job {}", words(&status.waits_for, job)));
    }
    let not_before = spec.not_before.as_ref().map(|at| millis(Some(at)))?;
    (now < not_before).then(|| format!("the job may not start before {not_before}"))
}
