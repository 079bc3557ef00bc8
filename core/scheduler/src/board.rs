//! Places tasks on nodes, best fit first, and takes them back. It must not know queues, order or why.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::catalog::{Catalog, Class, Ground, Member, Shape};
use crate::need::Need;
use crate::nodes::{DeviceSet, Nodes};
use crate::room::{Charge, Room};

/// What is free while a plan is made, and for each shape the nodes in the order it would take them.
#[derive(Debug)]
pub(crate) struct Board<'a> {
    nodes: &'a Nodes<'a>,
    rooms: Vec<Room>,
    closed: Vec<bool>,
    /// The nodes whose room changed, in order; each shape reads on from where it stopped.
    changes: Vec<usize>,
    candidates: Vec<Option<Candidates>>,
}

/// The place of one task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    pub(crate) rank: u32,
    pub(crate) node: usize,
    pub(crate) devices: DeviceSet,
    need: Need,
}

impl Seat {
    /// What it takes of its node.
    pub(crate) fn charge(&self) -> Charge {
        Charge { node: self.node, need: self.need, devices: self.devices }
    }
}

/// Best fit: the fewest free accelerators, then the least free processor share, then the first name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    devices: u32,
    cores: u64,
    node: usize,
}

/// Nodes for one shape. Every node that fits has an entry with its present fit; entries of the past are dropped when
/// they come up.
#[derive(Debug)]
struct Candidates {
    heap: BinaryHeap<Reverse<Fit>>,
    seen: usize,
}

impl<'a> Board<'a> {
    /// A board where `closed` nodes take nothing.
    pub(crate) fn new(nodes: &'a Nodes<'a>, rooms: Vec<Room>, closed: Vec<bool>) -> Self {
        Self { nodes, rooms, closed, changes: Vec::new(), candidates: Vec::new() }
    }

    /// What is free on the node at a position.
    pub(crate) fn room(&self, node: usize) -> Option<&Room> {
        self.rooms.get(node)
    }

    /// Whether a node takes nothing.
    pub(crate) fn is_closed(&self, node: usize) -> bool {
        self.closed.get(node).copied().unwrap_or(true)
    }

    /// The nodes that take nothing.
    pub(crate) fn all_closed(&self) -> &[bool] {
        &self.closed
    }

    /// Lets a node take nothing from now on.
    pub(crate) fn close(&mut self, node: usize) {
        if let Some(closed) = self.closed.get_mut(node) {
            *closed = true;
        }
    }

    /// Drops the candidates of a shape; they are found again if it comes up again.
    pub(crate) fn forget(&mut self, shape: usize) {
        if let Some(candidates) = self.candidates.get_mut(shape) {
            *candidates = None;
        }
    }

    /// Places a whole gang, or leaves everything as it was. Ranks are placed in order; where that leaves a group without
    /// room, the groups that need most go first.
    pub(crate) fn place(&mut self, catalog: &Catalog<'_>, class: &Class<'_>) -> Option<Vec<Seat>> {
        self.candidates.resize_with(catalog.shape_count(), || None);
        if let Some(seats) = self.place_in_order(catalog, &class.members) {
            return Some(seats);
        }
        if class.members.len() < 2 {
            return None;
        }
        let mut members = class.members.clone();
        members.sort_by_key(|member| {
            let need = catalog.shape(member.shape).map(|(shape, _)| shape.need);
            Reverse(need.map(|need| (need.device_count(), need.cores, need.memory)))
        });
        let mut seats = self.place_in_order(catalog, &members)?;
        seats.sort_unstable_by_key(|seat| seat.rank);
        Some(seats)
    }

    /// Takes a gang back.
    pub(crate) fn take_back(&mut self, seats: &[Seat]) {
        for seat in seats {
            if let Some(room) = self.rooms.get_mut(seat.node) {
                room.give_back(&seat.need, seat.devices);
                self.changes.push(seat.node);
            }
        }
    }

    fn place_in_order(&mut self, catalog: &Catalog<'_>, members: &[Member]) -> Option<Vec<Seat>> {
        let mut seats = Vec::new();
        for member in members {
            for rank in member.first_rank..member.first_rank.saturating_add(member.count) {
                match self.seat(catalog, member.shape, rank) {
                    Some(seat) => seats.push(seat),
                    None => {
                        self.take_back(&seats);
                        return None;
                    }
                }
            }
        }
        Some(seats)
    }

    fn seat(&mut self, catalog: &Catalog<'_>, shape: usize, rank: u32) -> Option<Seat> {
        let node = self.best(catalog, shape)?;
        let (shape, _) = catalog.shape(shape)?;
        let layout = self.nodes.get(node)?.layout;
        let room = self.rooms.get_mut(node)?;
        let devices = room.take(&shape.need, shape.serving(layout));
        self.changes.push(node);
        Some(Seat { rank, node, devices, need: shape.need })
    }

    fn best(&mut self, catalog: &Catalog<'_>, number: usize) -> Option<usize> {
        let (shape, ground) = catalog.shape(number)?;
        // Taken out while it is worked on, so that the board can be asked meanwhile.
        let mut candidates = match self.candidates.get_mut(number)?.take() {
            Some(known) => self.caught_up(known, shape, ground),
            None => self.fresh(shape, ground),
        };
        let mut best = None;
        while let Some(Reverse(fit)) = candidates.heap.peek() {
            if self.fit(fit.node, shape, ground) == Some(*fit) {
                best = Some(fit.node);
                break;
            }
            candidates.heap.pop();
        }
        *self.candidates.get_mut(number)? = Some(candidates);
        best
    }

    fn fresh(&self, shape: &Shape, ground: &Ground) -> Candidates {
        let fits = (0..self.nodes.len()).filter_map(|node| self.fit(node, shape, ground));
        Candidates { heap: fits.map(Reverse).collect(), seen: self.changes.len() }
    }

    fn caught_up(&self, mut candidates: Candidates, shape: &Shape, ground: &Ground) -> Candidates {
        let missed = self.changes.get(candidates.seen..).unwrap_or(&[]);
        // Reading every node once is cheaper than reading more changes than there are nodes, and it sheds old entries.
        let worn = missed.len() > self.nodes.len() || candidates.heap.len() > 4 * self.nodes.len() + 64;
        if worn {
            return self.fresh(shape, ground);
        }
        for node in missed {
            if let Some(fit) = self.fit(*node, shape, ground) {
                candidates.heap.push(Reverse(fit));
            }
        }
        candidates.seen = self.changes.len();
        candidates
    }

    /// How well one more task fits on a node; `None` where it does not.
    fn fit(&self, node: usize, shape: &Shape, ground: &Ground) -> Option<Fit> {
        if !ground.allows(node) || self.is_closed(node) {
            return None;
        }
        let room = self.rooms.get(node)?;
        let layout = self.nodes.get(node)?.layout;
        let fits = room.fits(&shape.need, shape.serving(layout));
        fits.then(|| Fit { devices: room.devices.count_ones(), cores: room.cores, node })
    }
}
