//! `holdfast job submit`.

use camino::Utf8Path;
use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::{JobSpec, SubmitJobRequest};
use holdfast_types::{JobManifest, JobName, Problem, ProblemKind};

use super::view;
use crate::commands::wait;
use crate::failure::Failure;
use crate::manifest::{self, Wanted};
use crate::session::{Session, call};

/// Submits the one job of a manifest.
pub(super) async fn run(session: &Session, file: &Utf8Path, name: Option<&str>) -> Result<(), Failure> {
    let manifest = only_job(file)?;
    let name = name.unwrap_or(&manifest.metadata.name);
    let name: JobName = name.parse().map_err(|error: holdfast_types::NameError| {
        Problem::new(7024, ProblemKind::Invalid, "the job has no usable name").because(error.to_string())
    })?;
    let request = SubmitJobRequest {
        name: name.to_string(),
        labels: manifest.metadata.labels.clone().into_iter().collect(),
        spec: Some(JobSpec::from(&manifest.spec)),
        options: Some(session.write_options()?),
    };
    let job = call!(session, JobsClient, submit, request)?;
    if session.globals.dry_run {
        return session.printer.show(&job, || view::trial(name.as_str(), &job));
    }
    // One that waits for what cannot come about any more has ended at once.
    if wait::has_ended(&job) {
        session.printer.show(&job, || view::summary(&job))?;
        return Ok(wait::verdict(&job)?);
    }
    if !session.globals.wait {
        return session
            .printer
            .show(&job, || format!("job `{name}` submitted\nnext: holdfast job show {name} --watch\n"));
    }
    session.printer.note(format!("job `{name}` submitted"));
    let ended = wait::until_ended(session, name.as_str()).await?;
    session.printer.show(&ended, || view::summary(&ended))?;
    Ok(wait::verdict(&ended)?)
}

fn only_job(file: &Utf8Path) -> Result<JobManifest, Problem> {
    let mut wanted = manifest::load(file)?;
    let count = wanted.len();
    match (wanted.pop(), count) {
        (Some(Wanted::Job(job)), 1) => Ok(*job),
        _ => Err(Problem::new(7023, ProblemKind::Invalid, format!("manifest `{file}` is not one job"))
            .because(format!("it describes {count} objects; `job submit` takes a file with one Job"))
            .next(format!("holdfast apply -f {file}"))),
    }
}
