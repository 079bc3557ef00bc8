//! A cluster of eight accelerators a node in four jurisdictions, and jobs of sixteen shapes that want some of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use holdfast_scheduler::{
    Assignment, DeviceView, JobState, JobView, NodeView, Past, QueueView, Schedulable, Snapshot, Verdict,
    Verdicts,
};
use holdfast_types::{
    Bytes, DeviceClass, DeviceIndex, DeviceRequest, JobKind, JobSpec, Jurisdiction, Millicores, NodePhase,
    Place, Precision, Rank, RawJobSpec, Resources, TaskGroup, Time, TopologyLevel,
};

const GIB: u64 = 1 << 30;
pub(super) const NOW: Time = Time(10_000_000);
const PLACES: [&str; 4] = ["DE", "FR", "NL", "SE"];
pub(super) const DEVICES_PER_NODE: u32 = 8;
/// One node in so many is drained, so that the phase filters too.
const DRAINED_EVERY: usize = 50;
/// Nodes of a rack, and racks of a row.
const RACK: usize = 32;
const ROW: usize = 16;

/// Nodes, and what the law says of each place.
pub(super) struct World {
    pub(super) nodes: Vec<NodeView>,
    verdicts: Vec<Verdicts>,
}

impl World {
    pub(super) fn new(count: usize) -> Result<Self> {
        let nodes: Vec<NodeView> = (0..count).map(node).collect::<Result<_>>()?;
        let verdicts = PLACES.iter().map(|place| verdicts(&nodes, place)).collect::<Result<_>>()?;
        Ok(Self { nodes, verdicts })
    }

    /// A job with one task in each place for each of these numbers of accelerators.
    pub(super) fn shapes(&self, devices: &[u32]) -> Result<Vec<(Arc<JobSpec>, Verdicts)>> {
        let mut shapes = Vec::new();
        for (place, verdicts) in PLACES.iter().zip(&self.verdicts) {
            for devices in devices {
                shapes.push((Arc::new(spec(&[place], *devices)?.try_into()?), verdicts.clone()));
            }
        }
        Ok(shapes)
    }

    /// Everybody may go everywhere.
    pub(super) fn everywhere(&self) -> Verdicts {
        self.nodes.iter().map(|node| (node.name.clone(), Verdict::Allow)).collect()
    }

    /// So many jobs that wait, of some shapes in turn.
    pub(super) fn waiting(&self, jobs: usize, shapes: &[(Arc<JobSpec>, Verdicts)]) -> Result<Vec<JobView>> {
        let jobs = shapes.iter().cycle().take(jobs).enumerate();
        jobs.map(|(number, (spec, verdicts))| job("job", number, spec, waiting(verdicts))).collect()
    }

    /// Two jobs on some nodes, each with half of the accelerators.
    pub(super) fn running(&self, is_full: impl Fn(usize) -> bool) -> Result<Vec<JobView>> {
        let spec = Arc::new(spec(&PLACES, DEVICES_PER_NODE / 2)?.try_into()?);
        let mut jobs = Vec::new();
        for (number, node) in self.nodes.iter().enumerate().filter(|(number, _)| is_full(*number)) {
            for half in 0..2_u32 {
                let first = half * DEVICES_PER_NODE / 2;
                let assignment = Assignment {
                    rank: Rank(0),
                    node: node.name.clone(),
                    devices: (first..first + DEVICES_PER_NODE / 2).map(DeviceIndex).collect(),
                    share: None,
                };
                let (assignments, unsaved) = (vec![assignment], None);
                let state =
                    JobState::Placed { variant: 0, assignments, since: NOW, unsaved, stopping: false };
                jobs.push(job("run", number * 2 + half as usize, &spec, state)?);
            }
        }
        Ok(jobs)
    }

    /// With the jobs in one queue.
    pub(super) fn snapshot(self, jobs: Vec<JobView>) -> Result<Snapshot> {
        let queue = QueueView::new("default".parse().context("a queue name")?);
        Ok(Snapshot { revision: 1, queues: vec![queue], jobs, nodes: self.nodes, ..Snapshot::default() })
    }
}

pub(super) fn job(kind: &str, number: usize, spec: &Arc<JobSpec>, state: JobState) -> Result<JobView> {
    Ok(JobView {
        name: format!("{kind}-{number:06}").parse().context("a job name")?,
        uid: format!("uid-{number}"),
        queue: spec.queue.clone(),
        spec: Arc::clone(spec),
        submitted: NOW,
        past: Past::default(),
        array: None,
        part_of: None,
        state,
    })
}

pub(super) fn waiting(verdicts: &Verdicts) -> JobState {
    let (verdicts, held) = (verdicts.clone(), Vec::new());
    JobState::Waiting { verdicts, since: NOW, not_before: None, held, held_in: 0, held_since: NOW }
}

fn node(number: usize) -> Result<NodeView> {
    let place = PLACES.get(number % PLACES.len()).context("a jurisdiction")?;
    let device = |index| DeviceView {
        index: DeviceIndex(index),
        class: DeviceClass::Nvidia,
        memory: Bytes(80 * GIB),
        healthy: true,
        precisions: [Precision::Bf16].into(),
        watts: 700,
    };
    let drained = number % DRAINED_EVERY == DRAINED_EVERY - 1;
    Ok(NodeView {
        name: format!("node-{number:06}").parse().context("a node name")?,
        jurisdiction: place.parse().context("a jurisdiction")?,
        place: domains(number)?,
        schedulable: if drained { Schedulable::No(NodePhase::Draining) } else { Schedulable::Yes },
        cores: Millicores(128_000),
        memory: Bytes(1024 * GIB),
        devices: (0..DEVICES_PER_NODE).map(device).collect(),
    })
}

fn domains(number: usize) -> Result<Place> {
    let (rack, row) = (number / RACK, number / RACK / ROW);
    Ok([
        (TopologyLevel::Rack, format!("r{rack}").parse().context("a rack")?),
        (TopologyLevel::Row, format!("row-{row}").parse().context("a row")?),
    ]
    .into())
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

/// One task in some places.
pub(super) fn spec(places: &[&str], devices: u32) -> Result<RawJobSpec> {
    let request =
        DeviceRequest { class: DeviceClass::Nvidia, count: devices, memory: Bytes(40 * GIB), share: None };
    let group = TaskGroup {
        min: None,
        name: "worker".parse().context("a group name")?,
        count: 1,
        resources: Resources {
            cores: Millicores(u64::from(devices) * 8_000),
            memory: Bytes(u64::from(devices) * 64 * GIB),
            devices: Some(request),
        },
        variants: Vec::new(),
        topology: None,
    };
    Ok(RawJobSpec {
        restart: holdfast_types::Restart::Gang,
        kind: JobKind::Train,
        queue: "default".parse().context("a queue name")?,
        priority: 0,
        tenant: "lab".parse().context("a tenant name")?,
        purpose: "research".parse().context("a purpose name")?,
        jurisdictions: places
            .iter()
            .map(|place| place.parse().context("a jurisdiction"))
            .collect::<Result<_>>()?,
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
        array: None,
    })
}
