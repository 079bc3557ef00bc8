//! `holdfast apply`, `diff` and `delete`: manifests as the whole of what is wanted.

mod atomic;
mod changes;
mod live;

use camino::Utf8PathBuf;
use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::reservations_client::ReservationsClient;
use holdfast_api::v1::{
    ApplyQueueRequest, ApplyReservationRequest, CancelJobRequest, DeleteQueueRequest,
    DeleteReservationRequest, JobSpec, QueueSpec, ReservationSpec, SubmitJobRequest,
};
use holdfast_types::{JobManifest, Problem, ProblemKind, QueueManifest, ReservationManifest};

use self::changes::{is_as_wanted, lines};
use self::live::{find_job, find_queue, find_reservation, is_there, said};
use super::confirm::confirm;
use crate::failure::Failure;
use crate::globals::Flag;
use crate::manifest::{self, Wanted};
use crate::output::{Shown, to_json};
use crate::session::{Session, call};

/// The options that commands which write manifests honour.
pub(crate) const WRITES: &[Flag] = &[Flag::DryRun];

/// What to make, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  holdfast apply -f queue.yaml -f train.yaml
  holdfast apply --atomic -f examples/queue-and-job.yaml --dry-run")]
pub(crate) struct Apply {
    #[command(flatten)]
    files: Files,
    /// Make all of it at one revision, or none where one part is refused
    #[arg(long)]
    atomic: bool,
}

/// Which manifests.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  holdfast diff -f queue.yaml          exit code 1 where something differs
  holdfast delete -f train.yaml --yes")]
pub(crate) struct Files {
    /// A manifest; `-` for standard input
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true, num_args = 1..)]
    file: Vec<Utf8PathBuf>,
}

impl Files {
    fn load(&self) -> Result<Vec<Wanted>, Problem> {
        let mut wanted = Vec::new();
        for file in &self.file {
            wanted.extend(manifest::load(file)?);
        }
        Ok(wanted)
    }
}

/// Makes what is described. Every file is read and checked before anything is sent.
pub(crate) async fn apply(session: &Session, apply: &Apply) -> Result<(), Failure> {
    let wanted = apply.files.load()?;
    if apply.atomic {
        return atomic::apply(session, &wanted).await;
    }
    for wanted in wanted {
        match wanted {
            Wanted::Job(manifest) => apply_job(session, &manifest).await?,
            Wanted::Queue(manifest) => apply_queue(session, &manifest).await?,
            Wanted::Reservation(manifest) => apply_reservation(session, &manifest).await?,
        }
    }
    Ok(())
}

async fn apply_queue(session: &Session, manifest: &QueueManifest) -> Result<(), Failure> {
    let before = find_queue(session, &manifest.metadata.name).await?;
    let request = ApplyQueueRequest {
        name: manifest.metadata.name.clone(),
        labels: manifest.metadata.labels.clone().into_iter().collect(),
        spec: Some(QueueSpec::from(&manifest.spec)),
        options: Some(session.write_options()?),
    };
    let queue = call!(session, QueuesClient, apply, request)?;
    let same = before.is_some_and(|before| before.spec == queue.spec);
    said(session, &queue, "queue", &manifest.metadata.name, if same { "unchanged" } else { "applied" })
}

async fn apply_reservation(session: &Session, manifest: &ReservationManifest) -> Result<(), Failure> {
    let name = &manifest.metadata.name;
    let before = find_reservation(session, name).await?;
    let request = ApplyReservationRequest {
        name: name.clone(),
        labels: manifest.metadata.labels.clone().into_iter().collect(),
        spec: Some(ReservationSpec::from(&manifest.spec)),
        options: Some(session.write_options()?),
    };
    let made = call!(session, ReservationsClient, apply, request)?;
    let same = before.is_some_and(|before| before.spec == made.spec);
    said(session, &made, "reservation", name, if same { "unchanged" } else { "applied" })
}

/// A job does not change: it is made, or it is there as described, or it is in the way.
async fn apply_job(session: &Session, manifest: &JobManifest) -> Result<(), Failure> {
    let name = &manifest.metadata.name;
    let spec = JobSpec::from(&manifest.spec);
    if is_there(session, name, &spec).await? {
        return Ok(());
    }
    let request = SubmitJobRequest {
        name: name.clone(),
        labels: manifest.metadata.labels.clone().into_iter().collect(),
        spec: Some(spec),
        options: Some(session.write_options()?),
    };
    let job = call!(session, JobsClient, submit, request)?;
    said(session, &job, "job", name, "submitted")
}

