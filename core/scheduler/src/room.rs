//! What is free on each node. It must not know jobs beyond what they take.

use holdfast_types::{DeviceIndex, JobSpec};

use crate::need::Need;
use crate::nodes::{DeviceSet, Layout, Node, Nodes};
use crate::snapshot::Assignment;

/// What is free on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) cores: u64,
    pub(crate) memory: u64,
    pub(crate) devices: DeviceSet,
}

impl Room {
    /// All a node has. A broken accelerator is never free.
    pub(crate) fn of(node: &Node<'_>, layout: Option<&Layout<'_>>) -> Self {
        let devices = layout.map_or(0, |layout| layout.select(|device| device.healthy));
        Self { cores: node.view.cores.0, memory: node.view.memory.0, devices }
    }

    /// Whether one more task fits, where `serving` are the accelerators of the node that serve it.
    pub(crate) fn fits(&self, need: &Need, serving: DeviceSet) -> bool {
        self.cores >= need.cores
            && self.memory >= need.memory
            && (self.devices & serving).count_ones() >= need.device_count()
    }

    /// How many such tasks fit, up to `limit`.
    pub(crate) fn slots(&self, need: &Need, serving: DeviceSet, limit: u32) -> u32 {
        let by_share = |free: u64, share: u64| match free.checked_div(share) {
            None => limit,
            Some(slots) => u32::try_from(slots).unwrap_or(u32::MAX),
        };
        let devices = u64::from((self.devices & serving).count_ones());
        by_share(self.cores, need.cores)
            .min(by_share(self.memory, need.memory))
            .min(by_share(devices, u64::from(need.device_count())))
            .min(limit)
    }

    /// Takes one task in and says which accelerators it got: the lowest that serve it.
    pub(crate) fn take(&mut self, need: &Need, serving: DeviceSet) -> DeviceSet {
        let chosen = lowest(self.devices & serving, need.device_count());
        self.charge(need, chosen);
        chosen
    }

    /// Takes one task in with accelerators chosen already. A node with less than it gave away is simply full.
    pub(crate) fn charge(&mut self, need: &Need, devices: DeviceSet) {
        self.cores = self.cores.saturating_sub(need.cores);
        self.memory = self.memory.saturating_sub(need.memory);
        self.devices &= !devices;
    }

    /// Undoes [`Room::take`].
    pub(crate) fn give_back(&mut self, need: &Need, devices: DeviceSet) {
        self.cores = self.cores.saturating_add(need.cores);
        self.memory = self.memory.saturating_add(need.memory);
        self.devices |= devices;
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
pub(crate) fn empty_rooms(nodes: &Nodes<'_>) -> Vec<Room> {
    nodes.iter().map(|node| Room::of(node, nodes.layout_of(node))).collect()
}

/// What one task takes of its node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge {
    pub(crate) node: usize,
    pub(crate) need: Need,
    pub(crate) devices: DeviceSet,
}

impl Charge {
    /// What the task of an assignment takes; `None` where its node is not in the snapshot.
    pub(crate) fn of(nodes: &Nodes<'_>, spec: &JobSpec, assignment: &Assignment) -> Option<Self> {
        let node = nodes.find(&assignment.node)?;
        let layout = nodes.get(node).and_then(|node| nodes.layout_of(node));
        let need =
            Need::of_rank(spec, assignment.rank).unwrap_or(Need { cores: 0, memory: 0, devices: None });
        let bit = |index: &DeviceIndex| layout.and_then(|layout| layout.bit(*index));
        let devices = assignment.devices.iter().filter_map(bit).fold(0, |set, bit| set | bit);
        Some(Self { node, need, devices })
    }

    /// Takes it.
    pub(crate) fn take(&self, rooms: &mut [Room]) {
        if let Some(room) = rooms.get_mut(self.node) {
            room.charge(&self.need, self.devices);
        }
    }
}
