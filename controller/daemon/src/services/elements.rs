//! What is said of arrays and their elements to whoever asks for one of them.

use holdfast_api::status_from_problem;
use holdfast_api::v1::{Job, JobExplanation};
use holdfast_state::{ElementEnd, State};
use holdfast_types::{Problem, ProblemKind, element_of};
use tonic::Status;

/// Whether a job belongs to a list of the elements of this array, or to one of the jobs that are no elements where none is named.
pub(super) fn is_listed(job: &Job, array: &str) -> bool {
    let element = job.status.as_ref().and_then(|status| status.element.as_ref());
    element.map_or("", |element| element.array.as_str()) == array
}

/// The job with which of its elements ended how where it is an array.
pub(super) fn with_ends(state: &State, mut job: Job) -> Job {
    let said = |end| state.elements_that(&job, end).map_or_else(String::new, |indexes| indexes.to_string());
    let (failed, cancelled) = (said(ElementEnd::Failed), said(ElementEnd::Cancelled));
    if let Some(array) = job.status.as_mut().and_then(|status| status.array.as_mut()) {
        (array.failed_indexes, array.cancelled_indexes) = (failed, cancelled);
    }
    job
}

/// Why there is no such job, where it would be an element of an array that is there.
pub(super) fn not_started(state: &State, name: &str) -> Option<Status> {
    let (array, index) = element_of(name)?;
    let job = state.job(array)?;
    let counts = job.status.as_ref()?.array.as_ref()?;
    let because = format!(
        "element {index} of array `{array}` has not started, was cancelled before it did, or was let go of: {} of {} have started",
        counts.active + counts.succeeded + counts.failed,
        counts.elements
    );
    let problem = Problem::new(2201, ProblemKind::NotFound, format!("job `{name}` does not exist"));
    let problem = problem.because(because).next(format!("holdfast job list --array {array}"));
    Some(status_from_problem(&problem))
}

/// Why an array has no logs.
pub(super) fn no_logs(job: &Job, name: &str) -> Option<Status> {
    let array = job.status.as_ref()?.array.as_ref()?;
    let first =
        job.spec.as_ref()?.array.as_ref()?.indexes.split(['-', ',']).next().unwrap_or_default().to_owned();
    let first = if first.is_empty() { "0".to_owned() } else { first };
    let problem = Problem::new(2202, ProblemKind::Invalid, format!("job `{name}` prints nothing itself"))
        .because(format!("it is an array of {} elements, each of which prints for itself", array.elements))
        .next(format!("holdfast job list --array {name}"))
        .next(format!("holdfast job logs {name}.{first}"));
    Some(status_from_problem(&problem))
}

/// Why the elements of an array that have not started do not, where no place is asked for them; `None` where that is for the scheduler to
/// say.
pub(super) fn waiting(job: &Job) -> Option<JobExplanation> {
    let (spec, status) = (job.spec.as_ref()?, job.status.as_ref()?);
    let (array, counts) = (spec.array.as_ref()?, status.array.as_ref()?);
    let left = counts.elements.saturating_sub(counts.next);
    let is_limited = array.max_parallel > 0 && counts.active >= array.max_parallel;
    let is_full = status.phase == "Running" && left > 0 && is_limited;
    let summary = format!(
        "{left} of its {} elements wait for others to end: {} are under way, and maxParallel is {}",
        counts.elements, counts.active, array.max_parallel
    );
    is_full.then(|| JobExplanation { text: format!("{summary}\n"), summary, ..JobExplanation::default() })
}
