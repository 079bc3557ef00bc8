//! Jobs that cannot keep their deadline any more. The leader says which it found; whether it is so is decided by the time of the
//! command, so every member decides the same, and one that was found too early goes on.

use holdfast_api::store::{Done, FailOverdue, OverdueJob, outcome};
use holdfast_api::{millis, v1};
use holdfast_types::{JobPhase, Span, Time};

use crate::act::{Act, Answer};
use crate::deadlines::is_late;
use crate::phases::{is_array, job_phase};
use crate::state::State;
use crate::{array, lifecycle, settling};

impl State {
    /// The jobs that cannot keep their deadline any more at a moment, the longest overdue first.
    pub fn overdue(&self, now: Time) -> impl Iterator<Item = OverdueJob> {
        let job = |name: &str| {
            let uid = self.job(name)?.metadata.as_ref()?.uid.clone();
            Some(OverdueJob { name: name.to_owned(), uid })
        };
        self.deadlines.over(now).filter_map(job)
    }
}

pub(crate) fn fail(act: &mut Act<'_>, overdue: &FailOverdue) -> Answer {
    for found in &overdue.jobs {
        let job = act.state.job(&found.name).cloned();
        let same = |job: &v1::Job| job.metadata.as_ref().is_some_and(|metadata| metadata.uid == found.uid);
        let late = |job: &v1::Job| is_late(job, act.now);
        if let Some(job) = job.filter(|job| same(job) && late(job)) {
            fail_one(act, job);
        }
    }
    Ok(outcome::Result::Done(Done {}))
}

fn fail_one(act: &mut Act<'_>, mut job: v1::Job) {
    let spec = job.spec.as_ref();
    let deadline = millis(spec.and_then(|spec| spec.deadline.as_ref()));
    let max_run_time = Span(spec.map_or(0, |spec| spec.max_run_time_ms));
    if job_phase(&job) == JobPhase::Pending || is_array(&job) {
        let reason = if max_run_time == Span(0) {
            format!("did not start by its deadline {deadline}")
        } else {
            format!(
                "cannot end by its deadline {deadline}: it did not start, and takes up to maxRunTime {max_run_time}"
            )
        };
        if is_array(&job) {
            return give_up(act, job, &reason);
        }
        lifecycle::set_phase(&mut job, JobPhase::Failed, &reason, act);
    } else {
        let reason = format!("did not end by its deadline {deadline}");
        lifecycle::begin_stop(&mut job, JobPhase::Failed, &reason, act);
        settling::settle(&mut job, act);
    }
    act.state.put_job(job, act.revision);
}

/// What of an array never started fails; what did goes on.
fn give_up(act: &mut Act<'_>, mut array: v1::Job, reason: &str) {
    array::close(act, &mut array, array::ElementEnd::Failed);
    let active =
        array.status.as_ref().and_then(|status| status.array.as_ref()).map_or(0, |array| array.active);
    if active == 0 {
        lifecycle::set_phase(&mut array, JobPhase::Failed, reason, act);
    } else {
        reason.clone_into(&mut array.status.get_or_insert_default().reason);
    }
    act.state.put_job(array, act.revision);
}
