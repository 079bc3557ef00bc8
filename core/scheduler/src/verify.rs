//! Checks a gang whole against the cluster as it is, before the replicated state machine starts it. It looks at what a
//! plan may have missed since it was made: it must not know how a place is chosen, nor repeat the law, which the state
//! machine guards by the hash of the policy.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::{
    Amounts, DeviceClass, DeviceIndex, DeviceShare, JobName, JobSpec, Jurisdiction, MilliDevices, NodeName,
    NodePhase, QueueName, Rank, ReservationName, Time, TopologyLevel, element_name,
};

use crate::catalog::in_jurisdictions;
use crate::job::is_preemptible;
use crate::need::{Need, gang_devices};
use crate::nodes::{DeviceSet, Layout, Nodes};
use crate::plan::GangPlacement;
use crate::power::Power;
use crate::queues::{QueueRefusal, Queues};
use crate::reserved::{Bounds, Guest, Reserved};
use crate::room::{Room, Seat, empty_rooms};
use crate::shares::Short;
use crate::snapshot::{ArrayView, Assignment, JobState, JobView, Schedulable, Snapshot};

/// Why a gang may not start. Nothing of it has been taken then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum Rejection {
    #[error("job `{job}` is not known under uid `{uid}`")]
    NoJob { job: JobName, uid: String },
    #[error("job `{job}` does not wait for a place")]
    NotWaiting { job: JobName },
    #[error("queue `{queue}` is stopped")]
    QueueStopped { queue: QueueName },
    #[error("queue `{queue}` allows {limit} accelerators, of which {held} are held; the gang needs {needs}")]
    QueueFull { queue: QueueName, limit: u32, held: MilliDevices, needs: MilliDevices },
    #[error(
        "queue `{of}` has {reach} {class} accelerators for queue `{queue}`, of which {held} are held; the gang needs {needs}"
    )]
    QueueShort {
        queue: QueueName,
        of: QueueName,
        class: DeviceClass,
        reach: MilliDevices,
        held: MilliDevices,
        needs: MilliDevices,
    },
    #[error("the gang has {given} places for {needs} tasks")]
    NotWhole { given: usize, needs: u32 },
    #[error("rank {} is placed where rank {} belongs", .found.0, .expected.0)]
    RankOrder { expected: Rank, found: Rank },
    #[error("the gang is placed in variant {variant}, and the job has {variants}, counted from 0")]
    NoVariant { variant: u32, variants: u32 },
    #[error("node `{node}` is not known")]
    NoNode { node: NodeName },
    #[error("node `{node}` takes no work: {phase}")]
    NodeClosed { node: NodeName, phase: NodePhase },
    #[error("node `{node}` is kept for others by reservation `{reservation}` while the job would run")]
    Reserved { node: NodeName, reservation: ReservationName },
    #[error("{node} is not in the {level} of {from}, where the other tasks of the job are")]
    Apart { node: NodeName, level: TopologyLevel, from: NodeName },
    #[error("on node `{node}` the gang would draw more than `{cap}` allows")]
    Power { node: NodeName, cap: ReservationName },
    #[error("node `{node}` is in {jurisdiction}, where the job did not ask to run")]
    Jurisdiction { node: NodeName, jurisdiction: Jurisdiction },
    #[error("rank {} needs {needs} accelerators on node `{node}` and was given {given}", .rank.0)]
    DeviceCount { node: NodeName, rank: Rank, needs: u32, given: usize },
    #[error("rank {} asks for {} of its accelerator and was given {}", .rank.0, share(.asks), share(.given))]
    WrongShare { rank: Rank, asks: Option<DeviceShare>, given: Option<DeviceShare> },
    #[error("node `{node}` has no accelerator {}", .device.0)]
    NoDevice { node: NodeName, device: DeviceIndex },
    #[error("accelerator {} of node `{node}` does not serve rank {}", .device.0, .rank.0)]
    WrongDevice { node: NodeName, device: DeviceIndex, rank: Rank },
    #[error("accelerator {} of node `{node}` is not free", .device.0)]
    DeviceTaken { node: NodeName, device: DeviceIndex },
    #[error("accelerator {} of node `{node}` has less than {share} free", .device.0)]
    ShareTaken { node: NodeName, device: DeviceIndex, share: DeviceShare },
    #[error("node `{node}` has too few cores or too little memory free for rank {}", .rank.0)]
    NoRoom { node: NodeName, rank: Rank },
}

fn share(share: &Option<DeviceShare>) -> String {
    share.map_or_else(|| String::from("all"), |share| share.to_string())
}

/// Checks one gang against a snapshot. For the gangs of a whole plan build one [`Ledger`] instead.
///
/// # Errors
///
/// Says what is wrong with the first place that is wrong.
pub fn verify_gang(snapshot: &Snapshot, now: Time, gang: &GangPlacement) -> Result<(), Rejection> {
    Ledger::new(snapshot, now).accept(gang)
}

