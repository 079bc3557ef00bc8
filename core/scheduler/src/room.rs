//! What is taken and what is held on each node. It must not know jobs beyond what they take.

use holdfast_types::{Amounts, DeviceShare, JobSpec, MilliDevices, Rank, Resource};

use crate::need::{Need, WHOLE};
use crate::nodes::{DeviceSet, Node, Nodes};
use crate::parts::{Parts, bits};
use crate::snapshot::Assignment;

/// What one node has, what of it is taken, and what is held for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    cores: Share,
    memory: Share,
    /// The accelerators that are not broken.
    sound: DeviceSet,
    /// Those taken whole, and those held whole.
    busy: DeviceSet,
    held: DeviceSet,
    /// Those taken or held in parts.
    parts: Parts,
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
    /// The most that it draws.
    pub(crate) watts: u64,
}

impl Room {
    /// All a node has.
    pub(crate) fn of(nodes: &Nodes, node: &Node) -> Self {
        let sound = nodes.layout_of(node).map_or(0, |layout| layout.select(|device| device.healthy));
        let all = |all| Share { all, given: 0 };
        Self {
            cores: all(node.cores),
            memory: all(node.memory),
            sound,
            busy: 0,
            held: 0,
            parts: Parts::default(),
        }
    }

    /// A node with nothing.
    pub(crate) fn none() -> Self {
        let none = Share { all: 0, given: 0 };
        Self { cores: none, memory: none, sound: 0, busy: 0, held: 0, parts: Parts::default() }
    }

    /// The accelerators of which nothing is taken or held. A broken one is never free.
    pub(crate) fn devices(&self) -> DeviceSet {
        self.unspoken() & !self.parts.set()
    }

    /// The accelerators that are not broken, and that nobody has whole.
    fn unspoken(&self) -> DeviceSet {
        self.sound & !self.busy & !self.held
    }

    /// The accelerator of which the least is free that is enough, and how much of it is: one of which nobody has a part only
    /// where none else is enough. Of equal ones the lowest.
    fn best_part(&self, share: DeviceShare, serving: DeviceSet) -> Option<(u32, DeviceSet)> {
        let able = self.unspoken() & serving;
        let parts = self.parts.iter().filter(|(bit, free)| able & bit != 0 && *free >= share.thousandths());
        let whole = bits(self.devices() & serving).next();
        let best = parts.map(|(bit, free)| (free, bit)).min();
        best.or_else(|| Some((WHOLE, whole?)))
    }

    /// The most thousandths that are free of one accelerator.
    pub(crate) fn most_free(&self, serving: DeviceSet) -> u32 {
        if self.devices() & serving != 0 {
            return WHOLE;
        }
        let able = self.unspoken() & serving;
        let parts = self.parts.iter().filter(|(bit, _)| able & bit != 0);
        parts.map(|(_, free)| free).max().unwrap_or(0)
    }

    /// How much is free of the accelerator that a task with a part of one would get; 0 for one that needs no part.
    pub(crate) fn part(&self, need: &Need, serving: DeviceSet) -> u32 {
        need.share().and_then(|share| self.best_part(share, serving)).map_or(0, |(free, _)| free)
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
            && match need.share() {
                None => (self.devices() & serving).count_ones() >= need.device_count(),
                Some(share) => self.best_part(share, serving).is_some(),
            }
    }

    /// Whether one more task fits with these accelerators.
    pub(crate) fn has(&self, seat: &Seat) -> bool {
        self.cores() >= seat.need.cores
            && self.memory() >= seat.need.memory
            && match seat.need.share() {
                None => self.devices() & seat.devices == seat.devices,
                Some(share) => self.has_part(share, seat.devices),
            }
    }

    /// Whether such a part is free of each of these accelerators.
    pub(crate) fn has_part(&self, share: DeviceShare, devices: DeviceSet) -> bool {
        self.unspoken() & devices == devices
            && bits(devices).all(|bit| self.parts.free(bit) >= share.thousandths())
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
        let by_devices = match need.share() {
            None => by_share(devices, u64::from(need.device_count())),
            Some(share) => self.part_slots(share, serving),
        };
        by_share(self.cores(), need.cores)
            .min(by_share(self.memory(), need.memory))
            .min(by_devices)
            .min(limit)
    }

    fn part_slots(&self, share: DeviceShare, serving: DeviceSet) -> u32 {
        let each = |free: u32| free / share.thousandths();
        let able = self.unspoken() & serving;
        let parts = self.parts.iter().filter(|(bit, _)| able & bit != 0).map(|(_, free)| each(free));
        parts.sum::<u32>() + (self.devices() & serving).count_ones() * each(WHOLE)
    }

