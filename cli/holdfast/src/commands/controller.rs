//! `holdfast controller`: who keeps the cluster's state.

mod admit;
mod view;

use std::time::Duration;

use camino::Utf8PathBuf;
use holdfast_api::v1::controllers_client::ControllersClient;
use holdfast_api::v1::{ControllerList, ListControllersRequest, RemoveControllerRequest, TransferRequest};
use holdfast_identity::Context;
use holdfast_types::{AsProblem as _, Problem, ProblemKind, Span};
use tokio::time::Instant;

use super::confirm::confirm;
use crate::daemons::Daemon;
use crate::failure::Failure;
use crate::globals::{Flag, Globals};
use crate::session::{Session, call, context_path};

/// How long `--wait` waits where no `--timeout` is given.
const PATIENCE: Span = Span::from_secs(600);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);

/// What can be done with controllers.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List controllers, those that are only admitted among them
    #[command(after_help = "\
Examples:
  holdfast controller list
  holdfast controller list --wait --timeout 5m   until everybody who was let in votes
  holdfast controller list --save-context        the context file learns where the controllers are now")]
    List(List),
    /// Let one more controller in
    ///
    /// On the machine that becomes a controller give --directory; on another one give --out, and carry the file over. The
    /// new controller catches up by itself and votes then. Have 3 or 5 controllers: an even number stands no more losses
    /// than one less.
    #[command(after_help = "\
Examples:
  holdfast controller add controller-4 --address 10.0.0.14:7443 --directory /var/lib/holdfast/controller
  holdfast controller add controller-4 --address 10.0.0.14:7443 --out controller-4.admission")]
    Add(admit::Add),
    /// Let a controller in that takes the place of another, dead or alive
    ///
    /// The other is taken out in the same step in which the new one begins to vote.
    #[command(after_help = "\
Examples:
  holdfast controller replace controller-3 --with controller-4 --address 10.0.0.14:7443 --out controller-4.admission
  holdfast controller replace controller-3 --with controller-4 --address 10.0.0.14:7443 --directory /var/lib/holdfast/controller")]
    Replace(admit::Replace),
    /// Make this machine the controller that was admitted
    #[command(after_help = "\
Examples:
  holdfast controller join controller-4.admission --directory /var/lib/holdfast/controller")]
    Join(admit::Join),
    /// Take a controller out for good, dead or alive
    #[command(after_help = "\
Examples:
  holdfast controller remove controller-3 --reason \"sold\" --yes")]
    Remove(Remove),
    /// Let another controller lead, before work on the machine of the one that leads
    #[command(after_help = "\
Examples:
  holdfast controller transfer
  holdfast controller transfer controller-2")]
    Transfer {
        /// Who leads then; the fittest where nobody is named
        #[arg(default_value = "", hide_default_value = true)]
        name: String,
    },
    /// Run a controller in the foreground
    #[command(after_help = "Examples:\n  holdfast controller run --directory /var/lib/holdfast/controller")]
    Run(Run),
}

/// What is listed, and what for.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Write the addresses into the context file
    #[arg(long)]
    save_context: bool,
}

/// Who is removed, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// The controller
    name: String,
    /// Why; it is recorded
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

/// Which controller runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Its directory
    #[arg(long, value_name = "DIR")]
    directory: Utf8PathBuf,
}

impl Run {
    /// As the daemon is started.
    pub(crate) fn daemon(&self) -> Daemon {
        Daemon { config: self.directory.join("controller.toml"), with_parent: false }
    }
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::List(_) => ("list", &[Flag::Wait]),
            Self::Add(_) => ("add", &[Flag::DryRun]),
            Self::Replace(_) => ("replace", &[Flag::DryRun]),
            Self::Join(_) => ("join", &[]),
            Self::Remove(_) => ("remove", &[Flag::DryRun]),
            Self::Transfer { .. } => ("transfer", &[]),
            Self::Run(_) => ("run", &[]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(globals: &Globals, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Join(join) => return admit::join(globals, join),
        Command::Run(_) => return Ok(()),
        _ => {}
    }
    let session = Session::open(globals)?;
    match command {
        Command::List(what) => list(&session, what).await,
        Command::Add(add) => admit::add(&session, add).await,
        Command::Replace(replace) => admit::replace(&session, replace).await,
        Command::Remove(remove) => take_out(&session, remove).await,
        Command::Transfer { name } => {
            let list = call!(&session, ControllersClient, transfer, TransferRequest { name: name.clone() })?;
            let leader = list.items.iter().find(|one| one.leader).map(|one| one.name.clone());
            let text = format!("{} leads\n", leader.unwrap_or_default());
            session.printer.show(&list, || text)
        }
        Command::Join(_) | Command::Run(_) => Ok(()),
    }
}

async fn list(session: &Session, what: &List) -> Result<(), Failure> {
    let list = if session.globals.wait {
        until_settled(session).await?
    } else {
        call!(session, ControllersClient, list, ListControllersRequest {})?
    };
    if what.save_context {
        save_context(session, &list)?;
    }
    if !list.advice.is_empty() {
        session.printer.note(format!("advice: {}", list.advice));
    }
    session.printer.show(&list, || view::table(&list).to_string())
}

/// Asks until everybody who was let in votes, and whose place they took is gone.
async fn until_settled(session: &Session) -> Result<ControllerList, Problem> {
    let patience = session.globals.timeout.unwrap_or(PATIENCE).as_duration();
    let deadline = Instant::now() + patience;
    let mut said = String::new();
    loop {
        let asked = call!(session, ControllersClient, list, ListControllersRequest {});
        // While leadership changes hands nobody answers for a moment.
        let waiting = match &asked {
            Ok(list) => view::waited(list),
            Err(problem) if problem.kind == ProblemKind::Unreachable => problem.summary.clone(),
            Err(_) => String::new(),
        };
        if waiting.is_empty() {
            return asked;
        }
        if Instant::now() + LOOK > deadline {
            let problem =
                Problem::new(7112, ProblemKind::Unreachable, "the controllers are not as they should be");
            return Err(problem.because(waiting).next("holdfast cluster status"));
        }
        if waiting != said {
            session.printer.note(format!("waiting: {waiting}"));
            said = waiting;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Writes where the voters are into the context file.
fn save_context(session: &Session, list: &ControllerList) -> Result<(), Problem> {
    let path = context_path(session.globals.context.as_deref())?;
    let mut context = Context::load(&path).map_err(|error| error.problem())?;
    let voters = list.items.iter().filter(|one| one.role == "voter");
    context.endpoints = voters.filter_map(|one| one.address.parse().ok()).collect();
    context.save(&path).map_err(|error| error.problem())?;
    session.printer.note(format!("`{path}` names {} controllers now", context.endpoints.len()));
    Ok(())
}

async fn take_out(session: &Session, remove: &Remove) -> Result<(), Failure> {
    confirm(session, &format!("remove controller `{}`", remove.name))?;
    let request = RemoveControllerRequest {
        name: remove.name.clone(),
        reason: remove.reason.clone(),
        options: Some(session.write_options()?),
    };
    let list = call!(session, ControllersClient, remove, request)?;
    if !session.globals.dry_run {
        session.printer.note(format!(
            "Stop controller `{}` where it still runs, and destroy its directory: the keys of the cluster are in it.",
            remove.name
        ));
    }
    if !list.advice.is_empty() {
        session.printer.note(format!("advice: {}", list.advice));
    }
    let dry = if session.globals.dry_run { " (dry run: nothing was changed)" } else { "" };
    session.printer.show(&list, || format!("controller `{}` is removed{dry}\n", remove.name))
}
