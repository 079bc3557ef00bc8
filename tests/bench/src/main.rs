//! Measures the promises of `docs/promises.md`, or those of one area. Fails where a measured promise is missed.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Parser;
use holdfast_bench::{Bench, Page, Summary, measure, mismatches, promises, run_member, table};

#[derive(Debug, Parser)]
#[command(name = "holdfast-bench", about = "Measure the promises, each beside its peer")]
struct Arguments {
    /// Only this area
    area: Option<String>,
    /// The page with the promises
    #[arg(long, value_name = "FILE", default_value = "docs/promises.md")]
    promises: Utf8PathBuf,
    /// How long the measured part of one promise should take
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,
    /// Where files are written while measuring; a real disk, not memory
    #[arg(long, value_name = "DIRECTORY", default_value = "target")]
    scratch: Utf8PathBuf,
}

fn main() -> ExitCode {
    if let Some(member) = member() {
        return match member {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("member: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    match run(&Arguments::parse()) {
        Ok(Summary { missed: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A member of a race, where this program was started as one.
fn member() -> Option<Result<()>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [verb, id, directory, addresses] = arguments.as_slice() else { return None };
    if verb != "__member" {
        return None;
    }
    let addresses: Vec<String> = addresses.split(',').map(str::to_owned).collect();
    let id = id.parse().context("the number of a member");
    Some(id.and_then(|id| run_member(id, directory.into(), &addresses)))
}

fn run(arguments: &Arguments) -> Result<Summary> {
    let text = std::fs::read_to_string(&arguments.promises)
        .with_context(|| format!("read {}", arguments.promises))?;
    let page = Page::parse(&text).with_context(|| format!("read {}", arguments.promises))?;
    let promises = promises();
    let differences = mismatches(&page, &promises);
    if !differences.is_empty() {
        bail!("{} and the registry differ: {}", arguments.promises, differences.join("; "));
    }
    let wanted = |area: &str| arguments.area.as_deref().is_none_or(|only| only == area);
    if !page.rows.iter().any(|row| wanted(&row.area)) {
        bail!("no promise has the area `{}`", arguments.area.as_deref().unwrap_or_default());
    }
    let scratch =
        tempfile::tempdir_in(&arguments.scratch).with_context(|| format!("use {}", arguments.scratch))?;
    let directory = Utf8Path::from_path(scratch.path()).context("the scratch directory has a plain name")?;
    let bench = Bench { scratch: directory.to_owned(), budget: Duration::from_secs(arguments.seconds) };
    let mut lines = Vec::new();
    for row in page.rows.iter().filter(|row| wanted(&row.area)) {
        let Some(promise) = promises.iter().find(|p| p.id == row.id) else { continue };
        if promise.run.is_some() {
            eprintln!("measuring {}", row.id);
        }
        lines.push(measure(&bench, promise, row));
    }
    let summary = Summary::of(&lines);
    print!("{}", table(&lines));
    println!("{summary}");
    Ok(summary)
}
