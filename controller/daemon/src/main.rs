//! The controller as a program of its own: `holdfast-controller --config FILE`.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::Parser;

/// One controller of a Holdfast cluster.
#[derive(Debug, Parser)]
#[command(
    version,
    subcommand_negates_reqs = true,
    after_help = "Example:\n  holdfast-controller --config /var/lib/holdfast/controller/controller.toml"
)]
struct Args {
    /// The configuration file.
    #[arg(long, required = true)]
    config: Option<Utf8PathBuf>,
    /// Writes generated files below a directory.
    #[command(subcommand)]
    generate: Option<Generate>,
}

#[derive(Debug, clap::Subcommand)]
enum Generate {
    /// The OpenAPI document.
    #[command(name = "__gen", hide = true)]
    Gen {
        /// The directory.
        directory: Utf8PathBuf,
    },
}

/// glibc keeps what other threads freed than took it, which a controller does with every start and snapshot.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match (args.generate, args.config) {
        (Some(Generate::Gen { directory }), _) => holdfast_controller::generate(&directory),
        (None, Some(config)) => {
            let logs = holdfast_telemetry::init(
                "controller",
                holdfast_telemetry::LogFormat::Pretty,
                holdfast_telemetry::DAEMON_FILTER,
            );
            logs.map_err(|error| {
                holdfast_types::Problem::new(
                    1222,
                    holdfast_types::ProblemKind::Failed,
                    "logs cannot be written",
                )
                .because(error.to_string())
            })
            .and_then(|()| holdfast_controller::main_with_config(&config))
        }
        (None, None) => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(problem.kind.exit_code())
        }
    }
}