/// Shows what applying would change.
pub(crate) async fn diff(session: &Session, files: &Files) -> Result<(), Failure> {
    let mut differs = false;
    for wanted in files.load()? {
        let text = match &wanted {
            Wanted::Job(manifest) => {
                let live = find_job(session, &manifest.metadata.name).await?.and_then(|job| job.spec);
                let wanted = JobSpec::from(&manifest.spec);
                let same = live.as_ref().is_some_and(|live| is_as_wanted(live, &wanted));
                let live = if same { Some(wanted.clone()) } else { live };
                compared("job", &manifest.metadata.name, live.as_ref(), &wanted)?
            }
            Wanted::Queue(manifest) => {
                let live = find_queue(session, &manifest.metadata.name).await?.and_then(|queue| queue.spec);
                compared("queue", &manifest.metadata.name, live.as_ref(), &QueueSpec::from(&manifest.spec))?
            }
            Wanted::Reservation(manifest) => {
                let (name, wanted) = (&manifest.metadata.name, ReservationSpec::from(&manifest.spec));
                let live = find_reservation(session, name).await?.and_then(|live| live.spec);
                compared("reservation", name, live.as_ref(), &wanted)?
            }
        };
        differs |= !text.is_empty();
        session.printer.text(&text)?;
    }
    if differs { Err(Failure::Ended(std::process::ExitCode::from(1))) } else { Ok(()) }
}

fn compared<S: Shown>(kind: &str, name: &str, live: Option<&S>, wanted: &S) -> Result<String, Problem> {
    let yaml = |spec: &S| -> Result<String, Problem> {
        serde_saphyr::to_string(&to_json(spec)?).map_err(|error| {
            Problem::new(7002, ProblemKind::Failed, format!("{kind} `{name}` cannot be written as YAML"))
                .because(error.to_string())
        })
    };
    let before = live.map(yaml).transpose()?.unwrap_or_default();
    let changed = lines(&before, &yaml(wanted)?);
    if changed.is_empty() {
        return Ok(String::new());
    }
    Ok(format!("--- {kind}/{name} in the cluster\n+++ {kind}/{name} in the manifest\n{changed}"))
}

/// Deletes what is described. What is not there is not an error: it is as wanted.
pub(crate) async fn delete(session: &Session, files: &Files) -> Result<(), Failure> {
    let wanted = files.load()?;
    let names: Vec<String> = wanted.iter().map(named).collect();
    confirm(session, &format!("delete {}", names.join(", ")))?;
    for wanted in &wanted {
        let options = Some(session.write_options()?);
        match wanted {
            Wanted::Job(manifest) => {
                let name = manifest.metadata.name.clone();
                let request = CancelJobRequest { name: name.clone(), options };
                let answer = call!(session, JobsClient, delete, request);
                gone(session, answer, "job", &name)?;
            }
            Wanted::Queue(manifest) => {
                let name = manifest.metadata.name.clone();
                let request = DeleteQueueRequest { name: name.clone(), options };
                let answer = call!(session, QueuesClient, delete, request);
                gone(session, answer, "queue", &name)?;
            }
            Wanted::Reservation(manifest) => {
                let name = manifest.metadata.name.clone();
                let request = DeleteReservationRequest { name: name.clone(), options };
                let answer = call!(session, ReservationsClient, delete, request);
                gone(session, answer, "reservation", &name)?;
            }
        }
    }
    Ok(())
}

fn named(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Job(manifest) => format!("job `{}`", manifest.metadata.name),
        Wanted::Queue(manifest) => format!("queue `{}`", manifest.metadata.name),
        Wanted::Reservation(manifest) => format!("reservation `{}`", manifest.metadata.name),
    }
}

fn gone<M: Shown>(
    session: &Session,
    answer: Result<M, Problem>,
    kind: &str,
    name: &str,
) -> Result<(), Failure> {
    match answer {
        Ok(message) => said(session, &message, kind, name, "deleted"),
        Err(problem) if problem.kind == ProblemKind::NotFound => {
            session.printer.note(format!("{kind} `{name}` is not there"));
            Ok(())
        }
        Err(problem) => Err(problem.into()),
    }
}
