//! The agent as a program of its own: `holdfast-agent --config FILE`.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::Parser;
use holdfast_types::{Problem, ProblemKind};

/// The agent of one node of a Holdfast cluster.
#[derive(Debug, Parser)]
#[command(version, after_help = "Example:\n  holdfast-agent --config /var/lib/holdfast/agent/agent.toml")]
struct Args {
    /// The configuration file.
    #[arg(long)]
    config: Utf8PathBuf,
}

fn main() -> ExitCode {
    if let Some(code) = holdfast_agent::maybe_run_hidden(std::env::args_os()) {
        return code;
    }
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(problem.kind.exit_code())
        }
    }
}

fn run(args: &Args) -> Result<(), Problem> {
    let failed =
        |because: String| Problem::new(6207, ProblemKind::Failed, "the agent cannot begin").because(because);
    let format = holdfast_telemetry::LogFormat::Pretty;
    holdfast_telemetry::init("agent", format, holdfast_telemetry::DAEMON_FILTER)
        .map_err(|error| failed(error.to_string()))?;
    let exe = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let exe =
        Utf8PathBuf::from_path_buf(exe).map_err(|path| failed(format!("{} is not UTF-8", path.display())))?;
    holdfast_agent::main_with_config(&args.config, exe)
}
