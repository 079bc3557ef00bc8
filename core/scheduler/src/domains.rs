//! The tree that nodes stand in, as their places say. It must not know what is free.

use std::collections::BTreeMap;

use holdfast_types::{DomainName, TopologyLevel};

use crate::nodes::Nodes;

/// The tree: the whole cluster, its domains, its nodes.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Each after the one around it, in the order of places.
    items: Vec<Item>,
    by_node: Vec<usize>,
    by_level: BTreeMap<TopologyLevel, Vec<usize>>,
}

/// A domain, a node, or the whole cluster.
#[derive(Debug)]
pub(crate) struct Item {
    /// `None` for the whole cluster.
    pub(crate) level: Option<TopologyLevel>,
    pub(crate) around: Option<usize>,
    pub(crate) inside: Vec<usize>,
    /// The position of a node.
    pub(crate) node: Option<usize>,
    name: Option<DomainName>,
}

impl Tree {
    /// The tree of some nodes.
    pub(crate) fn new(nodes: &Nodes) -> Self {
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        order.sort_by_key(|node| nodes.get(*node).map(|node| (&node.place, &node.name)));
        let mut tree = Self { by_node: vec![0; nodes.len()], ..Self::default() };
        tree.add(None, None, None);
        // The domains around the last node, the widest first.
        let mut around = vec![0];
        for node in order {
            let Some(place) = nodes.get(node).map(|node| &node.place) else { continue };
            let is_same = |item: usize, (level, name): (&TopologyLevel, &DomainName)| {
                let item = tree.items.get(item);
                item.is_some_and(|item| item.level == Some(*level) && item.name.as_ref() == Some(name))
            };
            let shared =
                around.iter().skip(1).zip(place).take_while(|(item, domain)| is_same(**item, *domain));
            let shared = shared.count();
            around.truncate(1 + shared);
            for (level, name) in place.iter().skip(shared) {
                let item = tree.add(around.last().copied(), Some(*level), Some(name.clone()));
                around.push(item);
            }
            let item = tree.add(around.last().copied(), Some(TopologyLevel::Node), None);
            if let (Some(slot), Some(item_of)) = (tree.by_node.get_mut(node), tree.items.get_mut(item)) {
                (*slot, item_of.node) = (item, Some(node));
            }
        }
        tree
    }

    /// Everything, what is around before what is inside.
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// One of them.
    pub(crate) fn get(&self, item: usize) -> Option<&Item> {
        self.items.get(item)
    }

    /// The item of a node.
    pub(crate) fn of(&self, node: usize) -> Option<usize> {
        self.by_node.get(node).copied()
    }

    /// All of a level, or the whole cluster.
    pub(crate) fn at(&self, level: Option<TopologyLevel>) -> &[usize] {
        match level {
            None => &[0],
            Some(level) => self.by_level.get(&level).map_or(&[], Vec::as_slice),
        }
    }

    /// What is around an item, from itself to the whole cluster.
    pub(crate) fn way_up(&self, item: usize) -> impl Iterator<Item = (usize, &Item)> {
        let with_number = |item: usize| Some((item, self.get(item)?));
        std::iter::successors(with_number(item), move |(_, item)| with_number(item.around?))
    }

    /// The nodes inside, in the order of places.
    pub(crate) fn nodes_in(&self, item: usize) -> Vec<usize> {
        let Some(found) = self.get(item) else { return Vec::new() };
        match found.node {
            Some(node) => vec![node],
            None => found.inside.iter().flat_map(|item| self.nodes_in(*item)).collect(),
        }
    }

    /// A domain as people write it, with those around it: `row-a/r1`.
    pub(crate) fn name(&self, item: usize) -> String {
        let mut names: Vec<&str> =
            self.way_up(item).filter_map(|(_, item)| Some(item.name.as_ref()?.as_str())).collect();
        names.reverse();
        names.join("/")
    }

    fn add(
        &mut self,
        around: Option<usize>,
        level: Option<TopologyLevel>,
        name: Option<DomainName>,
    ) -> usize {
        let number = self.items.len();
        self.items.push(Item { level, around, inside: Vec::new(), node: None, name });
        if let Some(around) = around.and_then(|around| self.items.get_mut(around)) {
            around.inside.push(number);
        }
        if let Some(level) = level {
            self.by_level.entry(level).or_default().push(number);
        }
        number
    }
}
