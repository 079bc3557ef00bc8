//! `holdfast release rollout`: begin, follow, pause, resume, abort.

use std::time::Duration;

use holdfast_api::v1::rollouts_client::RolloutsClient;
use holdfast_api::v1::{
    GetRequest, ListRequest, Rollout, RolloutDeadlines, RolloutList, RolloutRequest, StartRolloutRequest,
};
use holdfast_types::{Problem, ProblemKind, Span};

use crate::commands::confirm::confirm;
use crate::commands::listing;
use crate::commands::wait::within;
use crate::failure::Failure;
use crate::globals::Flag;
use crate::output::{Table, since};
use crate::session::{Session, call};

/// How often a rollout is looked at while it is followed: its steps take seconds at the least.
const LOOK: Duration = Duration::from_millis(500);

/// What can be asked of rollouts.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Begin to bring a release to nodes
    #[command(
        after_help = "Examples:\n  holdfast release rollout start 0.2.0\n  holdfast release rollout start 0.2.0 -l tier=test --wait --timeout 2h\n  holdfast release rollout start 0.2.0 --node gpu-07 --max-unavailable 1"
    )]
    Start(Start),
    /// Show a rollout
    #[command(
        after_help = "Examples:\n  holdfast release rollout status\n  holdfast release rollout status --watch"
    )]
    Status(Name),
    /// Begin no further node
    #[command(after_help = "Examples:\n  holdfast release rollout pause --reason \"exam week\"")]
    Pause(Change),
    /// Go on, and try nodes again that failed
    #[command(after_help = "Examples:\n  holdfast release rollout resume")]
    Resume(Change),
    /// End it, or leave its release again: nodes go back to what they had
    #[command(
        after_help = "Examples:\n  holdfast release rollout abort\n  holdfast release rollout abort --all --yes\n  holdfast release rollout abort rollout-2 --all --wait"
    )]
    Abort(Abort),
}

/// Which release goes where.
#[derive(Debug, clap::Args)]
pub(crate) struct Start {
    /// The version
    release: String,
    /// Only nodes with these labels
    #[arg(short = 'l', long, value_name = "LABELS", default_value = "", hide_default_value = true)]
    selector: String,
    /// Only this node; may be given again
    #[arg(long = "node", value_name = "NODE")]
    nodes: Vec<String>,
    /// How many nodes may be away at once; controllers always go alone
    #[arg(long, default_value_t = 1)]
    max_unavailable: u32,
    /// How long what runs on a node may take to end
    #[arg(long, value_name = "TIME")]
    drain_limit: Option<Span>,
    /// How long a node may take to come back
    #[arg(long, value_name = "TIME")]
    reboot_limit: Option<Span>,
    /// How long a node may take to be healthy
    #[arg(long, value_name = "TIME")]
    verify_limit: Option<Span>,
}

/// Which rollout.
#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    /// Its name; the newest where absent
    name: Option<String>,
}

/// Which rollout, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    /// Its name; the one under way where absent
    #[arg(default_value = "", hide_default_value = true)]
    name: String,
    /// Why, for the audit log
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

/// Which rollout, and how far back.
#[derive(Debug, clap::Args)]
pub(crate) struct Abort {
    #[command(flatten)]
    change: Change,
    /// Bring nodes back that are done, too; also after the rollout is over
    #[arg(long)]
    all: bool,
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::Start(_) => ("rollout start", &[Flag::DryRun, Flag::Wait]),
            Self::Status(_) => ("rollout status", &[Flag::Watch]),
            Self::Pause(_) => ("rollout pause", &[Flag::DryRun]),
            Self::Resume(_) => ("rollout resume", &[Flag::DryRun, Flag::Wait]),
            Self::Abort(_) => ("rollout abort", &[Flag::DryRun, Flag::Wait]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Start(start) => {
            let rollout = begin(session, start).await?;
            after(session, rollout).await
        }
        Command::Status(which) => status(session, which).await,
        Command::Pause(change) => {
            let request = request(session, change, false)?;
            let rollout = call!(session, RolloutsClient, pause, request)?;
            session.printer.show(&rollout, || text(&rollout))
        }
        Command::Resume(change) => {
            let request = request(session, change, false)?;
            let rollout = call!(session, RolloutsClient, resume, request)?;
            after(session, rollout).await
        }
        Command::Abort(abort) => {
            let what =
                if abort.all { "every node of the rollout goes back" } else { "nodes under way go back" };
            confirm(session, what)?;
            let request = request(session, &abort.change, abort.all)?;
            let rollout = call!(session, RolloutsClient, abort, request)?;
            after(session, rollout).await
        }
    }
}

