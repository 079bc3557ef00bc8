//! The nodes of a snapshot in the order of their names, addressed by position. Nodes with equal accelerators share a
//! layout, so that what depends on accelerators alone is worked out once. It must not know what is in use.

use std::collections::BTreeMap;

use holdfast_types::{
    Amounts, DeviceClass, DeviceIndex, Jurisdiction, MilliDevices, Millicores, NodeName, Place, Resource,
    TopologyLevel, Watts,
};

use crate::need::Need;
use crate::snapshot::{Beside, DeviceView, NodeView, Schedulable};

/// The most accelerators of one node that are planned with: the bits of the set that says which are free.
pub const MAX_DEVICES_PER_NODE: usize = 128;

/// A set of accelerators of one node: bit `n` is the n-th by index.
pub(crate) type DeviceSet = u128;

/// The nodes of a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    list: Vec<Node>,
    layouts: Vec<Layout>,
    devices: u64,
}

/// A node and the layout of its accelerators.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: NodeName,
    pub(crate) jurisdiction: Jurisdiction,
    pub(crate) place: Place,
    pub(crate) schedulable: Schedulable,
    pub(crate) cores: u64,
    pub(crate) memory: u64,
    pub(crate) layout: usize,
}

/// Accelerators in the order of their index.
#[derive(Debug)]
pub(crate) struct Layout(Vec<DeviceView>);

impl Nodes {
    /// Whether a node stands in a domain that another one stands in.
    pub(crate) fn is_beside(&self, node: usize, beside: &Beside) -> bool {
        let Some((node, other)) =
            self.get(node).zip(self.find(&beside.node).and_then(|other| self.get(other)))
        else {
            return false;
        };
        let is_known = beside.level != TopologyLevel::Node && node.place.contains_key(&beside.level);
        node.name == other.name
            || (is_known && node.place.range(..=beside.level).eq(other.place.range(..=beside.level)))
    }

    /// Sorts the nodes. Of two of one name the first by value counts, whatever the order they came in.
    pub(crate) fn new(views: &[NodeView]) -> Self {
        let mut sorted: Vec<&NodeView> = views.iter().collect();
        sorted.sort_unstable();
        sorted.dedup_by(|later, earlier| later.name == earlier.name);
        let mut known: BTreeMap<Vec<&DeviceView>, usize> = BTreeMap::new();
        let mut layouts = Vec::new();
        let mut list = Vec::with_capacity(sorted.len());
        for view in sorted {
            let layout = *known.entry(devices_in_order(view)).or_insert_with_key(|devices| {
                layouts.push(Layout(devices.iter().copied().cloned().collect()));
                layouts.len() - 1
            });
            list.push(Node {
                name: view.name.clone(),
                jurisdiction: view.jurisdiction.clone(),
                place: view.place.clone(),
                schedulable: view.schedulable,
                cores: view.cores.0,
                memory: view.memory.0,
                layout,
            });
        }
        let devices = list.iter().filter_map(|node: &Node| layouts.get(node.layout)).map(Layout::len).sum();
        Self { list, layouts, devices }
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// In the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.list.iter()
    }

    /// The node at a position.
    pub(crate) fn get(&self, position: usize) -> Option<&Node> {
        self.list.get(position)
    }

    /// The position of a name.
    pub(crate) fn find(&self, name: &NodeName) -> Option<usize> {
        self.list.binary_search_by(|node| node.name.cmp(name)).ok()
    }

    /// A node takes work from now on, or none.
    pub(crate) fn set(&mut self, position: usize, schedulable: Schedulable) {
        if let Some(node) = self.list.get_mut(position) {
            node.schedulable = schedulable;
        }
    }

    /// The most that a task draws on a node, whichever of its accelerators it gets.
    pub(crate) fn watts(&self, position: usize, need: &Need) -> u64 {
        let layout = self.get(position).and_then(|node| self.layout_of(node));
        layout.map_or(0, |layout| layout.watts(need))
    }

    /// The same on whichever node.
    pub(crate) fn most_watts(&self, need: &Need) -> u64 {
        self.layouts.iter().map(|layout| layout.watts(need)).max().unwrap_or(0)
    }

    /// Every layout.
    pub(crate) fn layouts(&self) -> impl Iterator<Item = &Layout> {
        self.layouts.iter()
    }

    /// The accelerators of a node.
    pub(crate) fn layout_of(&self, node: &Node) -> Option<&Layout> {
        self.layouts.get(node.layout)
    }

    /// How many accelerators all nodes have together.
    pub(crate) fn devices(&self) -> u64 {
        self.devices
    }

    /// All that all nodes have together, whether or not they take work.
    pub(crate) fn amounts(&self) -> Amounts {
        let mut amounts = Amounts::default();
        for node in &self.list {
            amounts.add_tasks(1, node.cores, node.memory);
            for device in self.layout_of(node).into_iter().flat_map(Layout::iter) {
                amounts.add(Resource::Devices(device.class), MilliDevices::whole(1).0);
            }
        }
        amounts
    }

    /// The most accelerators of one node.
    pub(crate) fn most_devices(&self) -> u64 {
        self.layouts.iter().map(Layout::len).max().unwrap_or(0)
    }
}

impl Node {
    /// Whether it takes new work.
    pub(crate) fn is_open(&self) -> bool {
        match self.schedulable {
            Schedulable::Yes => true,
            Schedulable::No(_) => false,
        }
    }
}

impl Layout {
    /// How many accelerators.
    fn len(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    /// The accelerators, in order.
    fn iter(&self) -> impl Iterator<Item = &DeviceView> {
        self.0.iter()
    }

    /// The classes of those that may be given to a task.
    pub(crate) fn healthy_classes(&self) -> impl Iterator<Item = DeviceClass> {
        self.iter().filter(|device| device.healthy).map(|device| device.class)
    }

    /// The most that a task draws with accelerators of these.
    fn watts(&self, need: &Need) -> u64 {
        let serving =
            self.iter().filter(|device| need.devices.is_some_and(|asks| asks.class == device.class));
        let each = serving.map(|device| u64::from(device.watts)).max().unwrap_or(0);
        Watts::of_task(Millicores(need.cores), need.thousandths(), each).0
    }

    /// The accelerators a test accepts.
    pub(crate) fn select(&self, accepts: impl Fn(&DeviceView) -> bool) -> DeviceSet {
        let bits = self.0.iter().enumerate().filter(|(_, device)| accepts(device));
        bits.fold(0, |set, (bit, _)| set | (1 << bit))
    }

    /// The accelerators that serve a task.
    pub(crate) fn serving(&self, need: &Need) -> DeviceSet {
        self.select(|device| need.accepts(device))
    }

    /// The bit of an index, as a set of one.
    pub(crate) fn bit(&self, index: DeviceIndex) -> Option<DeviceSet> {
        let position = self.0.binary_search_by_key(&index, |device| device.index).ok()?;
        Some(1 << position)
    }

    /// The indexes of a set, ascending.
    pub(crate) fn indexes(&self, set: DeviceSet) -> Vec<DeviceIndex> {
        if set == 0 {
            return Vec::new();
        }
        let chosen = self.0.iter().enumerate().filter(|(bit, _)| set & (1 << bit) != 0);
        chosen.map(|(_, device)| device.index).collect()
    }
}

fn devices_in_order(view: &NodeView) -> Vec<&DeviceView> {
    let mut devices: Vec<&DeviceView> = view.devices.iter().collect();
    devices.sort_unstable();
    devices.dedup_by_key(|device| device.index);
    devices.truncate(MAX_DEVICES_PER_NODE);
    devices
}
