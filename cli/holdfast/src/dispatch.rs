//! From what was typed to what runs.

use clap::CommandFactory as _;
use holdfast_telemetry::LogFormat;
use holdfast_types::{Problem, ProblemKind};

use crate::cli::{Cli, Command};
use crate::commands::{
    apply, artifact, audit, cluster, controller, dataset, doctor, event, explain, generate, image, job, node,
    policy, queue, release, reservation, scheduler, simulate, site, support,
};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::Printer;
use crate::session::Session;
use crate::up;
use crate::{appliance, daemons};

/// Runs the command. What brings its own runtime, or needs none, is started on the thread that called.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let (name, honoured) = cli.command.honours();
    cli.globals.check(&name, honoured)?;
    let printer = Printer::new(cli.globals.output);
    match &cli.command {
        Command::Up(args) => Ok(up::run(args)?),
        Command::RunController(daemon) => Ok(daemons::controller(daemon)?),
        Command::Controller(controller::Command::Run(run)) => Ok(daemons::controller(&run.daemon())?),
        Command::Agent(daemon) => Ok(daemons::agent(daemon)?),
        Command::Machine(appliance) => Ok(appliance::run(appliance)?),
        Command::Verify { args } => Err(Failure::Ended(daemons::verify(args))),
        Command::Generate { dir } => Ok(generate::run(&Cli::command(), dir)?),
        Command::Completion { shell } => printer.bytes(&generate::completion(&Cli::command(), *shell)),
        Command::Simulate(args) => simulate::run(printer, args),
        Command::Explain(args) => explain::run(printer, args),
        Command::Site(command) => site::run(&cli.globals, command),
        _ => {
            logs(&cli.globals)?;
            runtime()?.block_on(Box::pin(ask(&cli.globals, &cli.command)))
        }
    }
}

/// The commands that speak with a cluster.
async fn ask(globals: &Globals, command: &Command) -> Result<(), Failure> {
    // These open the session themselves, because some of their verbs need none.
    match command {
        Command::Image(command) => return Box::pin(image::run(globals, command)).await,
        Command::Audit(command) => return Box::pin(audit::run(globals, command)).await,
        Command::Cluster(command) => return Box::pin(cluster::run(globals, command)).await,
        Command::Controller(command) => return Box::pin(controller::run(globals, command)).await,
        Command::Doctor(_) => return Box::pin(doctor::run(globals)).await,
        Command::SupportBundle(args) => return Box::pin(support::run(globals, args)).await,
        _ => {}
    }
    let session = Session::open(globals)?;
    match command {
        Command::Node(command) => Box::pin(node::run(&session, command)).await,
        Command::Queue(command) => Box::pin(queue::run(&session, command)).await,
        Command::Reservation(command) => Box::pin(reservation::run(&session, command)).await,
        Command::Scheduler(command) => Box::pin(scheduler::run(&session, command)).await,
        Command::Job(command) => Box::pin(job::run(&session, command)).await,
        Command::Dataset(command) => Box::pin(dataset::run(&session, command)).await,
        Command::Model(command) => Box::pin(artifact::run_model(&session, command)).await,
        Command::Release(command) => Box::pin(release::run(&session, command)).await,
        Command::Policy(command) => policy::run(&session, command).await,
        Command::Event(command) => event::run(&session, command).await,
        Command::Apply(what) => Box::pin(apply::apply(&session, what)).await,
        Command::Diff(files) => Box::pin(apply::diff(&session, files)).await,
        Command::Delete(files) => Box::pin(apply::delete(&session, files)).await,
        Command::Image(_)
        | Command::Audit(_)
        | Command::Doctor(_)
        | Command::SupportBundle(_)
        | Command::Up(_)
        | Command::Cluster(_)
        | Command::Controller(_)
        | Command::Site(_)
        | Command::RunController(_)
        | Command::Agent(_)
        | Command::Machine(_)
        | Command::Verify { .. }
        | Command::Generate { .. }
        | Command::Simulate(_)
        | Command::Completion { .. }
        | Command::Explain(_) => Ok(()),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Problem::new(7007, ProblemKind::Failed, "the program cannot start its threads")
            .because(error.to_string())
    })
}

/// Logs go to stderr, and only where they are asked for.
fn logs(globals: &Globals) -> Result<(), Problem> {
    let filter = match globals.verbose {
        0 => return Ok(()),
        // The clients tell the ids of requests, which is what a person who says -v is asked for.
        1 => "info,holdfast_client=debug",
        _ => "debug",
    };
    holdfast_telemetry::init("holdfast", LogFormat::Pretty, filter).map_err(|error| {
        Problem::new(7008, ProblemKind::Failed, "the log cannot be written").because(error.to_string())
    })
}
