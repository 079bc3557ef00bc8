//! Nodes in the order of what is free on them, for the baselines: whole nodes for what a gang has of them, the best fit for the
//! rest. It must not know jobs.

use std::collections::{BTreeMap, BTreeSet};

use crate::floor::{Place, at};

/// Nodes by what is free on them.
#[derive(Debug)]
pub(crate) struct Fits {
    free: Vec<u32>,
    up: Vec<bool>,
    /// The nodes that are there, by how many accelerators are free; of equal ones the first is taken.
    by_free: BTreeMap<u32, BTreeSet<u32>>,
    /// The most accelerators of one node: the size of a whole one.
    whole: u32,
    total: u64,
}

impl Fits {
    /// Nodes with this many accelerators each, all free.
    pub(crate) fn new(devices: &[u32]) -> Self {
        let mut by_free: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (node, free) in (0..).zip(devices) {
            by_free.entry(*free).or_default().insert(node);
        }
        let whole = whole_node(devices);
        let total = devices.iter().map(|&devices| u64::from(devices)).sum();
        Self { free: devices.to_vec(), up: vec![true; devices.len()], by_free, whole, total }
    }

    /// How many accelerators are free on nodes that are there.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many are free on a node that is there.
    pub(crate) fn free(&self, node: u32) -> Option<u32> {
        self.there(node)
    }

    /// Takes places for a gang, or nothing where it does not fit.
    pub(crate) fn take(&mut self, devices: u32) -> Option<Vec<Place>> {
        let (whole, rest) = (devices / self.whole, devices % self.whole);
        let count = usize::try_from(whole).unwrap_or(usize::MAX);
        let empty = self.by_free.get(&self.whole);
        if empty.map_or(0, BTreeSet::len) < count {
            return None;
        }
        let mut nodes: Vec<(u32, u32)> =
            empty.into_iter().flatten().take(count).map(|&node| (node, self.whole)).collect();
        if rest > 0 {
            let fitting = self.by_free.range(rest..).flat_map(|(_, nodes)| nodes);
            // A whole node that is taken already has its place in the same set, before the next free one.
            let node = fitting.copied().find(|node| !nodes.iter().any(|(taken, _)| taken == node))?;
            nodes.push((node, rest));
        }
        let mut places: Vec<Place> =
            nodes.into_iter().map(|(node, devices)| Place { node, devices }).collect();
        places.sort_unstable();
        for place in &places {
            self.set(place.node, |free| free - place.devices);
        }
        Some(places)
    }

    /// Gives places back.
    pub(crate) fn give_back(&mut self, places: &[Place]) {
        for place in places {
            self.set(place.node, |free| free + place.devices);
        }
    }

    /// A node fails or is there again.
    pub(crate) fn set_up(&mut self, node: u32, up: bool) {
        let Some(was) = self.up.get(at(node)).copied() else { return };
        if was == up {
            return;
        }
        self.leave(node);
        if let Some(slot) = self.up.get_mut(at(node)) {
            *slot = up;
        }
        self.enter(node);
    }

    fn set(&mut self, node: u32, change: impl FnOnce(u32) -> u32) {
        self.leave(node);
        if let Some(free) = self.free.get_mut(at(node)) {
            *free = change(*free);
        }
        self.enter(node);
    }

    fn there(&self, node: u32) -> Option<u32> {
        let up = self.up.get(at(node)).copied().unwrap_or(false);
        self.free.get(at(node)).copied().filter(|_| up)
    }

    fn leave(&mut self, node: u32) {
        let Some(free) = self.there(node) else { return };
        self.total -= u64::from(free);
        if let Some(nodes) = self.by_free.get_mut(&free) {
            nodes.remove(&node);
        }
    }

    fn enter(&mut self, node: u32) {
        let Some(free) = self.there(node) else { return };
        self.total += u64::from(free);
        self.by_free.entry(free).or_default().insert(node);
    }
}

/// How many accelerators a whole node has: the largest one. What a gang has of them is whole nodes, the rest goes beside others.
pub(crate) fn whole_node(devices: &[u32]) -> u32 {
    devices.iter().copied().max().unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gangs_get_whole_nodes_and_the_best_fit_for_the_rest() {
        let mut fits = Fits::new(&[8, 8, 8]);
        let place = |node, devices| Place { node, devices };
        assert_eq!(fits.take(2), Some(vec![place(0, 2)]));
        assert_eq!(fits.take(12), Some(vec![place(0, 4), place(1, 8)]));
        assert_eq!(fits.take(16), None);
        fits.give_back(&[place(0, 4), place(1, 8)]);
        fits.set_up(2, false);
        assert_eq!((fits.take(16), fits.total()), (None, 14));
        fits.set_up(2, true);
        assert_eq!(fits.take(23), None, "no node has room for the rest");
        assert_eq!(fits.take(22), Some(vec![place(0, 6), place(1, 8), place(2, 8)]));
        assert_eq!(fits.total(), 0);
    }
}
