//! How long jobs wait: the Philly trace on 256 nodes of eight accelerators, under the scheduler's own code, which is told no durations.
//! First come, first served has to give the published figures to the second, or nothing that is said of the others counts. Those have
//! checkpoints to write, and may be stopped.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8PathBuf;
use holdfast_simulator::{Baseline, Cluster, Config, Outcome, Policy, Simulation, Trace};
use holdfast_types::Span;
use rustix::time::{ClockId, clock_gettime};

use crate::measure::{Bench, Measurement};

/// Names the directory with `philly_trace.csv`.
const TRACES: &str = "HOLDFAST_TRACES";
const USUAL_TRACES: &str = "../shared/traces";
/// The average completion, the average wait and the longest of first come, first served, as published for this trace and cluster, in
/// seconds.
const PUBLISHED: [u64; 3] = [125_533, 89_938, 280_458];
/// From the end of the fifth week to the end of the thirteenth, when the cluster is full.
const WEEKS: (u64, u64) = (5, 13);

const CLUSTER: &str = r#"
    nodes = [{ count = 256, devices = 8 }]
    checkpoints = { interval = "1h", cost = "30s", restart = "2m" }
"#;

struct Ran {
    fifo: Outcome,
    easy: Outcome,
    ours: Outcome,
    /// CPU time of ours, in seconds.
    cpu: f64,
}

/// The average wait, beside that of EASY, which is told durations.
pub(crate) fn queue(bench: &Bench) -> Result<Measurement> {
    measured(bench, "s", |outcome| seconds(outcome.wait.mean))
}

/// The longest wait, beside that of EASY.
pub(crate) fn wait(bench: &Bench) -> Result<Measurement> {
    measured(bench, "s", |outcome| seconds(outcome.wait.max))
}

/// The wait that one job in a hundred exceeds, beside that of EASY.
pub(crate) fn p99(bench: &Bench) -> Result<Measurement> {
    measured(bench, "s", |outcome| seconds(outcome.wait.p99))
}

/// What was in use in the full weeks, beside EASY.
pub(crate) fn used(bench: &Bench) -> Result<Measurement> {
    measured(bench, "%", |outcome| outcome.utilisation_within as f64 / 100.0)
}

/// CPU-seconds of the whole replay.
pub(crate) fn replay(bench: &Bench) -> Result<Measurement> {
    let ran = bench.once("philly", run)?;
    let mut measured = Measurement::new(ran.cpu, "s", Err("nobody else plans this trace".to_owned()));
    measured.details.push(format!("{} plans, chain {}", ran.ours.decisions, ran.ours.chain));
    Ok(measured)
}

fn measured(bench: &Bench, unit: &'static str, figure: impl Fn(&Outcome) -> f64) -> Result<Measurement> {
    let ran: Arc<Ran> = bench.once("philly", run)?;
    let mut measured = Measurement::new(figure(&ran.ours), unit, Ok(figure(&ran.easy)));
    measured.details.push(format!("first come, first served: {}", figure(&ran.fifo)));
    Ok(measured)
}

fn seconds(span: Span) -> f64 {
    ((span.0 + 500) / 1_000) as f64
}

fn run() -> Result<Ran> {
    let directory = Utf8PathBuf::from(std::env::var(TRACES).unwrap_or_else(|_| USUAL_TRACES.to_owned()));
    let file = directory.join("philly_trace.csv");
    let text = std::fs::read(&file)
        .with_context(|| format!("no trace at `{file}`: name its directory with {TRACES}=DIR"))?;
    let trace = Trace::parse(&text).with_context(|| format!("`{file}` is no trace"))?;
    let simulated = |cluster: &Cluster, policy: &Policy| -> Result<Outcome> {
        Ok(Simulation::new(&trace, cluster, policy, 0, WEEKS)?.run(&mut |_, _| ())?)
    };
    let (plain, saving) = (Cluster::of(256, 8), Cluster::parse(CLUSTER)?);
    let fifo = simulated(&plain, &Policy::Baseline(Baseline::Fifo))?;
    let figures = [fifo.completion.mean, fifo.wait.mean, fifo.wait.max].map(|span| (span.0 + 500) / 1_000);
    ensure!(
        figures == PUBLISHED,
        "first come, first served gives {figures:?}, and was published as {PUBLISHED:?}"
    );
    let easy = simulated(&saving, &Policy::Baseline(Baseline::Easy))?;
    let began = spent();
    let ours = simulated(&saving, &Policy::Holdfast(Config::default()))?;
    Ok(Ran { fifo, easy, ours, cpu: spent() - began })
}

/// What this thread has used of a processor, in seconds.
pub(crate) fn spent() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
