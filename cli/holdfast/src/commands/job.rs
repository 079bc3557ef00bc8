//! `holdfast job`: what engineers come for.

mod submit;
mod view;

use camino::Utf8PathBuf;
use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{CancelJobRequest, GetRequest, Job, JobList, ListJobsRequest};
use holdfast_types::{JobPhase, Problem, ProblemKind};

use super::confirm::confirm;
use super::listing::{self, Selector, Watched};
use super::{logs, wait};
use crate::failure::Failure;
use crate::globals::Flag;
use crate::session::{Session, call};

/// What can be done with jobs.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Submit a job
    #[command(after_help = "\
Examples:
  holdfast job submit -f train.yaml
  holdfast job submit -f train.yaml --name second --wait --timeout 2h
  sed s/lab/acme/ train.yaml | holdfast job submit -f - --dry-run

With --wait the exit code is 0 where the job succeeded, 1 where it failed or was cancelled, 5 where the time ran out.")]
    Submit {
        /// The manifest; `-` for standard input
        #[arg(short = 'f', long = "file", value_name = "FILE")]
        file: Utf8PathBuf,
        /// A name in place of the manifest's
        #[arg(long)]
        name: Option<String>,
    },
    /// List jobs
    #[command(
        after_help = "Examples:\n  holdfast job list\n  holdfast job list --phase Running --watch\n  holdfast job list -l team=vision -o name\n  holdfast job list --array sweep --phase Failed"
    )]
    List {
        /// Only of this queue
        #[arg(long, default_value = "", hide_default_value = true)]
        queue: String,
        /// Only in this phase
        #[arg(long, value_parser = phase)]
        phase: Option<JobPhase>,
        /// The elements of this array that were started, instead of the jobs that are no elements
        #[arg(long, value_name = "JOB", default_value = "", hide_default_value = true)]
        array: String,
        #[command(flatten)]
        selector: Selector,
    },
    /// Show one job with its tasks
    #[command(
        after_help = "Examples:\n  holdfast job show train\n  holdfast job show train --watch\n  holdfast job show train -o yaml"
    )]
    Show(Name),
    /// Say why a job is where it is
    #[command(after_help = "Examples:\n  holdfast job explain train")]
    Explain(Name),
    /// Print what a task has written
    #[command(
        after_help = "Examples:\n  holdfast job logs train\n  holdfast job logs train --rank 1 -f --tail 4KiB"
    )]
    Logs(logs::Args),
    /// Stop a job for good
    #[command(after_help = "Examples:\n  holdfast job cancel train\n  holdfast job cancel train --wait")]
    Cancel(Name),
    /// Return when a job has ended
    #[command(after_help = "\
Examples:
  holdfast job wait train --timeout 2h

The exit code is 0 where the job succeeded, 1 where it failed or was cancelled, 5 where the time ran out.")]
    Wait(Name),
    /// Forget a job that has ended
    #[command(after_help = "Examples:\n  holdfast job delete train --yes")]
    Delete(Name),
}

/// Which job.
#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    /// The job
    pub(crate) name: String,
}

fn phase(text: &str) -> Result<JobPhase, String> {
    let found = JobPhase::ALL.iter().find(|phase| phase.as_str().eq_ignore_ascii_case(text));
    let all = || JobPhase::ALL.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(", ");
    found.copied().ok_or_else(|| format!("it is one of {}", all()))
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::Submit { .. } => ("submit", &[Flag::DryRun, Flag::Wait]),
            Self::List { .. } => ("list", &[Flag::Watch]),
            Self::Show(_) => ("show", &[Flag::Watch]),
            Self::Explain(_) => ("explain", &[]),
            Self::Logs(_) => ("logs", &[]),
            Self::Cancel(_) => ("cancel", &[Flag::DryRun, Flag::Wait]),
            Self::Wait(_) => ("wait", &[Flag::Wait]),
            Self::Delete(_) => ("delete", &[Flag::DryRun]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Submit { file, name } => submit::run(session, file, name.as_deref()).await,
        Command::List { queue, phase, array, selector } => {
            let phase = phase.map_or("", JobPhase::as_str);
            list(session, Wanted { queue, phase, array }, selector).await
        }
        Command::Show(name) => show(session, &name.name).await,
        Command::Explain(name) => explain(session, &name.name).await,
        Command::Logs(args) => logs::run(session, args).await,
        Command::Cancel(name) => cancel(session, &name.name).await,
        Command::Wait(name) => {
            let ended = wait::until_ended(session, &name.name).await?;
            session.printer.show(&ended, || view::summary(&ended))?;
            Ok(wait::verdict(&ended)?)
        }
        Command::Delete(name) => {
            confirm(session, &format!("delete job `{}` and its history", name.name))?;
            let request =
                CancelJobRequest { name: name.name.clone(), options: Some(session.write_options()?) };
            let job = call!(session, JobsClient, delete, request)?;
            let done = if session.globals.dry_run { "would be deleted" } else { "deleted" };
            session.printer.show(&job, || format!("job `{}` {done}\n", name.name))
        }
    }
}

