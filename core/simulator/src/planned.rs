//! The scheduler's own code, as a controller asks it: it is told what changes, and asked again where a plan was full or stopped somebody.
//! It is told no durations. It must not know what a simulation counts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use holdfast_scheduler::{
    Assignment, Cause, Config, DeviceView, JobState, JobView, NodeView, Past, Plan, QueueView,
    ReservationView, Schedulable, Scheduler, Snapshot, Verdict, Verdicts,
};
use holdfast_types::{
    ArtifactRefError, Bytes, DeviceClass, DeviceIndex, DeviceRequest, GroupName, JobKind, JobName, JobSpec,
    JobSpecError, Jurisdiction, JurisdictionError, Millicores, NameError, NodeName, NodePhase, QueueName,
    RawJobSpec, Resources, Span, TaskGroup, Time,
};

use crate::brain::{Arrival, Brain, Decision, JobNumber, Start};
use crate::cluster::{CORES, Cluster, Kept, WATTS, node_name};
use crate::fits::whole_node;
use crate::floor::{Place, at};

/// Where everything is.
const PLACE: &str = "DE";
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
    /// A reservation.
    #[error("{0}")]
    Reservation(String),
}

/// The scheduler at work.
#[derive(Debug)]
pub(crate) struct Planned {
    scheduler: Scheduler,
    revision: u64,
    /// Whether jobs write a checkpoint when they are told to stop.
    saves: bool,
    verdicts: Verdicts,
    queue: QueueName,
    /// A specification for each number of accelerators.
    specs: BTreeMap<u32, Arc<JobSpec>>,
    whole: u32,
    jobs: BTreeMap<JobNumber, Job>,
    names: Vec<NodeName>,
    nodes: BTreeMap<NodeName, u32>,
}

#[derive(Debug)]
struct Job {
    devices: u32,
    submitted: Time,
    past: Past,
    since: Time,
}