fn request(session: &Session, change: &Change, all: bool) -> Result<RolloutRequest, Problem> {
    let options = Some(session.write_options()?);
    Ok(RolloutRequest { name: change.name.clone(), reason: change.reason.clone(), all, options })
}

async fn begin(session: &Session, start: &Start) -> Result<Rollout, Problem> {
    let limit = |given: Option<Span>| given.map_or(0, |span| span.0);
    let request = StartRolloutRequest {
        release: start.release.clone(),
        selector: start.selector.clone(),
        nodes: start.nodes.clone(),
        max_unavailable: start.max_unavailable,
        deadlines: Some(RolloutDeadlines {
            drain_ms: limit(start.drain_limit),
            reboot_ms: limit(start.reboot_limit),
            verify_ms: limit(start.verify_limit),
            ..RolloutDeadlines::default()
        }),
        options: Some(session.write_options()?),
    };
    call!(session, RolloutsClient, start, request)
}

/// Prints a rollout, or follows it to its end where that is asked for.
async fn after(session: &Session, rollout: Rollout) -> Result<(), Failure> {
    if !session.globals.wait || session.globals.dry_run {
        return session.printer.show(&rollout, || text(&rollout));
    }
    let name = name_of(&rollout);
    let ended = async {
        loop {
            let now = get(session, &name).await?;
            let phase = now.status.clone().unwrap_or_default().phase;
            if !matches!(phase.as_str(), "Running" | "Aborting") {
                return Ok::<_, Problem>(now);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let ended = within(session.globals.timeout, ended, |limit| {
        Problem::new(7131, ProblemKind::Unreachable, format!("rollout `{name}` is not over in time"))
            .because(format!("--timeout is {limit}; the rollout goes on"))
            .next("holdfast release rollout status --watch")
    })
    .await?;
    session.printer.show(&ended, || text(&ended))?;
    let status = ended.status.unwrap_or_default();
    if matches!(status.phase.as_str(), "Done" | "Aborted") {
        return Ok(());
    }
    Err(Problem::new(7132, ProblemKind::Failed, format!("rollout `{name}` is {}", status.phase))
        .because(status.reason)
        .next("holdfast release rollout resume")
        .next("holdfast release rollout abort")
        .into())
}

async fn get(session: &Session, name: &str) -> Result<Rollout, Problem> {
    call!(session, RolloutsClient, get, GetRequest { name: name.to_owned(), ..GetRequest::default() })
}

async fn status(session: &Session, which: &Name) -> Result<(), Failure> {
    let name = match &which.name {
        Some(name) => name.clone(),
        None => newest(session).await?,
    };
    let mut last = get(session, &name).await?;
    session.printer.show(&last, || text(&last))?;
    if !session.globals.watch {
        return Ok(());
    }
    loop {
        tokio::time::sleep(LOOK).await;
        let now = get(session, &name).await?;
        if now != last {
            session.printer.change(&now, || text(&now))?;
            last = now;
        }
    }
}

async fn newest(session: &Session) -> Result<String, Problem> {
    let list: RolloutList = listing::all(|token| async move {
        let request = ListRequest { page_token: token, ..ListRequest::default() };
        call!(session, RolloutsClient, list, request)
    })
    .await?;
    let created = |rollout: &Rollout| {
        let at = rollout.metadata.as_ref().and_then(|m| m.created_at);
        (at.map_or((0, 0), |at| (at.seconds, at.nanos)), name_of(rollout))
    };
    let newest = list.items.iter().max_by_key(|rollout| created(rollout)).map(name_of);
    newest.ok_or_else(|| {
        Problem::new(7133, ProblemKind::NotFound, "there is no rollout yet")
            .next("holdfast release rollout start VERSION")
    })
}

fn name_of(rollout: &Rollout) -> String {
    rollout.metadata.as_ref().map(|metadata| metadata.name.clone()).unwrap_or_default()
}

fn text(rollout: &Rollout) -> String {
    let (spec, status) =
        (rollout.spec.clone().unwrap_or_default(), rollout.status.clone().unwrap_or_default());
    let reason = if status.reason.is_empty() { String::new() } else { format!(": {}", status.reason) };
    let mut text = format!("{} of release {}: {}{reason}\n", name_of(rollout), spec.release, status.phase);
    let mut rows = Table::new(&["NODE", "STEP", "SINCE", "FROM", "ATTEMPT", "REASON"]);
    for node in &status.nodes {
        rows.row([
            node.node.clone(),
            node.phase.clone(),
            since(node.since.as_ref()),
            node.from.clone(),
            node.attempt.to_string(),
            node.reason.clone(),
        ]);
    }
    text.push_str(&rows.to_string());
    text
}