/// Which jobs a list has: any queue or phase where nothing is said.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    queue: &'a str,
    phase: &'a str,
    /// The array of which they are elements; they are none where nothing is said.
    array: &'a str,
}

impl Wanted<'_> {
    /// Whether a changed job belongs to the list that is watched.
    fn matches(&self, job: &Job) -> bool {
        let status = job.status.as_ref();
        let array = status.and_then(|status| status.element.as_ref()).map_or("", |of| of.array.as_str());
        let in_queue = self.queue.is_empty() || job.spec.as_ref().is_some_and(|s| s.queue == self.queue);
        let in_phase = self.phase.is_empty() || status.is_some_and(|s| s.phase == self.phase);
        array == self.array && in_queue && in_phase
    }
}

async fn list(session: &Session, wanted: Wanted<'_>, selector: &Selector) -> Result<(), Failure> {
    let list: JobList = listing::all(|token| async move {
        let request = ListJobsRequest {
            list: Some(selector.page(&token)),
            queue: wanted.queue.to_owned(),
            phase: wanted.phase.to_owned(),
            array: wanted.array.to_owned(),
        };
        call!(session, JobsClient, list, request)
    })
    .await?;
    let mut table = view::table();
    list.items.iter().for_each(|job| view::row(&mut table, job));
    let watched = Watched { kind: "Job", name: "", revision: list.revision };
    listing::show(session, &list, table, watched, |table, resource| {
        if let Resource::Job(job) = resource
            && wanted.matches(job)
        {
            view::row(table, job);
        }
    })
    .await
}

async fn show(session: &Session, name: &str) -> Result<(), Failure> {
    let job = get(session, name).await?;
    session.printer.show(&job, || view::whole(&job))?;
    if !session.globals.watch {
        return Ok(());
    }
    let revision = job.metadata.as_ref().map_or(0, |m| m.revision);
    let mut watch = listing::changes(session, Watched { kind: "Job", name, revision });
    loop {
        let event = watch.next().await?;
        let Some(Resource::Job(job)) = event.resource.filter(|_| event.r#type == "put") else {
            return Err(Problem::new(7041, ProblemKind::NotFound, format!("job `{name}` was deleted")).into());
        };
        session.printer.change(&job, || format!("\n{}", view::whole(&job)))?;
    }
}

async fn get(session: &Session, name: &str) -> Result<Job, Problem> {
    call!(session, JobsClient, get, GetRequest { name: name.to_owned(), ..GetRequest::default() })
}

async fn explain(session: &Session, name: &str) -> Result<(), Failure> {
    let request = GetRequest { name: name.to_owned(), ..GetRequest::default() };
    let explanation = call!(session, JobsClient, explain, request)?;
    session.printer.show(&explanation, || view::explanation(&explanation))
}

async fn cancel(session: &Session, name: &str) -> Result<(), Failure> {
    let request = CancelJobRequest { name: name.to_owned(), options: Some(session.write_options()?) };
    let job = call!(session, JobsClient, cancel, request)?;
    if session.globals.wait && !session.globals.dry_run {
        let ended = wait::until_ended(session, name).await?;
        return session.printer.show(&ended, || view::summary(&ended));
    }
    let done = if session.globals.dry_run { "would be cancelled" } else { "is being cancelled" };
    session.printer.show(&job, || format!("job `{name}` {done}\n"))
}
