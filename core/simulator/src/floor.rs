//! Who holds what on each node, as the simulation knows it whatever a policy believes: a start that takes what is not there is seen
//! here. It must not know why a job got its place.

/// What a job holds of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The node, by position.
    pub(crate) node: u32,
    /// How many of its accelerators.
    pub(crate) devices: u32,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    all: u32,
    free: u32,
    up: bool,
}

/// All nodes.
#[derive(Debug)]
pub(crate) struct Floor {
    nodes: Vec<Node>,
    /// Accelerators of nodes that are there and free, and those of them on nodes that are partly taken.
    free: u64,
    beside: u64,
    busy: u64,
}

impl Floor {
    /// Nodes with this many accelerators each, all free.
    pub(crate) fn new(devices: &[u32]) -> Self {
        let nodes: Vec<Node> =
            devices.iter().map(|&devices| Node { all: devices, free: devices, up: true }).collect();
        let free = nodes.iter().map(|node| u64::from(node.all)).sum();
        Self { nodes, free, beside: 0, busy: 0 }
    }

    /// Accelerators that are held.
    pub(crate) fn busy(&self) -> u64 {
        self.busy
    }

    /// Accelerators that are free on nodes that are there.
    pub(crate) fn free(&self) -> u64 {
        self.free
    }

    /// Those of them on nodes where others are held: what no job of whole nodes can have.
    pub(crate) fn beside(&self) -> u64 {
        self.beside
    }

    /// Takes places, all or none. `false` where one of them is not free.
    pub(crate) fn take(&mut self, places: &[Place]) -> bool {
        let there = |place: &Place| {
            let node = self.nodes.get(at(place.node));
            place.devices > 0 && node.is_some_and(|node| node.up && node.free >= place.devices)
        };
        // No node twice: each place was held against all that is free there.
        let once = places.windows(2).all(|two| matches!(two, [one, next] if one.node < next.node));
        if !once || !places.iter().all(there) {
            return false;
        }
        for place in places {
            self.change(place, |node| node.free -= place.devices);
        }
        true
    }

    /// Gives places back.
    pub(crate) fn give_back(&mut self, places: &[Place]) {
        for place in places {
            self.change(place, |node| node.free = (node.free + place.devices).min(node.all));
        }
    }

    /// A node fails or is there again.
    pub(crate) fn set_up(&mut self, node: u32, up: bool) {
        self.change(&Place { node, devices: 0 }, |node| node.up = up);
    }

    fn change(&mut self, place: &Place, change: impl FnOnce(&mut Node)) {
        let Some(node) = self.nodes.get_mut(at(place.node)) else { return };
        let before = node.counts();
        change(node);
        let after = node.counts();
        self.free = self.free - before.0 + after.0;
        self.beside = self.beside - before.1 + after.1;
        self.busy = self.busy - before.2 + after.2;
    }
}

impl Node {
    /// What it adds to what is free, free beside others, and held.
    fn counts(&self) -> (u64, u64, u64) {
        let free = if self.up { u64::from(self.free) } else { 0 };
        let beside = if self.free < self.all { free } else { 0 };
        (free, beside, u64::from(self.all - self.free))
    }
}

/// Where a node stands in a list of all.
pub(crate) fn at(node: u32) -> usize {
    usize::try_from(node).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(node: u32, devices: u32) -> Place {
        Place { node, devices }
    }

    #[test]
    fn places_are_taken_whole_or_not_at_all() {
        let mut floor = Floor::new(&[8, 8]);
        assert!(floor.take(&[place(0, 8), place(1, 2)]));
        assert_eq!((floor.busy(), floor.free(), floor.beside()), (10, 6, 6));
        for refused in [
            &[place(1, 7)][..],
            &[place(1, 3), place(1, 3)],
            &[place(0, 1), place(1, 1)],
            &[place(2, 1)],
            &[place(1, 0)],
        ] {
            assert!(!floor.take(refused), "{refused:?}");
            assert_eq!((floor.busy(), floor.free(), floor.beside()), (10, 6, 6));
        }
        floor.set_up(1, false);
        assert!(!floor.take(&[place(1, 1)]));
        assert_eq!((floor.busy(), floor.free()), (10, 0));
        floor.give_back(&[place(0, 8), place(1, 2)]);
        floor.set_up(1, true);
        assert_eq!((floor.busy(), floor.free(), floor.beside()), (0, 16, 0));
    }
}
