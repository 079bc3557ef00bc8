//! What the planner that is kept costs: one event while 100,000 jobs wait, making it anew, and its memory.
//!
//! Every node is full, with two jobs of four accelerators. A job ends, and those that wait take its place.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use holdfast_scheduler::{Config, Scheduler, Snapshot};
use holdfast_types::JobName;

use super::world::{NOW, World};
use crate::control::host::memory_of;
use crate::measure::{Bench, Measurement, quantile};

/// The first argument of a process that tells its memory.
pub(crate) const PART: &str = "__planner";
const WAITING: usize = 100_000;
/// So many jobs end, one after the other.
const EVENTS: usize = 2_000;
/// The best of so many is what making it costs: the rest is noise of the machine.
const ROUNDS: usize = 3;

/// 1,000 nodes.
pub(crate) fn event_1k(bench: &Bench) -> Result<Measurement> {
    event(bench, 1_000)
}

/// 10,000 nodes.
pub(crate) fn event_10k(bench: &Bench) -> Result<Measurement> {
    event(bench, 10_000)
}

/// 100,000 nodes.
pub(crate) fn event_100k(bench: &Bench) -> Result<Measurement> {
    event(bench, 100_000)
}

/// 1,000 nodes.
pub(crate) fn rebuild_1k(bench: &Bench) -> Result<Measurement> {
    rebuild(bench, 1_000)
}

/// 10,000 nodes.
pub(crate) fn rebuild_10k(bench: &Bench) -> Result<Measurement> {
    rebuild(bench, 10_000)
}

/// 100,000 nodes.
pub(crate) fn rebuild_100k(bench: &Bench) -> Result<Measurement> {
    rebuild(bench, 100_000)
}

/// 1,000 nodes.
pub(crate) fn memory_1k(bench: &Bench) -> Result<Measurement> {
    memory(bench, 1_000)
}

/// 10,000 nodes.
pub(crate) fn memory_10k(bench: &Bench) -> Result<Measurement> {
    memory(bench, 10_000)
}

/// 100,000 nodes.
pub(crate) fn memory_100k(bench: &Bench) -> Result<Measurement> {
    memory(bench, 100_000)
}

fn full(nodes: usize, waiting: usize) -> Result<Snapshot> {
    let world = World::new(nodes)?;
    let mut jobs = world.running(|_| true)?;
    jobs.extend(world.waiting(waiting, &world.shapes(&[1, 1, 2, 4])?)?);
    world.snapshot(jobs)
}

fn planned(snapshot: &Snapshot) -> Scheduler {
    let mut scheduler = Scheduler::new(snapshot, &Config::default(), NOW);
    drop(scheduler.plan(1, NOW));
    scheduler
}

fn event(_: &Bench, nodes: usize) -> Result<Measurement> {
    let snapshot = full(nodes, WAITING)?;
    let mut scheduler = planned(&snapshot);
    let running = nodes * 2;
    let mut samples = Vec::with_capacity(EVENTS);
    let mut started = 0;
    for event in 0..EVENTS.min(running) {
        // All over the cluster, and none twice: 7,919 is a prime that divides no number of jobs here.
        let name: JobName = format!("run-{:06}", event * 7_919 % running).parse().context("a job name")?;
        let begun = Instant::now();
        scheduler.remove_job(&name);
        let plan = scheduler.plan(1, NOW);
        samples.push(begun.elapsed());
        started += plan.gangs.len();
    }
    // The jobs on drained nodes make no room.
    if started < samples.len() {
        bail!("{started} jobs started after {} had ended", samples.len());
    }
    let median = quantile(&mut samples, 0.5).context("an event")?;
    let slow = quantile(&mut samples, 0.99).context("an event")?;
    let mut measurement = Measurement::new(millis(slow), "ms", none());
    measurement.details.push(format!("one in two {:.4} ms; {started} jobs started", millis(median)));
    Ok(measurement)
}

/// Ten jobs wait for each node, which is a long queue; a cluster with one as long as those of 10,000 nodes and more is told of beside it.
fn rebuild(_: &Bench, nodes: usize) -> Result<Measurement> {
    let waiting = (10 * nodes).min(WAITING);
    let mut measurement = Measurement::new(millis(made(nodes, waiting)?), "ms", none());
    if waiting < WAITING {
        let long = millis(made(nodes, WAITING)?);
        measurement.details.push(format!("{long:.1} ms where {WAITING} jobs wait"));
    }
    Ok(measurement)
}

fn made(nodes: usize, waiting: usize) -> Result<Duration> {
    let snapshot = full(nodes, waiting)?;
    let rounds = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        drop(std::hint::black_box(planned(&snapshot)));
        begun.elapsed()
    });
    rounds.min().context("a round")
}

/// In a process of its own, so that nothing else is counted.
fn memory(_: &Bench, nodes: usize) -> Result<Measurement> {
    let program = std::env::current_exe().context("this program")?;
    let output =
        Command::new(program).args([PART, &nodes.to_string()]).output().context("start a process")?;
    let told = String::from_utf8_lossy(&output.stdout);
    let bytes: f64 = told.trim().parse().with_context(|| format!("it said `{told}`"))?;
    Ok(Measurement::new(bytes / 1e6, "MB", none()))
}

/// Makes a planner, and says how many bytes this process has with it and with what it was made from.
pub(crate) fn told(arguments: &[String]) -> Result<()> {
    let nodes = arguments.first().context("how many nodes")?.parse().context("how many nodes")?;
    let snapshot = full(nodes, WAITING)?;
    let scheduler = planned(&snapshot);
    println!("{}", memory_of(std::process::id())?);
    drop((snapshot, scheduler));
    Ok(())
}

fn none() -> Result<f64, String> {
    Err("nobody else keeps a planner that could be asked alone".to_owned())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_makes_room_for_what_waits() {
        let bench = Bench::new("/nowhere".into(), Duration::ZERO);
        let measured = event(&bench, 100).unwrap();
        assert!(measured.figure > 0.0, "{measured:?}");
    }
}
