//! Arrays: a job of so many elements is one row until they start. An element becomes a job of its own then, and is one like any other:
//! what is special is only how it begins, and that the array counts how it ends. It must not know how elements are chosen to start.

use std::ops::Range;

use holdfast_api::store::{ElementsRecord, GangPlacement};
use holdfast_api::{millis, timestamp, v1};
use holdfast_types::{ArraySpec, Indexes, JobName, JobPhase, Problem, element_name, element_of};

use crate::act::Act;
use crate::deadlines::is_late;
use crate::phases::{is_array, job_phase};
use crate::state::State;
use crate::{lifecycle, refuse, settling, waits};

/// How many elements share a row that says how they ended.
const CHUNK: u32 = 1_024;
/// How many elements that failed are kept with why.
const FAILURES: usize = 16;

/// How an element ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementEnd {
    /// All of its tasks ended well.
    Well = 1,
    /// It failed.
    Failed = 2,
    /// It was cancelled, before it started or after.
    Cancelled = 3,
}

impl State {
    /// The elements of an array that became jobs, by the names they have.
    pub fn elements(&self, array: &v1::Job) -> impl Iterator<Item = &v1::Job> {
        let (name, uid) = identity(array);
        let (start, uid) = (format!("{name}."), uid.to_owned());
        self.jobs.starting_with(start).filter(move |job| of(job).is_some_and(|of| of.array_uid == uid))
    }

    /// Which elements of an array ended so; `None` where none did.
    #[must_use]
    pub fn elements_that(&self, array: &v1::Job, end: ElementEnd) -> Option<Indexes> {
        let (indexes, uid) = (indexes(array)?, identity(array).1);
        let chunks = (0..indexes.count().div_ceil(CHUNK)).map(|chunk| self.elements.get(&row(uid, chunk)));
        let ends = chunks.flat_map(|row| (0..CHUNK).map(move |place| row.map_or(0, |row| get(row, place))));
        Indexes::of(indexes.from(0).zip(ends).filter(|(_, how)| *how == end as u8).map(|(index, _)| index))
    }
}

/// Sets a job that is submitted up as an array where it is one.
pub(crate) fn begin(act: &Act<'_>, job: &mut v1::Job) -> Result<(), Problem> {
    let name = identity(job).0.to_owned();
    if let Some((array, index)) = element_of(&name)
        && act.state.job(array).is_some_and(is_array)
    {
        return Err(refuse::element_name(&name, &format!("that is element {index} of array `{array}`")));
    }
    let Some(indexes) = indexes(job) else { return Ok(()) };
    let taken = act.state.jobs.starting_with(format!("{name}.")).find_map(|job| {
        let other = identity(job).0;
        element_of(other).filter(|(array, _)| *array == name).map(|_| other)
    });
    if let Some(other) = taken {
        let because = format!("job `{other}` is called as an element of it would be");
        return Err(refuse::element_name(&name, &because));
    }
    let longest = job.spec.as_ref().and_then(|spec| spec.array.as_ref()).map_or(0, |array| array.size);
    if let Err(error) = element_name(&name, longest).parse::<JobName>() {
        return Err(refuse::element_name(&name, &format!("its elements would have no name: {error}")));
    }
    let status = job.status.get_or_insert_default();
    status.array = Some(v1::ArrayStatus { elements: indexes.count(), ..v1::ArrayStatus::default() });
    Ok(())
}

/// How many elements of an array may start now, what it waits for aside; 0 for a job that is none.
#[must_use]
pub fn elements_left(job: &v1::Job) -> u32 {
    let is_open = matches!(job_phase(job), JobPhase::Pending | JobPhase::Running);
    let array = job.status.as_ref().and_then(|status| status.array.as_ref()).filter(|_| is_open);
    let Some(array) = array else { return 0 };
    let most = job.spec.as_ref().and_then(|spec| spec.array.as_ref()).map_or(0, |spec| spec.max_parallel);
    let room = if most == 0 { u32::MAX } else { most.saturating_sub(array.active) };
    array.elements.saturating_sub(array.next).min(room)
}

/// Whether a job, or the next element of it, waits to be placed.
pub(crate) fn awaits_place(job: &v1::Job) -> bool {
    if is_array(job) { elements_left(job) > 0 } else { job_phase(job) == JobPhase::Pending }
}

/// The element that a plan names, as the job that it is about to become; `None` where it names none.
pub(crate) fn element(act: &Act<'_>, gang: &GangPlacement) -> Option<Result<v1::Job, String>> {
    if act.state.job(&gang.job).is_some() {
        return None;
    }
    let (array, index) = element_of(&gang.job)?;
    let array = act.state.job(array).filter(|array| is_array(array))?;
    Some(split(act, array, index, gang))
}

