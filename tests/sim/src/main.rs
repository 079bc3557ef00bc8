//! Runs schedules of the simulated controllers: one by its seed, or many.

#![deny(unsafe_code)]

mod entropy;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use clap::Parser;
use holdfast_sim::{Fleet, Plant, counts_line, digest_line, run, too_rare};
use rustix::process::{Resource, Rlimit, setrlimit};

/// A schedule that takes more of the processor than this does not end by itself.
const MOST_CPU_SECONDS: u64 = 180;
/// How many schedules are run twice to show that they replay.
const TWICE: u64 = 5;

/// Runs schedules of the simulated controllers.
#[derive(Debug, Parser)]
struct Arguments {
    /// Runs this one schedule here and now.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints every line of it.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Prints what the members log of themselves, too: a filter such as `info` or `openraft=debug`.
    #[arg(long, requires = "seed")]
    log: Option<String>,
    /// Runs so many schedules, each in a process of its own.
    #[arg(long, env = "HOLDFAST_SIM_SCHEDULES", default_value_t = 300)]
    schedules: u64,
    /// The first seed of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many run at once.
    #[arg(long)]
    workers: Option<usize>,
    /// Stops at the first day that fails.
    #[arg(long)]
    first: bool,
    /// Plants a bug, to see it found.
    #[arg(long, value_enum, default_value_t = Plant::None)]
    plant: Plant,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => one(seed, &arguments),
        None => many(&arguments),
    }
}

fn one(seed: u64, arguments: &Arguments) -> Result<ExitCode> {
    let limit = Rlimit { current: Some(MOST_CPU_SECONDS), maximum: Some(MOST_CPU_SECONDS) };
    setrlimit(Resource::Cpu, limit).context("limit the time of a schedule")?;
    if let Some(filter) = &arguments.log {
        let filter = tracing_subscriber::EnvFilter::try_new(filter).context("read the filter of the log")?;
        tracing_subscriber::fmt().with_env_filter(filter).without_time().with_ansi(false).init();
    }
    entropy::seed(seed);
    let (plant, print) = (arguments.plant, arguments.trace);
    // A thread of its own: the keys of this one's hash maps were drawn before the seed was known.
    let schedule = std::thread::spawn(move || run(seed, plant, print));
    let report = schedule.join().map_err(|_| anyhow::anyhow!("seed {seed} panicked"))??;
    println!("{}", digest_line(report.digest));
    println!("{}", counts_line(&report.counts));
    let Some(breach) = report.breach else { return Ok(ExitCode::SUCCESS) };
    if !print {
        report.last.iter().for_each(|line| println!("{line}"));
    }
    println!("seed {seed} breaks {}: {}", breach.invariant, breach.text);
    println!("again, line by line: cargo run -p holdfast-sim -- --seed {seed} --trace");
    Ok(ExitCode::FAILURE)
}

fn many(arguments: &Arguments) -> Result<ExitCode> {
    let program = std::env::current_exe().context("find this program")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let fleet = Fleet {
        program: Utf8PathBuf::try_from(program)?,
        from: arguments.from,
        schedules: arguments.schedules,
        workers: arguments.workers.unwrap_or(cores),
        plant: arguments.plant,
        first: arguments.first,
    };
    let began = std::time::Instant::now();
    let summary = fleet.run()?;
    // Who looks for the first bad day looks for nothing else.
    let twice = if arguments.first { 0 } else { arguments.schedules.min(TWICE) };
    let again = Fleet { schedules: twice, ..fleet.clone() }.run()?;
    let differ: Vec<u64> =
        summary.digests.iter().zip(&again.digests).filter(|(a, b)| a != b).map(|(a, _)| a.0).collect();
    for (seed, said) in &summary.failed {
        println!("seed {seed}:\n{said}\n");
    }
    let (ran, failed, seconds) = (summary.ran, summary.failed.len(), began.elapsed().as_secs());
    println!(
        "{ran} schedules from seed {}, {failed} failed, {seconds} s; {} replayed",
        fleet.from, again.ran
    );
    let happened: Vec<String> =
        summary.counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    println!("happened: {}", happened.join(", "));
    let rare =
        if fleet.plant == Plant::None && !fleet.first { too_rare(&summary.counts, ran) } else { Vec::new() };
    if !rare.is_empty() {
        println!("happened too rarely to show anything: {}", rare.join(", "));
    }
    if !differ.is_empty() {
        println!("these seeds did not replay: {differ:?}");
    }
    Ok(if failed == 0 && differ.is_empty() && rare.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
