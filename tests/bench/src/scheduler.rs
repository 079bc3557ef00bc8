//! How many gangs the planner places in a second on one core, with every filter at work.
//!
//! A cluster of eight accelerators a node in four jurisdictions meets a backlog of one-task jobs of sixteen shapes: each
//! is held against jurisdiction, law, phase, class, memory, precision, processor share and free accelerators, and one
//! plan places them all. The figure counts the processor time of planning alone, not the making of the snapshot.

mod gang;
mod kept;
mod slurm;
mod world;

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use holdfast_scheduler::{Config, plan};

use crate::measure::{Bench, Measurement};
use crate::philly::spent;

pub(crate) use gang::{backfill, gang_1k, gang_10k, gang_100k};
pub(crate) use kept::{
    PART, event_1k, event_10k, event_100k, memory_1k, memory_10k, memory_100k, rebuild_1k, rebuild_10k,
    rebuild_100k, told,
};
pub(crate) use slurm::{slurm_1k, slurm_10k};
use world::{NOW, World};

/// The backlog of a round: more jobs say nothing new and make the largest cluster slow to set up.
const MAX_JOBS: usize = 100_000;
/// The best of this many rounds counts, or of as many as the budget allows: the rest is noise of the machine.
const ROUNDS: usize = 20;

/// 1,000 nodes.
pub(crate) fn placements_1k(bench: &Bench) -> Result<Measurement> {
    measured(bench, 1_000)
}

/// 10,000 nodes.
pub(crate) fn placements_10k(bench: &Bench) -> Result<Measurement> {
    measured(bench, 10_000)
}

/// 100,000 nodes.
pub(crate) fn placements_100k(bench: &Bench) -> Result<Measurement> {
    measured(bench, 100_000)
}

fn measured(bench: &Bench, nodes: usize) -> Result<Measurement> {
    let world = World::new(nodes)?;
    // Two accelerators a job on average: half of the cluster is asked for, so that all of it fits.
    let jobs = world.waiting((nodes * 2).min(MAX_JOBS), &world.shapes(&[1, 1, 2, 4])?)?;
    let snapshot = world.snapshot(jobs)?;
    let config = Config { max_gangs_per_plan: u32::MAX, ..Config::default() };
    let end = Instant::now() + bench.budget;
    let mut best: Option<(usize, f64)> = None;
    for _ in 0..ROUNDS {
        let begun = spent();
        let planned = std::hint::black_box(plan(std::hint::black_box(&snapshot), &config, NOW));
        let took = spent() - begun;
        if planned.gangs.len() != snapshot.jobs.len() {
            bail!(
                "{} of {} jobs were placed; the backlog should fit",
                planned.gangs.len(),
                snapshot.jobs.len()
            );
        }
        if best.is_none_or(|(_, fastest)| took < fastest) {
            best = Some((planned.gangs.len(), took));
        }
        if Instant::now() >= end {
            break;
        }
    }
    let (placed, took) = best.context("at least one round")?;
    let peer = Err("Armada's figure is published, not measured here".to_owned());
    Ok(Measurement::new(placed as f64 / took, "", peer))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_backlog_that_fits_is_placed_whole() {
        let bench = Bench::new("/nowhere".into(), Duration::ZERO);
        let measured = measured(&bench, 200).unwrap();
        assert!(measured.figure > 0.0 && measured.unit.is_empty(), "{measured:?}");
    }
}
