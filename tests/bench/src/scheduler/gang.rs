//! A gang of 64 nodes that stays together on a cluster that is nine tenths full, and a deep queue of jobs that are all different.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use holdfast_scheduler::{Config, Scheduler, plan};
use holdfast_types::{Millicores, Span, TopologyLevel, TopologyRequest};

use super::world::{DEVICES_PER_NODE, NOW, World, job, spec, waiting};
use crate::measure::{Bench, Measurement, quantile};

/// So many nodes take the gang.
const GANG: u32 = 64;
/// One node in so many is empty.
const EMPTY_EVERY: usize = 10;
/// The gang comes and goes so many times.
const ROUNDS: usize = 500;
/// Jobs that wait, no two alike, and the nodes that they wait for.
const DISTINCT: usize = 2_000;
const BACKFILLED: usize = 100;

/// 1,000 nodes.
pub(crate) fn gang_1k(bench: &Bench) -> Result<Measurement> {
    gang(bench, 1_000)
}

/// 10,000 nodes.
pub(crate) fn gang_10k(bench: &Bench) -> Result<Measurement> {
    gang(bench, 10_000)
}

/// 100,000 nodes.
pub(crate) fn gang_100k(bench: &Bench) -> Result<Measurement> {
    gang(bench, 100_000)
}

/// Racks of 32 nodes in rows of 16: no rack has room for the gang and hardly a row, so that it is looked for on all levels.
fn gang(_: &Bench, nodes: usize) -> Result<Measurement> {
    let world = World::new(nodes)?;
    let mut raw = spec(&["DE", "FR", "NL", "SE"], DEVICES_PER_NODE)?;
    for group in &mut raw.groups {
        group.count = GANG;
        let preferred = Some(TopologyLevel::Rack);
        group.topology = Some(TopologyRequest { preferred, ..TopologyRequest::default() });
    }
    let spec = Arc::new(raw.try_into()?);
    let view = job("gang", 0, &spec, waiting(&world.everywhere()))?;
    let running = world.running(|number| number % EMPTY_EVERY != 0)?;
    let snapshot = world.snapshot(running)?;
    let mut scheduler = Scheduler::new(&snapshot, &Config::default(), NOW);
    let mut samples = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        scheduler.set_job(&view);
        let plan = scheduler.plan(1, NOW);
        samples.push(begun.elapsed());
        if plan.gangs.len() != 1 {
            bail!("the gang should fit");
        }
        scheduler.remove_job(&view.name);
        drop(scheduler.plan(1, NOW));
    }
    let slow = quantile(&mut samples, 0.99).context("a round")?;
    let median = quantile(&mut samples, 0.5).context("a round")?;
    let mut measurement =
        Measurement::new(median.as_secs_f64() * 1e6, "us", Err("nobody else can be asked alone".to_owned()));
    measurement.details.push(format!("one in a hundred {:.1} us", slow.as_secs_f64() * 1e6));
    Ok(measurement)
}

/// 100 nodes are full, and 2,000 jobs wait of which no two are alike: one plan that looks at all of them, from nothing.
pub(crate) fn backfill(_: &Bench) -> Result<Measurement> {
    let world = World::new(BACKFILLED)?;
    let everywhere = world.everywhere();
    let mut jobs = world.running(|_| true)?;
    for number in 0..DISTINCT {
        let mut raw = spec(&["DE", "FR", "NL", "SE"], 1 + u32::try_from(number % 8)?)?;
        raw.max_run_time = Some(Span::from_secs(600 + u64::try_from(number)?));
        for group in &mut raw.groups {
            group.count = 1 + u32::try_from(number % 5)?;
            group.resources.cores = Millicores(1_000 + u64::try_from(number)?);
        }
        jobs.push(job("job", number, &Arc::new(raw.try_into()?), waiting(&everywhere))?);
    }
    let snapshot = world.snapshot(jobs)?;
    // They have waited for longer than it takes until places are held.
    let now = NOW + Span::from_secs(2 * 3_600);
    let mut samples = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let planned = std::hint::black_box(plan(&snapshot, &Config::default(), now));
        samples.push(begun.elapsed());
        if !planned.gangs.is_empty() || planned.holds.is_empty() {
            bail!("nothing should start, and some should have places held for them");
        }
    }
    let median = quantile(&mut samples, 0.5).context("a round")?;
    let peer =
        Err("Slurm 22.05 took 9.3 CPU-s for a cycle of 2,000 jobs on 100 nodes, measured elsewhere"
            .to_owned());
    Ok(Measurement::new(median.as_secs_f64() * 1e3, "ms", peer))
}