    /// The accelerators that one more task gets: the lowest that serve it; for a part of one, that of which the least is free.
    pub(crate) fn choose(&self, need: &Need, serving: DeviceSet) -> DeviceSet {
        match need.share() {
            None => lowest(self.devices() & serving, need.device_count()),
            Some(share) => self.best_part(share, serving).map_or(0, |(_, bit)| bit),
        }
    }

    /// Takes a task in. A node with less than it gave away is simply full.
    pub(crate) fn take(&mut self, seat: &Seat) {
        match seat.need.share() {
            None => self.busy |= seat.devices,
            Some(share) => self.parts.take(seat.devices, share.thousandths()),
        }
        self.cores.give(seat.need.cores);
        self.memory.give(seat.need.memory);
    }

    /// Undoes [`Room::take`].
    pub(crate) fn give_back(&mut self, seat: &Seat) {
        match seat.need.share() {
            None => self.busy &= !seat.devices,
            Some(share) => self.parts.give_back(seat.devices, share.thousandths()),
        }
        self.cores.take_back(seat.need.cores);
        self.memory.take_back(seat.need.memory);
    }

    /// Holds a place for a task, whoever is on it yet.
    pub(crate) fn hold(&mut self, seat: &Seat) {
        match seat.need.share() {
            None => self.held |= seat.devices,
            Some(share) => self.parts.hold(seat.devices, share.thousandths()),
        }
        self.cores.give(seat.need.cores);
        self.memory.give(seat.need.memory);
    }

    /// Undoes [`Room::hold`].
    pub(crate) fn release(&mut self, seat: &Seat) {
        match seat.need.share() {
            None => self.held &= !seat.devices,
            Some(share) => self.parts.release(seat.devices, share.thousandths()),
        }
        self.cores.take_back(seat.need.cores);
        self.memory.take_back(seat.need.memory);
    }
}

fn lowest(from: DeviceSet, count: u32) -> DeviceSet {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    bits(from).take(count).fold(0, |chosen, bit| chosen | bit)
}

/// Every node with nothing on it.
pub(crate) fn empty_rooms(nodes: &Nodes) -> Vec<Room> {
    nodes.iter().map(|node| Room::of(nodes, node)).collect()
}

impl Seat {
    /// The place of an assignment; `None` where its node is not in the snapshot.
    pub(crate) fn of(nodes: &Nodes, spec: &JobSpec, variant: u32, assignment: &Assignment) -> Option<Self> {
        let node = nodes.find(&assignment.node)?;
        let layout = nodes.get(node).and_then(|node| nodes.layout_of(node));
        let need = Need::of_rank(spec, variant, assignment.rank).unwrap_or(Need {
            cores: 0,
            memory: 0,
            devices: None,
        });
        let bits = assignment.devices.iter().filter_map(|index| layout?.bit(*index));
        let devices = bits.fold(0, |set, bit| set | bit);
        let watts = nodes.watts(node, &need);
        Some(Self { rank: assignment.rank.0, node, need, devices, watts })
    }

    /// All places of a gang in one of its variants that are in the snapshot.
    pub(crate) fn all(nodes: &Nodes, spec: &JobSpec, variant: u32, assignments: &[Assignment]) -> Vec<Self> {
        assignments.iter().filter_map(|assignment| Self::of(nodes, spec, variant, assignment)).collect()
    }

    /// As others say it; `None` where its node is not in the snapshot.
    pub(crate) fn assignment(&self, nodes: &Nodes) -> Option<Assignment> {
        let node = nodes.get(self.node)?;
        let devices = nodes.layout_of(node).map_or_else(Vec::new, |layout| layout.indexes(self.devices));
        let share = self.need.share().filter(|_| !devices.is_empty());
        Some(Assignment { rank: Rank(self.rank), node: node.name.clone(), devices, share })
    }

    /// All that some take.
    pub(crate) fn amounts_of<'a>(seats: impl IntoIterator<Item = &'a Self>) -> Amounts {
        let mut amounts = Amounts::default();
        for seat in seats {
            amounts.add_tasks(1, seat.need.cores, seat.need.memory);
            if let Some(need) = seat.need.devices {
                amounts.add(Resource::Devices(need.class), seat.thousandths().0);
            }
        }
        amounts
    }

    /// The accelerators it takes, in thousandths.
    pub(crate) fn thousandths(&self) -> MilliDevices {
        let each = self.need.share().map_or(WHOLE, DeviceShare::thousandths);
        MilliDevices(u64::from(self.devices.count_ones()) * u64::from(each))
    }
}
