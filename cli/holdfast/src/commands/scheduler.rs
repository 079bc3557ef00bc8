//! `holdfast scheduler`: what it would decide.

mod view;

use std::str::FromStr;

use camino::Utf8PathBuf;
use holdfast_api::v1::scheduling_client::SchedulingClient;
use holdfast_api::v1::transaction_step::Step;
use holdfast_api::v1::{
    ChangeNodeStep, EndJobStep, MoreNodes, ReplayRequest, TransactionStep, WhatIfRequest,
};
use holdfast_types::{Problem, ProblemKind};

use super::steps;
use crate::failure::Failure;
use crate::globals::Flag;
use crate::manifest::{self, Wanted};
use crate::session::{Session, call};

/// What can be asked of the scheduler.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show what changes would lead to, without making them
    #[command(name = "what-if")]
    #[command(after_help = "\
Examples:
  holdfast scheduler what-if                      how the cluster goes on as it is
  holdfast scheduler what-if --drain rack=r7
  holdfast scheduler what-if --more gpu-17=8
  holdfast scheduler what-if -f queue.yaml -f train.yaml --cancel sweep

The changes are made to a copy of the state, which is planned from now on: nothing is kept, nobody is stopped.")]
    WhatIf(WhatIf),
    /// Decide committed plans once more, and hold the outcome against what was committed
    #[command(after_help = "\
Examples:
  holdfast scheduler replay                       every plan that the log still has
  holdfast scheduler replay --revision 4711       the last plan committed by then

Each plan is decided from the state, the law and the time that it was made of. The exit code is 1 where one comes out otherwise.")]
    Replay {
        /// Only the plan that was committed at this revision, or the last one before it
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        revision: Option<u64>,
    },
}

/// The changes.
#[derive(Debug, clap::Args)]
pub(crate) struct WhatIf {
    /// Queues, reservations and jobs as if they were applied
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    /// A node, or all of a domain, such as `rack=r7`, as if it were drained
    #[arg(long, value_name = "NODE")]
    drain: Vec<String>,
    /// A node as if it took work again
    #[arg(long, value_name = "NODE")]
    uncordon: Vec<String>,
    /// So many nodes more that are like one, as if they were there
    #[arg(long, value_name = "NODE=COUNT")]
    more: Vec<More>,
    /// A job as if it were cancelled
    #[arg(long, value_name = "JOB")]
    cancel: Vec<String>,
}

/// `gpu-17=8`
#[derive(Debug, Clone)]
pub(crate) struct More {
    like: String,
    count: u32,
}

impl FromStr for More {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(like, count)| Some((like, count.parse().ok()?)));
        match parts {
            Some((like, count)) if count > 0 => Ok(Self { like: like.to_owned(), count }),
            _ => Err(String::from("it is a node and a count, such as `gpu-17=8`")),
        }
    }
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::WhatIf(_) => ("what-if", &[]),
            Self::Replay { .. } => ("replay", &[]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    match command {
        Command::WhatIf(changes) => what_if(session, changes).await,
        Command::Replay { revision } => replay(session, revision.unwrap_or(0)).await,
    }
}

async fn replay(session: &Session, revision: u64) -> Result<(), Failure> {
    session.printer.note("deciding the plans of the log once more");
    let report = call!(session, SchedulingClient, replay, ReplayRequest { revision })?;
    session.printer.show(&report, || view::replayed(&report))?;
    if report.same == report.plans {
        return Ok(());
    }
    let otherwise = report.plans.saturating_sub(report.same);
    let summary =
        format!("{otherwise} of {} plans come out otherwise than they were committed", report.plans);
    Err(Problem::new(2192, ProblemKind::Failed, summary)
        .because("another release decided them, or what was committed is not what was decided")
        .next("holdfast audit verify")
        .into())
}

async fn what_if(session: &Session, changes: &WhatIf) -> Result<(), Failure> {
    let request = request(changes)?;
    let report = call!(session, SchedulingClient, what_if, request)?;
    session.printer.show(&report, || view::report(&report))
}

fn request(changes: &WhatIf) -> Result<WhatIfRequest, Failure> {
    let mut steps = Vec::new();
    for file in &changes.files {
        for wanted in manifest::load(file)? {
            steps.push(match wanted {
                Wanted::Job(job) => steps::job(&job),
                Wanted::Queue(queue) => steps::queue(&queue),
                Wanted::Reservation(reservation) => steps::reservation(&reservation),
            });
        }
    }
    let cancel = |name: &String| Step::CancelJob(EndJobStep { name: name.clone() });
    steps.extend(changes.cancel.iter().map(cancel));
    let uncordon = |name: &String| {
        let (name, change) = (name.clone(), String::from("uncordon"));
        Step::ChangeNode(ChangeNodeStep { name, change, reason: String::new() })
    };
    steps.extend(changes.uncordon.iter().map(uncordon));
    let more = |more: &More| MoreNodes { like: more.like.clone(), count: more.count };
    Ok(WhatIfRequest {
        steps: steps
            .into_iter()
            .map(|step| TransactionStep { expected_revision: 0, step: Some(step) })
            .collect(),
        drain: changes.drain.clone(),
        more_nodes: changes.more.iter().map(more).collect(),
    })
}
