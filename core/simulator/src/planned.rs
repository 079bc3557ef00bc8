//! The scheduler's own code, as a controller asks it: a snapshot, a plan, and again where the plan was full. It is told no durations.
//! It must not know what a simulation counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_scheduler::{
    Assignment, Config, DeviceView, JobState, JobView, NodeView, QueueView, Schedulable, Snapshot, Verdict,
    Verdicts, plan,
};
use holdfast_types::{
    ArtifactRefError, Bytes, DeviceClass, DeviceIndex, DeviceRequest, GroupName, JobKind, JobSpec,
    JobSpecError, Jurisdiction, JurisdictionError, Millicores, NameError, NodeName, NodePhase, QueueName,
    RawJobSpec, Resources, TaskGroup, Time,
};

use crate::brain::{Arrival, Brain, Decision, JobNumber, Start};
use crate::fits::whole_node;
use crate::floor::{Place, at};

/// Where everything is.
const PLACE: &str = "DE";
/// Accelerators alone are scarce in traces that say nothing of the rest.
const CORES: u64 = 1_000;
const MEMORY: u64 = 1 << 30;

/// Why a cluster or a job cannot be said in the words of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsaid {
    /// A name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A jurisdiction.
    #[error(transparent)]
    Jurisdiction(#[from] JurisdictionError),
    /// An image.
    #[error(transparent)]
    Artifact(#[from] ArtifactRefError),
    /// A job.
    #[error(transparent)]
    Job(#[from] JobSpecError),
}

/// The scheduler at work.
#[derive(Debug)]
pub(crate) struct Planned {
    config: Config,
    snapshot: Snapshot,
    verdicts: Verdicts,
    queue: QueueName,
    /// A specification for each number of accelerators.
    specs: BTreeMap<u32, Arc<JobSpec>>,
    whole: u32,
    /// Where each job stands in the snapshot.
    positions: BTreeMap<JobNumber, usize>,
    nodes: BTreeMap<NodeName, u32>,
}

impl Planned {
    /// # Errors
    ///
    /// A name is none: a defect of this file.
    pub(crate) fn new(config: Config, devices: &[u32]) -> Result<Self, Unsaid> {
        let nodes: Vec<NodeView> =
            (0..).zip(devices).map(|(number, devices)| node(number, *devices)).collect::<Result<_, _>>()?;
        let verdicts = nodes.iter().map(|node| (node.name.clone(), Verdict::Allow)).collect();
        let queue: QueueName = "default".parse()?;
        let view = QueueView { name: queue.clone(), priority: 0, stopped: false, max_devices: 0 };
        Ok(Self {
            config,
            verdicts,
            queue,
            specs: BTreeMap::new(),
            whole: whole_node(devices),
            positions: BTreeMap::new(),
            nodes: (0..).zip(&nodes).map(|(number, node)| (node.name.clone(), number)).collect(),
            snapshot: Snapshot { revision: 0, nodes, queues: vec![view], jobs: Vec::new() },
        })
    }

    /// Whether a job of this size can be said in a manifest.
    pub(crate) fn says(&mut self, devices: u32) -> Result<(), Unsaid> {
        self.spec(devices).map(drop)
    }

    fn spec(&mut self, devices: u32) -> Result<Arc<JobSpec>, Unsaid> {
        if let Some(known) = self.specs.get(&devices) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(spec(&self.queue, devices, self.whole)?);
        self.specs.insert(devices, Arc::clone(&made));
        Ok(made)
    }

    fn places(&self, assignments: &[Assignment]) -> Vec<Place> {
        let mut places: BTreeMap<u32, u32> = BTreeMap::new();
        for assignment in assignments {
            if let Some(node) = self.nodes.get(&assignment.node) {
                *places.entry(*node).or_default() +=
                    u32::try_from(assignment.devices.len()).unwrap_or(u32::MAX);
            }
        }
        places.into_iter().map(|(node, devices)| Place { node, devices }).collect()
    }
}

impl Brain for Planned {
    fn arrives(&mut self, Arrival { job, devices, submitted, .. }: Arrival, _: Time) {
        let (Ok(spec), Ok(name)) = (self.spec(devices), format!("job-{job:07}").parse()) else { return };
        self.positions.insert(job, self.snapshot.jobs.len());
        self.snapshot.jobs.push(JobView {
            name,
            uid: job.to_string(),
            queue: self.queue.clone(),
            spec,
            submitted,
            state: JobState::Waiting { verdicts: self.verdicts.clone(), not_before: None },
        });
    }

    fn ends(&mut self, job: JobNumber, _: &[Place], _: bool, _: Time) {
        let Some(position) = self.positions.remove(&job) else { return };
        self.snapshot.jobs.swap_remove(position);
        let moved = self.snapshot.jobs.get(position).and_then(|job| job.uid.parse().ok());
        if let Some(moved) = moved {
            self.positions.insert(moved, position);
        }
    }

    fn node(&mut self, node: u32, up: bool) {
        if let Some(view) = self.snapshot.nodes.get_mut(at(node)) {
            view.schedulable = if up { Schedulable::Yes } else { Schedulable::No(NodePhase::Lost) };
        }
    }

    fn decide(&mut self, now: Time) -> Decision {
        let mut starts = Vec::new();
        loop {
            self.snapshot.revision += 1;
            let planned = plan(&self.snapshot, &self.config, now);
            for gang in &planned.gangs {
                let Ok(job) = gang.uid.parse() else { continue };
                starts.push(Start { job, places: self.places(&gang.assignments) });
                let position = self.positions.get(&job).copied().unwrap_or(usize::MAX);
                if let Some(view) = self.snapshot.jobs.get_mut(position) {
                    view.state = JobState::Placed { assignments: gang.assignments.clone(), since: now };
                }
            }
            let full = usize::try_from(self.config.max_gangs_per_plan).unwrap_or(usize::MAX);
            if planned.gangs.len() < full {
                let hash = hex::decode(&planned.hash).ok().and_then(|hash| hash.try_into().ok());
                return Decision { starts, plan: hash, ..Decision::default() };
            }
        }
    }
}

fn node(number: u32, devices: u32) -> Result<NodeView, Unsaid> {
    let device = |index| DeviceView {
        index: DeviceIndex(index),
        class: DeviceClass::Nvidia,
        memory: Bytes(MEMORY),
        healthy: true,
        precisions: [].into(),
    };
    Ok(NodeView {
        name: format!("node-{number:06}").parse()?,
        jurisdiction: PLACE.parse::<Jurisdiction>()?,
        schedulable: Schedulable::Yes,
        cores: Millicores(u64::from(devices) * CORES),
        memory: Bytes(u64::from(devices) * MEMORY),
        devices: (0..devices).map(device).collect(),
    })
}

/// Whole nodes for what a gang has of them, and one task for the rest.
fn spec(queue: &QueueName, devices: u32, whole: u32) -> Result<JobSpec, Unsaid> {
    let group = |name: &str, count: u32, devices: u32| -> Result<TaskGroup, Unsaid> {
        let request = DeviceRequest { class: DeviceClass::Nvidia, count: devices, memory: Bytes(0) };
        let resources = Resources {
            cores: Millicores(u64::from(devices) * CORES),
            memory: Bytes(u64::from(devices) * MEMORY),
            devices: Some(request),
        };
        Ok(TaskGroup { name: name.parse::<GroupName>()?, count, resources })
    };
    let mut groups = Vec::new();
    for (name, count, devices) in [("whole", devices / whole, whole), ("rest", 1, devices % whole)] {
        if count > 0 && devices > 0 {
            groups.push(group(name, count, devices)?);
        }
    }
    let raw = RawJobSpec {
        kind: JobKind::Train,
        queue: queue.clone(),
        priority: 0,
        tenant: "trace".parse()?,
        purpose: "simulation".parse()?,
        jurisdictions: [].into(),
        image: "trace@1".parse()?,
        command: Vec::new(),
        env: BTreeMap::new(),
        groups,
        datasets: Vec::new(),
        base_model: None,
        checkpoint: None,
        output: None,
        precision: None,
        retries: 0,
        max_run_time: None,
        depends_on: Vec::new(),
        singleton: None,
        not_before: None,
        deadline: None,
    };
    Ok(raw.try_into()?)
}
