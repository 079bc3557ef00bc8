//! How many gangs the planner places in a second on one core, with every filter at work.
//!
//! A cluster of eight accelerators a node in four jurisdictions meets a backlog of one-task jobs of sixteen shapes: each
//! is held against jurisdiction, law, phase, class, memory, precision, processor share and free accelerators, and one
//! plan places them all. The figure counts planning alone, not the making of the snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use holdfast_scheduler::{
    Config, DeviceView, JobState, JobView, NodeView, Past, QueueView, Schedulable, Snapshot, Verdict,
    Verdicts, plan,
};
use holdfast_types::{
    Bytes, DeviceClass, DeviceIndex, DeviceRequest, JobKind, JobSpec, Jurisdiction, Millicores, NodePhase,
    Precision, RawJobSpec, Resources, TaskGroup, Time,
};

use crate::measure::{Bench, Measurement};

const GIB: u64 = 1 << 30;
const NOW: Time = Time(10_000_000);
const PLACES: [&str; 4] = ["DE", "FR", "NL", "SE"];
const DEVICES_PER_NODE: u32 = 8;
/// One node in so many is drained, so that the phase filters too.
const DRAINED_EVERY: usize = 50;
/// The backlog of a round: more jobs say nothing new and make the largest cluster slow to set up.
const MAX_JOBS: usize = 100_000;
/// The best of this many rounds counts, or of as many as the budget allows: the rest is noise of the machine.
const ROUNDS: usize = 5;

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
    let snapshot = snapshot(nodes)?;
    let config = Config { max_gangs_per_plan: u32::MAX, ..Config::default() };
    let end = Instant::now() + bench.budget;
    let mut best: Option<(usize, Duration)> = None;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let planned = std::hint::black_box(plan(std::hint::black_box(&snapshot), &config, NOW));
        let took = begun.elapsed();
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
    Ok(Measurement::new(placed as f64 / took.as_secs_f64(), "", peer))
}

fn snapshot(count: usize) -> Result<Snapshot> {
    let nodes: Vec<NodeView> = (0..count).map(node).collect::<Result<_>>()?;
    let verdicts: Vec<Verdicts> =
        PLACES.iter().map(|place| verdicts(&nodes, place)).collect::<Result<_>>()?;
    let mut shapes = Vec::new();
    for (place, verdicts) in PLACES.iter().zip(&verdicts) {
        for devices in [1, 1, 2, 4] {
            shapes.push((Arc::new(spec(place, devices)?), verdicts.clone()));
        }
    }
    // Two accelerators a job on average: half of the cluster is asked for, so that all of it fits.
    let jobs = (count * 2).min(MAX_JOBS);
    let jobs = shapes.iter().cycle().take(jobs).enumerate().map(|(number, (spec, verdicts))| {
        Ok(JobView {
            name: format!("job-{number:06}").parse().context("a job name")?,
            uid: format!("uid-{number}"),
            queue: spec.queue.clone(),
            spec: Arc::clone(spec),
            submitted: NOW,
            past: Past::default(),
            state: waiting(verdicts),
        })
    });
    let queue = QueueView {
        name: "default".parse().context("a queue name")?,
        priority: 0,
        stopped: false,
        max_devices: 0,
        parent: None,
        nominal: BTreeMap::new(),
        borrowing_limit: BTreeMap::new(),
        lending_limit: BTreeMap::new(),
    };
    Ok(Snapshot { revision: 1, queues: vec![queue], jobs: jobs.collect::<Result<_>>()?, nodes })
}

fn waiting(verdicts: &Verdicts) -> JobState {
    let (verdicts, held) = (verdicts.clone(), Vec::new());
    JobState::Waiting { verdicts, since: NOW, not_before: None, held, held_since: NOW }
}

fn node(number: usize) -> Result<NodeView> {
    let place = PLACES.get(number % PLACES.len()).context("a jurisdiction")?;
    let device = |index| DeviceView {
        index: DeviceIndex(index),
        class: DeviceClass::Nvidia,
        memory: Bytes(80 * GIB),
        healthy: true,
        precisions: [Precision::Bf16].into(),
    };
    let drained = number % DRAINED_EVERY == DRAINED_EVERY - 1;
    Ok(NodeView {
        name: format!("node-{number:06}").parse().context("a node name")?,
        jurisdiction: place.parse().context("a jurisdiction")?,
        place: [].into(),
        schedulable: if drained { Schedulable::No(NodePhase::Draining) } else { Schedulable::Yes },
        cores: Millicores(128_000),
        memory: Bytes(1024 * GIB),
        devices: (0..DEVICES_PER_NODE).map(device).collect(),
    })
}

fn verdicts(nodes: &[NodeView], place: &str) -> Result<Verdicts> {
    let place: Jurisdiction = place.parse().context("a jurisdiction")?;
    Ok(nodes
        .iter()
        .map(|node| {
            let deny = || Verdict::Deny { rule: "residency".to_owned() };
            (node.name.clone(), if node.jurisdiction == place { Verdict::Allow } else { deny() })
        })
        .collect())
}

fn spec(place: &str, devices: u32) -> Result<JobSpec> {
    let request =
        DeviceRequest { class: DeviceClass::Nvidia, count: devices, memory: Bytes(40 * GIB), share: None };
    let group = TaskGroup {
        name: "worker".parse().context("a group name")?,
        count: 1,
        resources: Resources {
            cores: Millicores(u64::from(devices) * 8_000),
            memory: Bytes(u64::from(devices) * 64 * GIB),
            devices: Some(request),
        },
        topology: None,
    };
    RawJobSpec {
        kind: JobKind::Train,
        queue: "default".parse().context("a queue name")?,
        priority: 0,
        tenant: "lab".parse().context("a tenant name")?,
        purpose: "research".parse().context("a purpose name")?,
        jurisdictions: [place.parse().context("a jurisdiction")?].into(),
        image: "trainer@1".parse().context("an image")?,
        command: Vec::new(),
        env: BTreeMap::new(),
        groups: vec![group],
        datasets: Vec::new(),
        base_model: None,
        checkpoint: None,
        output: None,
        precision: Some(Precision::Bf16),
        retries: 0,
        max_run_time: None,
        preemptible: None,
        depends_on: Vec::new(),
        singleton: None,
        not_before: None,
        deadline: None,
    }
    .try_into()
    .context("a job specification")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_that_fits_is_placed_whole() {
        let bench = Bench::new("/nowhere".into(), Duration::ZERO);
        let measured = measured(&bench, 200).unwrap();
        assert!(measured.figure > 0.0 && measured.unit.is_empty(), "{measured:?}");
    }
}
