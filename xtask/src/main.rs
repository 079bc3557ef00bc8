//! The tools of the house: `cargo xtask tidy`, `test`, `gen` and `bench`.
//!
//! Nothing here ships, and nothing depends on it.

#![forbid(unsafe_code)]

mod bench;
mod deny;
mod driver;
mod generate;
mod lex;
mod modules;
mod outcome;
mod packages;
mod paths;
mod process;
mod source;
mod suites;
mod tidy;
mod venv;
mod violation;
mod workspace;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Parser, Subcommand};

use crate::process::Shell;

#[derive(Debug, Parser)]
#[command(name = "xtask", about = "The tools of the house", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check the rules of the house: floors, purity, circles, sizes, docs, error pages, promises, words
    Tidy,
    /// Run the tests: everything this machine can, and say loudly what it cannot
    Test {
        /// Run the suites of the full tier too, and end-to-end tests as an ordinary user in full
        #[arg(long)]
        full: bool,
        /// Run this suite only; may be given more than once
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Print the suites and do nothing
        #[arg(long)]
        list: bool,
    },
    /// Write the committed generated files
    Gen {
        /// Write nothing; fail where a file is not current
        #[arg(long)]
        check: bool,
    },
    /// Measure the promises of docs/promises.md, each beside its peer
    Bench {
        /// Only this area: control, scheduler, policy, storage, image or controller
        area: Option<String>,
    },
}

fn main() -> ExitCode {
    let asked_as_cargo = std::env::var(deny::REAL_CARGO);
    let done = match asked_as_cargo {
        Ok(cargo) => root().and_then(|root| {
            let arguments: Vec<String> = std::env::args().skip(1).collect();
            deny::stand_in(&Shell { root, offline: true }, &cargo, &arguments)
        }),
        Err(_) => run(&Arguments::parse().task),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    let root = root()?;
    match task {
        Task::Tidy => tidy::run(&root),
        Task::Test { list: true, .. } => {
            driver::list();
            Ok(())
        }
        Task::Test { full, only, list: false } => {
            driver::run(&root, &driver::Wish { full: *full, only: only.clone() })
        }
        Task::Gen { check } => {
            let mode = if *check { generate::Mode::Check } else { generate::Mode::Write };
            generate::run(&Shell::new(&root), mode)
        }
        Task::Bench { area } => bench::run(&Shell::new(&root), area.as_deref()),
    }
}

/// The root of the repository: the directory above this crate.
fn root() -> Result<Utf8PathBuf> {
    let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask lies in the repository")?.to_owned())
}