impl Planned {
    /// # Errors
    ///
    /// A name is none: a defect of this file.
    pub(crate) fn new(config: &Config, devices: &[u32], cluster: &Cluster) -> Result<Self, Unsaid> {
        let saves = cluster.checkpoints.is_some();
        let kept = |kept: &Kept| -> Result<ReservationView, Unsaid> {
            Ok(ReservationView { name: kept.name.clone(), spec: kept.spec().map_err(Unsaid::Reservation)? })
        };
        let reservations = cluster.reservations.iter().map(kept).collect::<Result<_, _>>()?;
        let nodes: Vec<NodeView> =
            (0..).zip(devices).map(|(number, devices)| node(number, *devices)).collect::<Result<_, _>>()?;
        let queue: QueueName = "default".parse()?;
        let view = QueueView::new(queue.clone());
        let snapshot = Snapshot { nodes, queues: vec![view], reservations, ..Snapshot::default() };
        let nodes = &snapshot.nodes;
        Ok(Self {
            scheduler: Scheduler::new(&snapshot, config, Time(0)),
            revision: 0,
            saves,
            verdicts: nodes.iter().map(|node| (node.name.clone(), Verdict::Allow)).collect(),
            queue,
            specs: BTreeMap::new(),
            whole: whole_node(devices),
            jobs: BTreeMap::new(),
            names: nodes.iter().map(|node| node.name.clone()).collect(),
            nodes: (0..).zip(nodes).map(|(number, node)| (node.name.clone(), number)).collect(),
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
        let made = Arc::new(spec(&self.queue, devices, self.whole, self.saves)?);
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

    /// A job waits from now on.
    fn waits(&mut self, number: JobNumber, now: Time) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        job.since = now;
        let (devices, submitted, past) = (job.devices, job.submitted, job.past);
        let (Ok(spec), Ok(name)) = (self.spec(devices), name(number)) else { return };
        let verdicts = self.verdicts.clone();
        let state = JobState::Waiting {
            verdicts,
            since: now,
            not_before: None,
            held: Vec::new(),
            held_in: 0,
            held_since: now,
        };
        let (uid, queue) = (number.to_string(), self.queue.clone());
        self.scheduler.set_job(&JobView {
            name,
            uid,
            queue,
            spec,
            submitted,
            past,
            array: None,
            part_of: None,
            state,
        });
    }

    /// A job that had places lost them.
    fn stops(&mut self, number: JobNumber, now: Time) {
        if let Some(job) = self.jobs.get_mut(&number) {
            job.past.ran = Span(job.past.ran.0 + now.since(job.since).0);
        }
        self.waits(number, now);
    }

    fn apply(&mut self, plan: &Plan, decision: &mut Decision) {
        for preempted in &plan.preempts {
            let Ok(job) = preempted.uid.parse() else { continue };
            self.stops(job, plan.now);
            decision.preempts.push(job);
            if matches!(preempted.by, Cause::Reservation(_)) {
                decision.makes_way.insert(job);
            }
        }
        for gang in &plan.gangs {
            let Ok(job) = gang.uid.parse() else { continue };
            decision.starts.push(Start { job, places: self.places(&gang.assignments) });
            if let Some(job) = self.jobs.get_mut(&job) {
                job.past.waited = Span(job.past.waited.0 + plan.now.since(job.since).0);
                job.since = plan.now;
            }
        }
        decision.ask_again = plan.ask_again;
        decision.plan = hex::decode(&plan.hash).ok().and_then(|hash| hash.try_into().ok());
    }
}

impl Brain for Planned {
    fn arrives(&mut self, Arrival { job, devices, submitted, .. }: Arrival, now: Time) {
        // One that a failure stopped is known, and keeps what it has had.
        if let Entry::Vacant(place) = self.jobs.entry(job) {
            place.insert(Job { devices, submitted, past: Past::default(), since: now });
            self.waits(job, now);
        }
    }

    fn ends(&mut self, job: JobNumber, _: &[Place], again: bool, now: Time) {
        if again {
            self.stops(job, now);
        } else if let Ok(name) = name(job) {
            self.jobs.remove(&job);
            self.scheduler.remove_job(&name);
        }
    }

    fn node(&mut self, node: u32, up: bool) {
        if let Some(name) = self.names.get(at(node)) {
            let schedulable = if up { Schedulable::Yes } else { Schedulable::No(NodePhase::Lost) };
            self.scheduler.set_node(name, schedulable);
        }
    }

    fn decide(&mut self, now: Time) -> Decision {
        let mut decision = Decision::default();
        loop {
            self.revision += 1;
            let plan = self.scheduler.plan(self.revision, now);
            self.apply(&plan, &mut decision);
            if !plan.is_full && plan.preempts.is_empty() {
                return decision;
            }
        }
    }
}

fn name(job: JobNumber) -> Result<JobName, NameError> {
    format!("job-{job:07}").parse()
}

fn node(number: u32, devices: u32) -> Result<NodeView, Unsaid> {
    let device = |index| DeviceView {
        index: DeviceIndex(index),
        class: DeviceClass::Nvidia,
        memory: Bytes(MEMORY),
        healthy: true,
        precisions: [].into(),
        watts: WATTS,
    };
    Ok(NodeView {
        name: node_name(number).parse()?,
        jurisdiction: PLACE.parse::<Jurisdiction>()?,
        place: [].into(),
        schedulable: Schedulable::Yes,
        cores: Millicores(u64::from(devices) * CORES),
        memory: Bytes(u64::from(devices) * MEMORY),
        devices: (0..devices).map(device).collect(),
    })
}

/// Whole nodes for what a gang has of them, and one task for the rest.
fn spec(queue: &QueueName, devices: u32, whole: u32, saves: bool) -> Result<JobSpec, Unsaid> {
    let group = |name: &str, count: u32, devices: u32| -> Result<TaskGroup, Unsaid> {
        let request =
            DeviceRequest { class: DeviceClass::Nvidia, count: devices, memory: Bytes(0), share: None };
        let resources = Resources {
            cores: Millicores(u64::from(devices) * CORES),
            memory: Bytes(u64::from(devices) * MEMORY),
            devices: Some(request),
        };
        Ok(TaskGroup {
            min: None,
            name: name.parse::<GroupName>()?,
            count,
            resources,
            variants: Vec::new(),
            topology: None,
        })
    };
    let mut groups = Vec::new();
    for (name, count, devices) in [("whole", devices / whole, whole), ("rest", 1, devices % whole)] {
        if count > 0 && devices > 0 {
            groups.push(group(name, count, devices)?);
        }
    }
    let raw = RawJobSpec {
        restart: holdfast_types::Restart::Gang,
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
        preemptible: Some(saves),
        depends_on: Vec::new(),
        singleton: None,
        not_before: None,
        deadline: None,
        array: None,
    };
    Ok(raw.try_into()?)
}
