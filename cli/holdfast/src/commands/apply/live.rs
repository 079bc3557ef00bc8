//! What is there already, and what is said of it.

use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::reservations_client::ReservationsClient;
use holdfast_api::v1::{GetRequest, Job, JobSpec, Queue, Reservation};
use holdfast_types::{Problem, ProblemKind};

use super::changes::is_as_wanted;
use crate::failure::Failure;
use crate::globals::Format;
use crate::output::Shown;
use crate::session::{Session, call};

/// Says what became of one resource.
pub(super) fn said<M: Shown>(
    session: &Session,
    message: &M,
    kind: &str,
    name: &str,
    what: &str,
) -> Result<(), Failure> {
    let dry = if session.globals.dry_run { " (dry run)" } else { "" };
    if session.globals.output == Format::Table {
        return session.printer.line(format!("{kind}/{name} {what}{dry}"));
    }
    session.printer.change(message, String::new)
}

/// The job of that name, if there is one.
pub(super) async fn find_job(session: &Session, name: &str) -> Result<Option<Job>, Problem> {
    found(call!(session, JobsClient, get, GetRequest { name: name.to_owned(), ..GetRequest::default() }))
}

/// The queue of that name, if there is one.
pub(super) async fn find_queue(session: &Session, name: &str) -> Result<Option<Queue>, Problem> {
    found(call!(session, QueuesClient, get, GetRequest { name: name.to_owned(), ..GetRequest::default() }))
}

/// The reservation of that name, if there is one.
pub(super) async fn find_reservation(session: &Session, name: &str) -> Result<Option<Reservation>, Problem> {
    let get = GetRequest { name: name.to_owned(), ..GetRequest::default() };
    found(call!(session, ReservationsClient, get, get))
}

fn found<T>(answer: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(problem) if problem.kind == ProblemKind::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Whether a job is there as it is wanted. A job does not change: one that differs is in the way.
pub(super) async fn is_there(session: &Session, name: &str, spec: &JobSpec) -> Result<bool, Failure> {
    let Some(job) = find_job(session, name).await? else { return Ok(false) };
    if job.spec.as_ref().is_some_and(|live| is_as_wanted(live, spec)) {
        said(session, &job, "job", name, "unchanged")?;
        return Ok(true);
    }
    Err(Problem::new(7025, ProblemKind::Conflict, format!("job `{name}` is there and differs"))
        .because("a job cannot change after it was admitted")
        .next(format!("holdfast job delete {name}"))
        .next("holdfast job submit -f FILE --name ANOTHER")
        .into())
}