fn split(act: &Act<'_>, array: &v1::Job, index: u32, gang: &GangPlacement) -> Result<v1::Job, String> {
    let (name, uid) = identity(array);
    if element_name(uid, index) != gang.job_uid {
        return Err("the array was deleted and made again".to_owned());
    }
    if elements_left(array) == 0 {
        return Err(format!("no element of array `{name}` may start now"));
    }
    if let Some(reason) = waits::not_yet(array, act.now) {
        return Err(reason);
    }
    if is_late(array, act.now) {
        return Err("the array cannot end by its deadline any more".to_owned());
    }
    let next = array.status.as_ref().and_then(|status| status.array.as_ref()).map(|array| array.next);
    if next.zip(indexes(array)).and_then(|(next, indexes)| indexes.nth(next)) != Some(index) {
        return Err(format!("element {index} is not the next one of array `{name}` to start"));
    }
    Ok(become_job(array, index))
}

/// An element as a job that waits. It has waited since the one before it started.
fn become_job(array: &v1::Job, index: u32) -> v1::Job {
    let (name, uid) = identity(array);
    let (metadata, status) =
        (array.metadata.clone().unwrap_or_default(), array.status.clone().unwrap_or_default());
    let spec = array.spec.clone().unwrap_or_default();
    let size = spec.array.as_ref().map_or(0, |array| array.size);
    let since = millis(status.since.as_ref())
        .max(millis(status.array.as_ref().and_then(|array| array.since.as_ref())));
    let element = v1::ArrayElement { array: name.to_owned(), array_uid: uid.to_owned(), index, size };
    v1::Job {
        metadata: Some(v1::Metadata {
            name: element_name(name, index),
            uid: element_name(uid, index),
            ..metadata
        }),
        // What it waited for, the array has had.
        spec: Some(v1::JobSpec { array: None, depends_on: Vec::new(), singleton: String::new(), ..spec }),
        status: Some(v1::JobStatus {
            phase: JobPhase::Pending.to_string(),
            since: Some(timestamp(since)),
            released_at: status.released_at,
            // Starts of elements count on from what no start under an earlier state can have had.
            fence: status.fence,
            submitted_by: status.submitted_by,
            label: status.label,
            bundle: status.bundle,
            request_id: status.request_id,
            element: Some(element),
            ..v1::JobStatus::default()
        }),
    }
}

/// An element was placed for the first time.
pub(crate) fn started(act: &mut Act<'_>, job: &v1::Job) {
    let Some(mut array) = array_of(act, job) else { return };
    let status = array.status.get_or_insert_default();
    let counts = status.array.get_or_insert_default();
    counts.next += 1;
    counts.active += 1;
    counts.since = Some(timestamp(act.now));
    if counts.next >= counts.elements {
        status.explanation = None;
    }
    if job_phase(&array) == JobPhase::Pending {
        lifecycle::set_phase(&mut array, JobPhase::Running, "its elements run", act);
    }
    act.state.put_job(array, act.revision);
}

/// Arrays count how their elements ended that this command has ended; an array is over with the last one.
pub(crate) fn settle(act: &mut Act<'_>) {
    while let Some(name) = act.state.ended.next_news() {
        let element = act.state.job(&name).cloned();
        if let Some((element, array)) = element.and_then(|job| array_of(act, &job).map(|array| (job, array)))
        {
            count(act, &element, array);
        }
    }
}

fn count(act: &mut Act<'_>, job: &v1::Job, mut array: v1::Job) {
    let Some(index) = of(job).map(|of| of.index) else { return };
    let end = match job_phase(job) {
        JobPhase::Succeeded => ElementEnd::Well,
        JobPhase::Cancelled => ElementEnd::Cancelled,
        _ => ElementEnd::Failed,
    };
    let reason = job.status.as_ref().map_or("", |status| status.reason.as_str());
    let ran = job.status.as_ref().map_or(0, |status| status.ran_ms);
    if let Some(place) = indexes(&array).and_then(|indexes| indexes.place_of(index)) {
        mark(act, &array, place..place.saturating_add(1), end);
    }
    let status = array.status.get_or_insert_default();
    status.ran_ms = status.ran_ms.saturating_add(ran);
    let counts = status.array.get_or_insert_default();
    counts.active = counts.active.saturating_sub(1);
    *count_of(counts, end) += 1;
    if end == ElementEnd::Failed {
        let at = Some(timestamp(act.now));
        counts.failures.push(v1::FailedElement { index, reason: reason.to_owned(), at });
        if counts.failures.len() > FAILURES {
            counts.failures.remove(0);
        }
    }
    conclude(&mut array, act);
    act.state.put_job(array, act.revision);
}

/// No more elements of an array start: each that never did ended so.
pub(crate) fn close(act: &mut Act<'_>, array: &mut v1::Job, end: ElementEnd) {
    let counts = array.status.get_or_insert_default().array.get_or_insert_default();
    let never = counts.next..counts.elements;
    counts.next = counts.elements;
    *count_of(counts, end) += never.end.saturating_sub(never.start);
    mark(act, array, never, end);
}

