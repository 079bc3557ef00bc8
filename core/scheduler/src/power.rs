//! What the jobs on capped nodes draw together. It must not know when a cap holds, nor for whom.

use crate::reserved::{Bounds, Reserved};
use crate::room::Seat;

/// The caps, and what is drawn below each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Power {
    caps: Vec<Cap>,
    /// The caps of each node, by position; empty where there is none at all.
    of_node: Vec<Vec<usize>>,
}

#[derive(Debug, Clone)]
struct Cap {
    /// The number of the reservation that says it.
    number: usize,
    limit: u64,
    drawn: u64,
    nodes: Vec<usize>,
}

impl Power {
    /// Nobody draws anything.
    pub(crate) fn new(reserved: &Reserved, nodes: usize) -> Self {
        let mut power = Self::default();
        for (number, limit, capped) in reserved.caps() {
            power.of_node.resize_with(nodes, Vec::new);
            for node in capped {
                if let Some(caps) = power.of_node.get_mut(*node) {
                    caps.push(power.caps.len());
                }
            }
            power.caps.push(Cap { number, limit, drawn: 0, nodes: capped.iter().copied().collect() });
        }
        power
    }

    /// The first cap of those that bind a job which is too low for what a task of it would draw on a node beside the others.
    pub(crate) fn too_low(&self, bounds: &Bounds, node: usize, watts: u64) -> Option<usize> {
        let of_node = self.of_node.get(node)?.iter().filter_map(|cap| self.caps.get(*cap));
        let mut low = of_node.filter(|cap| cap.drawn.saturating_add(watts) > cap.limit);
        low.find(|cap| bounds.reservations.contains(&cap.number)).map(|cap| cap.number)
    }

    /// Whether there is no cap.
    pub(crate) fn is_empty(&self) -> bool {
        self.caps.is_empty()
    }

    /// Whether a node is below a cap that binds a job.
    pub(crate) fn binds(&self, bounds: &Bounds, node: usize) -> bool {
        let mut caps = self.of_node.get(node).into_iter().flatten().filter_map(|cap| self.caps.get(*cap));
        caps.any(|cap| bounds.reservations.contains(&cap.number))
    }

    /// Whether less room can make more of a gang that draws so much: places are chosen first and held against caps then, and others where
    /// those are taken.
    pub(crate) fn is_tight(&self, bounds: &Bounds, watts: u64) -> bool {
        let mut tight = self.caps.iter().filter(|cap| cap.drawn.saturating_add(watts) > cap.limit);
        tight.any(|cap| bounds.reservations.contains(&cap.number))
    }

    /// Whether all of these tasks may draw what they do beside the others.
    pub(crate) fn admits(&self, bounds: &Bounds, seats: &[Seat]) -> bool {
        if self.caps.is_empty() {
            return true;
        }
        let mut then = self.clone();
        seats.iter().all(|seat| {
            let admits = then.too_low(bounds, seat.node, seat.watts).is_none();
            then.draw(seat);
            admits
        })
    }

    /// Whether no more is drawn than the caps allow that bind a job.
    pub(crate) fn holds(&self, bounds: &Bounds) -> bool {
        self.caps.iter().all(|cap| cap.drawn <= cap.limit || !bounds.reservations.contains(&cap.number))
    }

    /// A task draws.
    pub(crate) fn draw(&mut self, seat: &Seat) {
        for cap in self.of_node.get(seat.node).into_iter().flatten() {
            if let Some(cap) = self.caps.get_mut(*cap) {
                cap.drawn = cap.drawn.saturating_add(seat.watts);
            }
        }
    }

    /// It does no more.
    pub(crate) fn rest(&mut self, seat: &Seat) {
        for cap in self.of_node.get(seat.node).into_iter().flatten() {
            if let Some(cap) = self.caps.get_mut(*cap) {
                cap.drawn = cap.drawn.saturating_sub(seat.watts);
            }
        }
    }

    /// Whether any of these nodes is capped.
    pub(crate) fn is_capped(&self, seats: &[Seat]) -> bool {
        seats.iter().any(|seat| self.of_node.get(seat.node).is_some_and(|caps| !caps.is_empty()))
    }

    /// The nodes below the same caps as one.
    pub(crate) fn beside(&self, node: usize) -> Vec<usize> {
        let caps = self.of_node.get(node).into_iter().flatten();
        caps.filter_map(|cap| self.caps.get(*cap)).flat_map(|cap| cap.nodes.iter().copied()).collect()
    }

    /// How much more may be drawn below a cap, and how much too much is.
    pub(crate) fn left(&self, number: usize) -> (u64, u64) {
        let cap = self.caps.iter().find(|cap| cap.number == number);
        cap.map_or((0, 0), |cap| (cap.limit.saturating_sub(cap.drawn), cap.drawn.saturating_sub(cap.limit)))
    }
}
