//! Measures the promises of `docs/promises.md`, or those of one area. Fails where a measured promise is missed.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Parser;
use holdfast_bench::{
    Bench, Line, Page, Row, Summary, bars, load, measure, mismatches, part, promises, spread, table,
};

#[derive(Debug, Parser)]
#[command(name = "holdfast-bench", about = "Measure the promises, each beside its peer")]
struct Arguments {
    /// Only this area, or the promises whose id begins like this
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
    /// Where charts and the table are written besides
    #[arg(long, value_name = "DIRECTORY")]
    report: Option<Utf8PathBuf>,
}

/// That of controllers.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(part) = part(&arguments) {
        return match part {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("a process of the bench: {error:#}");
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

fn run(arguments: &Arguments) -> Result<Summary> {
    let text = std::fs::read_to_string(&arguments.promises)
        .with_context(|| format!("read {}", arguments.promises))?;
    let page = Page::parse(&text).with_context(|| format!("read {}", arguments.promises))?;
    let promises = promises();
    let differences = mismatches(&page, &promises);
    if !differences.is_empty() {
        bail!("{} and the registry differ: {}", arguments.promises, differences.join("; "));
    }
    let only = arguments.area.as_deref();
    let wanted = |row: &Row| only.is_none_or(|only| only == row.area || row.id.starts_with(only));
    if !page.rows.iter().any(wanted) {
        bail!("no promise has the area `{0}` or an id that begins with `{0}`", only.unwrap_or_default());
    }
    let scratch =
        tempfile::tempdir_in(&arguments.scratch).with_context(|| format!("use {}", arguments.scratch))?;
    let directory = Utf8Path::from_path(scratch.path()).context("the scratch directory has a plain name")?;
    let bench = Bench::new(directory.to_owned(), Duration::from_secs(arguments.seconds));
    println!("{} before", load());
    let mut lines = Vec::new();
    for row in page.rows.iter().filter(|row| wanted(row)) {
        let Some(promise) = promises.iter().find(|p| p.id == row.id) else { continue };
        if promise.run.is_some() {
            eprintln!("measuring {}", row.id);
        }
        lines.push(measure(&bench, promise, row));
    }
    let summary = Summary::of(&lines);
    println!("{} after\n", load());
    print!("{}", table(&lines));
    println!("{summary}");
    if let Some(directory) = &arguments.report {
        write_report(directory, &lines).with_context(|| format!("write the report to {directory}"))?;
    }
    Ok(summary)
}

/// The table, a chart of the ratios, and one for each row that has something to draw.
fn write_report(directory: &Utf8Path, lines: &[Line]) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join("table.txt"), format!("{}{}\n", table(lines), Summary::of(lines)))?;
    if let Some(chart) = bars("Ours to the peer's", lines) {
        std::fs::write(directory.join("ratios.svg"), chart)?;
    }
    for line in lines {
        if let Some(chart) = spread(&line.id, &line.curves) {
            std::fs::write(directory.join(format!("{}.svg", line.id)), chart)?;
        }
    }
    Ok(())
}
