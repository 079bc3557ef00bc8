//! What is taken and what is held on each node. It must not know jobs beyond what they take.

use holdfast_types::{JobSpec, Rank};

use crate::need::{Devices, Need};
use crate::nodes::{DeviceSet, Node, Nodes};
use crate::snapshot::Assignment;

/// What one node has, what of it is taken, and what is held for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    cores: Share,
    memory: Share,
    /// The accelerators that are not broken.
    sound: DeviceSet,
    busy: DeviceSet,
    held: DeviceSet,
}

/// All there is of something, and how much of it is given away. What was given away may be more than there is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    all: u64,
    given: u64,
}

impl Share {
    fn free(self) -> u64 {
        self.all.saturating_sub(self.given)
    }

    fn give(&mut self, much: u64) {
        self.given = self.given.saturating_add(much);
    }

    fn take_back(&mut self, much: u64) {
        self.given = self.given.saturating_sub(much);
    }
}

/// What one task takes of its node, or what is held for it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) rank: u32,
    pub(crate) node: usize,
    pub(crate) need: Need,
    pub(crate) devices: DeviceSet,
}

impl Room {
    /// All a node has.
    pub(crate) fn of(nodes: &Nodes, node: &Node) -> Self {
        let sound = nodes.layout_of(node).map_or(0, |layout| layout.select(|device| device.healthy));
        let all = |all| Share { all, given: 0 };
        Self { cores: all(node.cores), memory: all(node.memory), sound, busy: 0, held: 0 }
    }

    /// A node with nothing.
    pub(crate) fn none() -> Self {
        let none = Share { all: 0, given: 0 };
        Self { cores: none, memory: none, sound: 0, busy: 0, held: 0 }
    }

    /// The accelerators that are neither taken nor held. A broken one is never free.
    pub(crate) fn devices(&self) -> DeviceSet {
        self.sound & !self.busy & !self.held
    }

    /// The processor share that is free.
    pub(crate) fn cores(&self) -> u64 {
        self.cores.free()
    }

    /// The memory that is free.
    pub(crate) fn memory(&self) -> u64 {
        self.memory.free()
    }

    /// Whether one more task fits, where `serving` are the accelerators of the node that serve it.
    pub(crate) fn fits(&self, need: &Need, serving: DeviceSet) -> bool {
        self.cores() >= need.cores
            && self.memory() >= need.memory
            && (self.devices() & serving).count_ones() >= need.device_count()
    }

    /// Whether one more task fits with these accelerators.
    pub(crate) fn has(&self, seat: &Seat) -> bool {
        self.cores() >= seat.need.cores
            && self.memory() >= seat.need.memory
            && self.devices() & seat.devices == seat.devices
    }

    /// Whether none of these accelerators is broken.
    pub(crate) fn is_sound(&self, devices: DeviceSet) -> bool {
        self.sound & devices == devices
    }

    /// How many such tasks fit, up to `limit`.
    pub(crate) fn slots(&self, need: &Need, serving: DeviceSet, limit: u32) -> u32 {
        let by_share = |free: u64, share: u64| match free.checked_div(share) {
            None => limit,
            Some(slots) => u32::try_from(slots).unwrap_or(u32::MAX),
        };
        let devices = u64::from((self.devices() & serving).count_ones());
        by_share(self.cores(), need.cores)
            .min(by_share(self.memory(), need.memory))
            .min(by_share(devices, u64::from(need.device_count())))
            .min(limit)
    }

    /// The accelerators that one more task gets: the lowest that serve it.
    pub(crate) fn choose(&self, need: &Need, serving: DeviceSet) -> DeviceSet {
        lowest(self.devices() & serving, need.device_count())
    }

    /// Takes a task in. A node with less than it gave away is simply full.
    pub(crate) fn take(&mut self, seat: &Seat) {
        self.busy |= seat.devices;
        self.cores.give(seat.need.cores);
        self.memory.give(seat.need.memory);
    }

    /// Undoes [`Room::take`].
    pub(crate) fn give_back(&mut self, seat: &Seat) {
        self.busy &= !seat.devices;
        self.cores.take_back(seat.need.cores);
        self.memory.take_back(seat.need.memory);
    }

    /// Holds a place for a task, whoever is on it yet.
    pub(crate) fn hold(&mut self, seat: &Seat) {
        self.held |= seat.devices;
        self.cores.give(seat.need.cores);
        self.memory.give(seat.need.memory);
    }

    /// Undoes [`Room::hold`].
    pub(crate) fn release(&mut self, seat: &Seat) {
        self.held &= !seat.devices;
        self.cores.take_back(seat.need.cores);
        self.memory.take_back(seat.need.memory);
    }
}

fn lowest(mut from: DeviceSet, count: u32) -> DeviceSet {
    let mut chosen = 0;
    for _ in 0..count {
        let bit = from & from.wrapping_neg();
        chosen |= bit;
        from ^= bit;
    }
    chosen
}

/// Every node with nothing on it.
pub(crate) fn empty_rooms(nodes: &Nodes) -> Vec<Room> {
    nodes.iter().map(|node| Room::of(nodes, node)).collect()
}

impl Seat {
    /// The place of an assignment; `None` where its node is not in the snapshot.
    pub(crate) fn of(nodes: &Nodes, spec: &JobSpec, assignment: &Assignment) -> Option<Self> {
        let node = nodes.find(&assignment.node)?;
        let layout = nodes.get(node).and_then(|node| nodes.layout_of(node));
        let need =
            Need::of_rank(spec, assignment.rank).unwrap_or(Need { cores: 0, memory: 0, devices: None });
        let bits = assignment.devices.iter().filter_map(|index| layout?.bit(*index));
        let devices = bits.fold(0, |set, bit| set | bit);
        Some(Self { rank: assignment.rank.0, node, need, devices })
    }

    /// All places of a gang that are in the snapshot.
    pub(crate) fn all(nodes: &Nodes, spec: &JobSpec, assignments: &[Assignment]) -> Vec<Self> {
        assignments.iter().filter_map(|assignment| Self::of(nodes, spec, assignment)).collect()
    }

    /// As others say it; `None` where its node is not in the snapshot.
    pub(crate) fn assignment(&self, nodes: &Nodes) -> Option<Assignment> {
        let node = nodes.get(self.node)?;
        let devices = nodes.layout_of(node).map_or_else(Vec::new, |layout| layout.indexes(self.devices));
        Some(Assignment { rank: Rank(self.rank), node: node.name.clone(), devices })
    }

    /// The accelerators that some take.
    pub(crate) fn devices_of<'a>(seats: impl IntoIterator<Item = &'a Self>) -> Devices {
        let mut devices = Devices::default();
        for seat in seats {
            if let Some(need) = seat.need.devices {
                devices.add(need.class, seat.device_count());
            }
        }
        devices
    }

    /// How many accelerators it takes.
    pub(crate) fn device_count(&self) -> u64 {
        u64::from(self.devices.count_ones())
    }
}