/// What is free while the gangs of a plan are checked one after the other.
#[derive(Debug)]
pub struct Ledger<'a> {
    now: Time,
    nodes: Nodes,
    reserved: Reserved,
    power: Power,
    rooms: Vec<Room>,
    queues: Queues,
    jobs: BTreeMap<&'a JobName, &'a JobView>,
    started: BTreeSet<&'a JobName>,
    /// Of the arrays of which elements were started: those that were not.
    left: BTreeMap<&'a JobName, ArrayView>,
}

impl<'a> Ledger<'a> {
    /// Counts what the placed jobs hold.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, now: Time) -> Self {
        let nodes = Nodes::new(&snapshot.nodes);
        let reserved = Reserved::new(&snapshot.reservations, &nodes);
        let mut power = Power::new(&reserved, nodes.len());
        let mut rooms = empty_rooms(&nodes);
        let mut queues = Queues::new(&snapshot.queues, nodes.amounts());
        for job in &snapshot.jobs {
            let JobState::Placed { variant, assignments, .. } = &job.state else { continue };
            let seats = Seat::all(&nodes, &job.spec, *variant, assignments);
            for seat in &seats {
                power.draw(seat);
                if let Some(room) = rooms.get_mut(seat.node) {
                    room.take(seat);
                }
            }
            if let Some(queue) = queues.find(&job.queue) {
                queues.hold(queue, &Seat::amounts_of(&seats));
            }
        }
        Self {
            now,
            nodes,
            reserved,
            power,
            rooms,
            queues,
            jobs: snapshot.jobs.iter().map(|job| (&job.name, job)).collect(),
            started: BTreeSet::new(),
            left: BTreeMap::new(),
        }
    }

    /// Takes a gang in whole, so that the next one is checked beside it, or takes nothing.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the first place that is wrong.
    pub fn accept(&mut self, gang: &GangPlacement) -> Result<(), Rejection> {
        let job = self.waiting(gang)?;
        let (variant, variants) = (gang.variant, job.spec.variants());
        if variant >= variants {
            return Err(Rejection::NoVariant { variant, variants });
        }
        let needs = gang_devices(&job.spec, variant);
        let queue = self.queues.find(&job.queue);
        if let Some(Err(refusal)) = queue.map(|queue| self.queues.check(queue, &needs)) {
            return Err(self.refused(&job.queue, refusal, needs.total()));
        }
        if u32::try_from(gang.assignments.len()) != Ok(job.spec.tasks()) {
            return Err(Rejection::NotWhole { given: gang.assignments.len(), needs: job.spec.tasks() });
        }
        let bounds = self.bounds(job);
        let (mut touched, mut power) = (BTreeMap::new(), self.power.clone());
        for (expected, assignment) in (0..).map(Rank).zip(&gang.assignments) {
            if assignment.rank != expected {
                return Err(Rejection::RankOrder { expected, found: assignment.rank });
            }
            self.check_kept(&bounds, assignment)?;
            let seat = self.place((&job.spec, variant), assignment, &mut touched)?;
            if let Some(number) = power.too_low(&bounds, seat.node, seat.watts)
                && let Some(cap) = self.reserved.name(number)
            {
                let (node, cap) = (assignment.node.clone(), cap.clone());
                return Err(Rejection::Power { node, cap });
            }
            power.draw(&seat);
        }
        self.power = power;
        for (node, room) in touched {
            if let Some(slot) = self.rooms.get_mut(node) {
                *slot = room;
            }
        }
        if let Some(queue) = queue {
            self.queues.hold(queue, &Amounts::of_gang(&job.spec, variant));
        }
        match &job.array {
            Some(array) => self.left.entry(&job.name).or_insert_with(|| array.clone()).started(),
            None => drop(self.started.insert(&job.name)),
        }
        Ok(())
    }

    fn refused(&self, queue: &QueueName, refusal: QueueRefusal, needs: MilliDevices) -> Rejection {
        let queue = queue.clone();
        match refusal {
            QueueRefusal::Stopped => Rejection::QueueStopped { queue },
            QueueRefusal::Full { held, limit } => Rejection::QueueFull { queue, limit, held, needs },
            QueueRefusal::Short(Short { queue: of, class, reach, held, needs, .. }) => {
                let of = self.queues.name(of).unwrap_or(&queue).clone();
                Rejection::QueueShort { queue, of, class, reach, held, needs }
            }
        }
    }

    fn waiting(&self, gang: &GangPlacement) -> Result<&'a JobView, Rejection> {
        let known =
            self.jobs.get(&gang.job).copied().filter(|job| job.uid == gang.uid && job.array.is_none());
        let Some(job) = known.or_else(|| self.array_of(gang)) else {
            return Err(Rejection::NoJob { job: gang.job.clone(), uid: gang.uid.clone() });
        };
        match job.state {
            JobState::Waiting { .. } if !self.started.contains(&job.name) => Ok(job),
            JobState::Waiting { .. } | JobState::Placed { .. } => {
                Err(Rejection::NotWaiting { job: gang.job.clone() })
            }
        }
    }

    /// The array of which a gang is the next element.
    fn array_of(&self, gang: &GangPlacement) -> Option<&'a JobView> {
        let (name, index) = gang.job.array()?;
        let job = self.jobs.get(&name).copied()?;
        let left = self.left.get(&job.name).or(job.array.as_ref())?;
        let is_next = left.index() == Some(index) && element_name(&job.uid, index) == gang.uid;
        is_next.then_some(job)
    }

    fn bounds(&self, job: &JobView) -> Bounds {
        let queue = self.queues.find(&job.queue);
        let guest = Guest {
            queues: queue.into_iter().flat_map(|queue| self.queues.names_above(queue)).collect(),
            takes: job.spec.max_run_time,
            may_stop: is_preemptible(&job.spec),
        };
        let reservations = self.reserved.closed_to(&guest, self.now).0;
        Bounds { reservations, part_of: job.part_of.clone() }
    }

    fn check_kept(&self, bounds: &Bounds, assignment: &Assignment) -> Result<(), Rejection> {
        let node = self.nodes.find(&assignment.node);
        let beside = bounds.beside();
        if let Some(beside) = beside.filter(|at| !node.is_some_and(|node| self.nodes.is_beside(node, at))) {
            let node = assignment.node.clone();
            return Err(Rejection::Apart { node, level: beside.level, from: beside.node.clone() });
        }
        match node.and_then(|node| self.reserved.name(self.reserved.keeper(bounds, node)?)) {
            Some(reservation) => {
                let (node, reservation) = (assignment.node.clone(), reservation.clone());
                Err(Rejection::Reserved { node, reservation })
            }
            None => Ok(()),
        }
    }

    /// Takes one task in, on a copy of the room of its node.
    fn place(
        &self,
        (spec, variant): (&JobSpec, u32),
        assignment: &Assignment,
        touched: &mut BTreeMap<usize, Room>,
    ) -> Result<Seat, Rejection> {
        let no_node = || Rejection::NoNode { node: assignment.node.clone() };
        let position = self.nodes.find(&assignment.node).ok_or_else(no_node)?;
        let node = self.nodes.get(position).ok_or_else(no_node)?;
        let layout = self.nodes.layout_of(node).ok_or_else(no_node)?;
        let before = self.rooms.get(position).ok_or_else(no_node)?;
        if let Schedulable::No(phase) = node.schedulable {
            return Err(Rejection::NodeClosed { node: assignment.node.clone(), phase });
        }
        if !in_jurisdictions(&spec.jurisdictions, &node.jurisdiction) {
            let jurisdiction = node.jurisdiction.clone();
            return Err(Rejection::Jurisdiction { node: assignment.node.clone(), jurisdiction });
        }
        let Some(need) = Need::of_rank(spec, variant, assignment.rank) else {
            return Err(Rejection::NotWhole { given: spec.ranks().count() + 1, needs: spec.tasks() });
        };
        let room = touched.entry(position).or_insert_with(|| before.clone());
        let devices = chosen(assignment, &need, layout, room)?;
        if room.cores() < need.cores || room.memory() < need.memory {
            return Err(Rejection::NoRoom { node: assignment.node.clone(), rank: assignment.rank });
        }
        let watts = self.nodes.watts(position, &need);
        let seat = Seat { rank: assignment.rank.0, node: position, need, devices, watts };
        room.take(&seat);
        Ok(seat)
    }
}