/// Cancels an array: what never started ends so at once, what did is told to stop.
pub(crate) fn cancel(act: &mut Act<'_>, mut array: v1::Job, reason: &str) {
    let after = JobPhase::Cancelled;
    close(act, &mut array, ElementEnd::Cancelled);
    let active: Vec<v1::Job> =
        act.state.elements(&array).filter(|job| !job_phase(job).is_terminal()).cloned().collect();
    if active.is_empty() {
        lifecycle::set_phase(&mut array, after, reason, act);
    } else {
        lifecycle::begin_stop(&mut array, after, reason, act);
    }
    act.state.put_job(array, act.revision);
    for mut job in active {
        if job_phase(&job) == JobPhase::Pending {
            lifecycle::set_phase(&mut job, after, reason, act);
        } else {
            lifecycle::begin_stop(&mut job, after, reason, act);
            settling::settle(&mut job, act);
        }
        act.state.put_job(job, act.revision);
    }
}

/// Lets go of a job, and of what is kept of the elements of an array.
pub(crate) fn forget(act: &mut Act<'_>, job: &v1::Job) {
    let names: Vec<String> = if is_array(job) {
        act.state.elements(job).map(|element| identity(element).0.to_owned()).collect()
    } else {
        Vec::new()
    };
    for name in names {
        act.state.remove_job(&name, act.revision);
    }
    let (name, uid) = identity(job);
    for chunk in 0..indexes(job).map_or(0, |indexes| indexes.count().div_ceil(CHUNK)) {
        act.state.elements.remove(&row(uid, chunk), &mut act.state.changes);
    }
    act.state.remove_job(name, act.revision);
}

/// An array of which every element is over, is.
fn conclude(array: &mut v1::Job, act: &mut Act<'_>) {
    let status = array.status.clone().unwrap_or_default();
    let Some(counts) = &status.array else { return };
    if counts.active > 0 || counts.next < counts.elements || job_phase(array).is_terminal() {
        return;
    }
    if let Some(after) = JobPhase::from_word(&status.after_stop) {
        array.status.get_or_insert_default().after_stop.clear();
        return lifecycle::set_phase(array, after, &status.reason, act);
    }
    let all = counts.elements;
    let (phase, reason) = match (counts.failed, counts.cancelled) {
        (0, 0) => (JobPhase::Succeeded, format!("all {all} elements ended well")),
        (0, cancelled) => (JobPhase::Failed, format!("{cancelled} of {all} elements were cancelled")),
        (failed, _) => {
            let last = counts.failures.last();
            let last =
                last.map_or_else(String::new, |last| format!(", such as {}: {}", last.index, last.reason));
            (JobPhase::Failed, format!("{failed} of {all} elements failed{last}"))
        }
    };
    lifecycle::set_phase(array, phase, &reason, act);
}

fn count_of(counts: &mut v1::ArrayStatus, end: ElementEnd) -> &mut u32 {
    match end {
        ElementEnd::Well => &mut counts.succeeded,
        ElementEnd::Failed => &mut counts.failed,
        ElementEnd::Cancelled => &mut counts.cancelled,
    }
}

/// Keeps that the elements at these places ended so.
fn mark(act: &mut Act<'_>, array: &v1::Job, places: Range<u32>, end: ElementEnd) {
    let uid = identity(array).1;
    let mut place = places.start;
    while place < places.end {
        let chunk = place / CHUNK;
        let mut record = act.state.elements.get(&row(uid, chunk)).cloned().unwrap_or_default();
        let until = places.end.min((chunk + 1) * CHUNK);
        for place in place..until {
            set(&mut record, place % CHUNK, end);
        }
        act.state.elements.put(&row(uid, chunk), record, &mut act.state.changes);
        place = until;
    }
}

fn get(record: &ElementsRecord, place: u32) -> u8 {
    let byte = usize::try_from(place / 4).ok().and_then(|at| record.ends.get(at)).copied().unwrap_or(0);
    (byte >> (2 * (place % 4))) & 3
}

fn set(record: &mut ElementsRecord, place: u32, end: ElementEnd) {
    let at = usize::try_from(place / 4).unwrap_or(usize::MAX);
    if record.ends.len() <= at {
        record.ends.resize(at.saturating_add(1), 0);
    }
    if let Some(byte) = record.ends.get_mut(at) {
        let shift = 2 * (place % 4);
        *byte = (*byte & !(3 << shift)) | ((end as u8) << shift);
    }
}

fn row(uid: &str, chunk: u32) -> String {
    format!("{uid}.{chunk:03}")
}

fn indexes(array: &v1::Job) -> Option<Indexes> {
    let spec = array.spec.as_ref()?.array.as_ref()?;
    Some(ArraySpec::try_from(spec).ok()?.elements())
}

fn identity(job: &v1::Job) -> (&str, &str) {
    job.metadata.as_ref().map_or(("", ""), |metadata| (&metadata.name, &metadata.uid))
}

fn of(job: &v1::Job) -> Option<&v1::ArrayElement> {
    job.status.as_ref()?.element.as_ref()
}

/// The array of an element.
fn array_of(act: &Act<'_>, job: &v1::Job) -> Option<v1::Job> {
    let of = of(job)?;
    act.state.job(&of.array).filter(|array| identity(array).1 == of.array_uid).cloned()
}
