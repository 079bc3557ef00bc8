//! Arrays among the jobs that the planner keeps: an array is one job that waits, and each element that starts is one more that has
//! places. It must not know how anything is decided.

use std::sync::Arc;

use holdfast_types::{JobName, Span, Time};

use crate::index::Index;
use crate::job::{Job, JobNumber, State, Stay};
use crate::need::gang_devices;
use crate::room::Seat;
use crate::snapshot::{ArrayView, Past};

/// The next element of an array becomes a job that has these places, in one of its variants. The first of a plan has waited until now, and
/// the next not at all. When the others begin to wait is for [`wait_anew`] to say.
pub(crate) fn split(
    index: &mut Index,
    number: JobNumber,
    (variant, seats): (u32, Vec<Seat>),
    (now, is_first): (Time, bool),
) {
    index.unsettle(number);
    let element = index.job_mut(number).and_then(|array| {
        let ident = array.starts_as()?;
        let waited = if is_first { array.waited(now) } else { array.past.waited };
        let past = Past { ran: Span(0), waited };
        array.array.as_mut()?.started();
        let wait = array.wait_mut()?;
        (wait.held, wait.hopeless, wait.tried) = (Vec::new(), None, None);
        Some(Job {
            ident,
            spec: Arc::clone(&array.spec),
            devices: gang_devices(&array.spec, variant),
            past,
            array: None,
            state: State::Placed(Stay { since: now, seats, unsaved: None, stopping: false }),
            ..*array
        })
    });
    index.settle(number);
    if let Some(element) = element {
        index.add(element);
    }
}

/// The elements of an array that have not started wait for the next turn from now on, unless none may start.
pub(crate) fn wait_anew(index: &mut Index, number: JobNumber, now: Time) {
    let Some(job) = index.job(number) else { return };
    if job.array.as_ref().is_some_and(|array| array.left() == 0) {
        let name = job.ident.name.clone();
        return index.remove_job(&name);
    }
    index.leave_line(number);
    if let Some(wait) = index.job_mut(number).and_then(Job::wait_mut) {
        wait.since = now;
    }
    index.join_line(number);
}

/// One element less is under way of an array. `false` where it is not known.
pub(crate) fn make_room(index: &mut Index, array: &JobName) -> bool {
    let number = index.find(array);
    let job = number.and_then(|number| index.job_mut(number));
    job.and_then(|job| job.array.as_mut()).map(ArrayView::ended).is_some()
}