/// The accelerators of an assignment, if each is there, serves, is free and is named once.
fn chosen(
    assignment: &Assignment,
    need: &Need,
    layout: &Layout,
    room: &Room,
) -> Result<DeviceSet, Rejection> {
    let (rank, given) = (assignment.rank, assignment.devices.len());
    let node = || assignment.node.clone();
    if u32::try_from(given) != Ok(need.device_count()) {
        return Err(Rejection::DeviceCount { node: node(), rank, needs: need.device_count(), given });
    }
    if assignment.share != need.share() {
        return Err(Rejection::WrongShare { rank, asks: need.share(), given: assignment.share });
    }
    let serving = layout.serving(need);
    let mut free = room.devices();
    let mut chosen = 0;
    for device in assignment.devices.iter().copied() {
        let Some(bit) = layout.bit(device) else { return Err(Rejection::NoDevice { node: node(), device }) };
        if serving & bit == 0 {
            return Err(Rejection::WrongDevice { node: node(), device, rank });
        }
        match need.share() {
            Some(share) if room.has_part(share, bit) => {}
            Some(share) => return Err(Rejection::ShareTaken { node: node(), device, share }),
            None if free & bit == 0 => return Err(Rejection::DeviceTaken { node: node(), device }),
            None => free &= !bit,
        }
        chosen |= bit;
    }
    Ok(chosen)
}
