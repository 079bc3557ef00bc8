//! The daemons inside this program: one binary to copy, and `up` starts itself again under these names.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use holdfast_telemetry::{DAEMON_FILTER, LogFormat};
use holdfast_types::{Problem, ProblemKind};

/// How a daemon is started.
#[derive(Debug, clap::Args)]
pub(crate) struct Daemon {
    /// Its configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Utf8PathBuf,
    /// Stop when the process that started it ends
    #[arg(long)]
    pub(crate) with_parent: bool,
}

/// Runs a controller until it is stopped.
pub(crate) fn controller(daemon: &Daemon) -> Result<(), Problem> {
    begin("controller", daemon)?;
    holdfast_controller::main_with_config(&daemon.config)
}

/// Runs an agent until it is stopped.
pub(crate) fn agent(daemon: &Daemon) -> Result<(), Problem> {
    begin("agent", daemon)?;
    let failed = |because: String| {
        Problem::new(7009, ProblemKind::Failed, "the agent cannot find its own program").because(because)
    };
    let exe = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let exe =
        Utf8PathBuf::from_path_buf(exe).map_err(|path| failed(format!("{} is not UTF-8", path.display())))?;
    holdfast_agent::main_with_config(&daemon.config, exe)
}

/// Runs the offline verifier.
pub(crate) fn verify(args: &[String]) -> ExitCode {
    let named = std::iter::once("holdfast-verify".to_owned()).chain(args.iter().cloned());
    holdfast_verify::main_with_args(named.map(Into::into))
}

/// Before a daemon runs: its log, and the tie to the process that started it, where one is wanted.
fn begin(service: &str, daemon: &Daemon) -> Result<(), Problem> {
    if daemon.with_parent {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM)).map_err(
            |error| {
                Problem::new(7008, ProblemKind::Failed, "the daemon cannot be tied to its parent")
                    .because(error.to_string())
            },
        )?;
    }
    logs(service)
}

/// A daemon always writes its log; the commands of people do so only where they are asked to.
fn logs(service: &str) -> Result<(), Problem> {
    holdfast_telemetry::init(service, LogFormat::Pretty, DAEMON_FILTER).map_err(|error| {
        Problem::new(7008, ProblemKind::Failed, "the log cannot be written").because(error.to_string())
    })
}
