//! Waiting for a job to end, and for anything for no longer than `--timeout`.

use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{GetRequest, Job};
use holdfast_types::{JobPhase, Problem, ProblemKind, Span};

use super::listing::{self, Watched};
use crate::session::{Session, call};

/// Returns the job when it has ended, or a problem when `--timeout` has passed. Every phase on the way is said.
pub(crate) async fn until_ended(session: &Session, name: &str) -> Result<Job, Problem> {
    within(session.globals.timeout, follow(session, name), |limit| late(name, limit)).await
}

/// What comes of waiting, or the problem that `late` makes of `--timeout` when that has passed.
pub(crate) async fn within<T>(
    limit: Option<Span>,
    waiting: impl Future<Output = Result<T, Problem>>,
    late: impl FnOnce(Span) -> Problem,
) -> Result<T, Problem> {
    let Some(limit) = limit else { return waiting.await };
    tokio::time::timeout(limit.as_duration(), waiting).await.unwrap_or_else(|_| Err(late(limit)))
}

fn late(name: &str, limit: Span) -> Problem {
    Problem::new(7040, ProblemKind::Unreachable, format!("job `{name}` has not ended in time"))
        .because(format!("--timeout is {} s; the job goes on", limit.as_duration().as_secs()))
        .next(format!("holdfast job explain {name}"))
        .next(format!("holdfast job wait {name}"))
}

async fn follow(session: &Session, name: &str) -> Result<Job, Problem> {
    let job = call!(session, JobsClient, get, GetRequest { name: name.to_owned(), ..GetRequest::default() })?;
    let revision = job.metadata.as_ref().map_or(0, |m| m.revision);
    let mut said = String::new();
    say(session, &job, &mut said);
    if has_ended(&job) {
        return Ok(job);
    }
    let mut watch = listing::changes(session, Watched { kind: "Job", name, revision });
    loop {
        let event = watch.next().await?;
        match event.resource {
            Some(Resource::Job(job)) if event.r#type == "put" => {
                say(session, &job, &mut said);
                if has_ended(&job) {
                    return Ok(job);
                }
            }
            Some(_) | None if event.r#type == "delete" => {
                return Err(Problem::new(7041, ProblemKind::NotFound, format!("job `{name}` was deleted")));
            }
            Some(_) | None => {}
        }
    }
}

fn say(session: &Session, job: &Job, said: &mut String) {
    let Some(status) = &job.status else { return };
    let text = format!("{}: {}", status.phase, status.reason);
    if text != *said {
        session.printer.note(text.trim_end_matches(": "));
        *said = text;
    }
}

fn phase(job: &Job) -> Option<JobPhase> {
    job.status.as_ref().and_then(|status| JobPhase::from_word(&status.phase))
}

/// Whether a job has ended for good.
pub(crate) fn has_ended(job: &Job) -> bool {
    phase(job).is_some_and(JobPhase::is_terminal)
}

/// Well where the job succeeded, a problem where it did not.
pub(crate) fn verdict(job: &Job) -> Result<(), Problem> {
    if phase(job) == Some(JobPhase::Succeeded) {
        return Ok(());
    }
    let name = job.metadata.as_ref().map(|m| m.name.clone()).unwrap_or_default();
    let status = job.status.clone().unwrap_or_default();
    let did = if status.phase == "Cancelled" { "was cancelled" } else { "failed" };
    let mut problem = Problem::new(7042, ProblemKind::Failed, format!("job `{name}` {did}"));
    if !status.reason.is_empty() {
        problem = problem.because(status.reason);
    }
    let failed = status.tasks.iter().find(|t| t.phase == "Failed");
    // One that never had a place has no logs.
    if let Some(task) = failed.or_else(|| status.tasks.first()) {
        problem = problem.next(format!("holdfast job logs {name} --rank {}", task.rank));
    }
    Err(problem.next(format!("holdfast job show {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::{JobStatus, Metadata, TaskStatus};

    fn job(phase: &str) -> Job {
        Job {
            metadata: Some(Metadata { name: "x".to_owned(), ..Metadata::default() }),
            spec: None,
            status: Some(JobStatus {
                phase: phase.to_owned(),
                reason: "rank 3 exited with 1".to_owned(),
                tasks: vec![TaskStatus { rank: 3, phase: "Failed".to_owned(), ..TaskStatus::default() }],
                ..JobStatus::default()
            }),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_exit_code_says_how_it_ended() {
        assert_eq!(verdict(&job("Succeeded")), Ok(()));
        let failed = verdict(&job("Failed")).unwrap_err();
        assert_eq!(failed.kind.exit_code(), 1);
        assert!(failed.to_string().contains("next:    holdfast job logs x --rank 3"), "{failed}");
        assert_eq!(verdict(&job("Cancelled")).unwrap_err().kind.exit_code(), 1);

        let never = std::future::pending::<Result<(), Problem>>();
        let late = within(Some(Span::from_secs(3)), never, |limit| late("x", limit)).await.unwrap_err();
        assert_eq!(late.kind.exit_code(), 5);
    }
}
