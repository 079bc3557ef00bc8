//! The operator's and the engineer's command line, and `up`: a whole cluster on this machine.
//!
//! A command reaches a cluster only through the API; `up` alone hosts the daemons. It must not decide anything itself.

#![forbid(unsafe_code)]

mod admission;
mod answers;
mod appliance;
mod cli;
mod commands;
mod daemons;
mod dial;
mod dispatch;
mod failure;
mod founding;
mod globals;
mod manifest;
mod output;
mod private;
mod session;
mod transfer;
mod up;

use std::process::ExitCode;

use clap::Parser as _;

/// glibc keeps what other threads freed than took it, which a controller does with every start and snapshot.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // The agent's helper processes are this program under another name; they must not have threads before they begin.
    if let Some(code) = holdfast_agent::maybe_run_hidden(std::env::args_os()) {
        return code;
    }
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            // Help into a closed pipe is no failure, and a message nobody can read has nowhere else to go.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let format = cli.globals.output;
    match dispatch::run(cli) {
        Ok(()) | Err(failure::Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(failure::Failure::Ended(code)) => code,
        Err(failure::Failure::Problem(problem)) => {
            output::report(&problem, format);
            ExitCode::from(problem.kind.exit_code())
        }
    }
}
