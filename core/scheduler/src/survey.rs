//! Looks at every node for one task of a group: which filter removes it, and how near it came. It must not know queues
//! nor sentences.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::{DeviceShare, JobName, Jurisdiction, NodeName};

use crate::catalog::{Class, Member, Shape, in_jurisdictions};
use crate::explanation::{MAX_EXPLAINED_NODES, WaterfallStep};
use crate::lack::{Filter, Lack};
use crate::need::{DeviceNeed, Need};
use crate::nodes::{DeviceSet, Layout, Node, Nodes};
use crate::power::Power;
use crate::reserved::Reserved;
use crate::room::Room;
use crate::snapshot::{DeviceView, Schedulable, Verdicts};

/// What every node said to one task of a group.
#[derive(Debug)]
pub(crate) struct Survey<'a> {
    pub(crate) need: Need,
    pub(crate) nodes: u32,
    pub(crate) lacks: BTreeMap<Lack<'a>, u32>,
    /// Among the nodes the job may use, the most accelerators that serve, free or not, and the first such node.
    pub(crate) most_serving: Option<(u32, &'a NodeName)>,
    /// Among the nodes that reached the last filter, the most free accelerators that serve, and the first such node; for a part of one,
    /// the most thousandths that are free of one.
    pub(crate) largest_free: Option<(u32, &'a NodeName)>,
    /// How many tasks of the group have room now, up to its count.
    pub(crate) slots: u32,
    /// The most that one of them draws.
    pub(crate) watts: u64,
    pub(crate) per_node: BTreeMap<NodeName, String>,
}

/// Where to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) nodes: &'a Nodes,
    /// What is free for the job on each node, with what is held for others that go first; and what would be if nothing ran.
    pub(crate) rooms: &'a [Room],
    pub(crate) idle: &'a [Room],
    /// What is kept for whom.
    pub(crate) reserved: &'a Reserved,
    /// What is drawn.
    pub(crate) power: &'a Power,
    /// For whom places are held on a node.
    pub(crate) holders: &'a BTreeMap<usize, &'a JobName>,
}

impl<'a> Survey<'a> {
    /// Looks at every node for the tasks of one group.
    pub(crate) fn take(site: Site<'a>, class: &'a Class, member: Member, shape: &Shape) -> Self {
        let mut survey = Self {
            need: shape.need,
            nodes: 0,
            lacks: BTreeMap::new(),
            most_serving: None,
            largest_free: None,
            slots: 0,
            watts: 0,
            per_node: BTreeMap::new(),
        };
        for (position, node) in site.nodes.iter().enumerate() {
            survey.look(site, class, member.count, (position, node, shape.serving(node.layout)));
        }
        survey
    }

    /// How many nodes each filter leaves, and what it removes.
    pub(crate) fn waterfall(&self, asked: &BTreeSet<Jurisdiction>) -> Vec<WaterfallStep> {
        let mut remaining = self.nodes;
        let mut steps = vec![WaterfallStep { filter: String::from("nodes"), remaining, removed: Vec::new() }];
        for filter in Filter::ALL {
            let mut removed = Vec::new();
            for (lack, count) in self.lacks.iter().filter(|(lack, _)| lack.filter() == filter) {
                removed.push((lack.reason(&self.need, asked), *count));
                remaining = remaining.saturating_sub(*count);
            }
            // Only of who has tasks elsewhere.
            if filter == Filter::Nearness && removed.is_empty() {
                continue;
            }
            steps.push(WaterfallStep { filter: filter.as_str().to_owned(), remaining, removed });
        }
        steps
    }

    /// How many nodes reach a filter.
    pub(crate) fn reaching(&self, filter: Filter) -> u32 {
        let before = self.lacks.iter().filter(|(lack, _)| lack.filter() < filter);
        self.nodes.saturating_sub(before.map(|(_, count)| *count).sum())
    }

    /// The filter that removes the last node; `None` where nodes are left.
    pub(crate) fn emptied_by(&self) -> Option<Filter> {
        let removed: u32 = self.lacks.values().sum();
        let last = self.lacks.keys().map(|lack| lack.filter()).max();
        if removed == self.nodes { last } else { None }
    }

    fn look(
        &mut self,
        site: Site<'a>,
        class: &'a Class,
        tasks: u32,
        (position, node, serving): (usize, &'a Node, DeviceSet),
    ) {
        let (asked, need, name) = (&class.spec.jurisdictions, self.need, &node.name);
        let at = |rooms: &[Room]| rooms.get(position).cloned().unwrap_or_else(Room::none);
        let room = at(site.rooms);
        let holder = || site.holders.get(&position).filter(|_| !at(site.idle).fits(&need, serving));
        let free = match need.share() {
            None => (room.devices() & serving).count_ones(),
            Some(_) => room.most_free(serving),
        };
        let keeper = || {
            let number = site.reserved.keeper(&class.bounds, position)?;
            site.reserved.name(number).map(|name| (Lack::Reserved(name), 0))
        };
        let apart = || {
            let beside = class.bounds.beside()?;
            (!site.nodes.is_beside(position, beside)).then_some((Lack::Apart(beside), 0))
        };
        let lack = legal_lack(asked, &class.verdicts, node)
            .or_else(keeper)
            .or_else(apart)
            .or_else(|| {
                keep_most(&mut self.most_serving, serving.count_ones(), name);
                own_lack(&need, node, site.nodes.layout_of(node))
            })
            .or_else(|| holder().map(|job| (Lack::Held(job), 0)))
            .or_else(|| {
                keep_most(&mut self.largest_free, free, name);
                free_lack(&need, &room, free)
            })
            .or_else(|| {
                let watts = site.nodes.watts(position, &need);
                self.watts = self.watts.max(watts);
                let cap = site.power.too_low(&class.bounds, position, watts)?;
                Some((Lack::Power(site.reserved.name(cap)?), site.power.left(cap).0))
            });
        self.nodes += 1;
        match lack {
            Some((lack, _)) => *self.lacks.entry(lack).or_default() += 1,
            None => self.slots = self.slots.saturating_add(room.slots(&need, serving, tasks)).min(tasks),
        }
        if self.per_node.len() < MAX_EXPLAINED_NODES {
            let text = match lack {
                Some((lack, has)) => {
                    format!("{}: {}", lack.filter().as_str(), lack.detail(&need, asked, has))
                }
                None => String::from("has room for a task"),
            };
            self.per_node.insert(name.clone(), text);
        }
    }
}

fn keep_most<'a>(most: &mut Option<(u32, &'a NodeName)>, number: u32, name: &'a NodeName) {
    if most.is_none_or(|(known, _)| number > known) {
        *most = Some((number, name));
    }
}

/// A lack and how much the node has of what it lacks.
type Found<'a> = Option<(Lack<'a>, u64)>;

/// Why the job may not use a node, whatever the node has.
fn legal_lack<'a>(asked: &BTreeSet<Jurisdiction>, verdicts: &'a Verdicts, node: &Node) -> Found<'a> {
    if !in_jurisdictions(asked, &node.jurisdiction) {
        return Some((Lack::Jurisdiction, 0));
    }
    if let Some(rule) = verdicts.denied_by(&node.name) {
        return Some((Lack::Law(rule), 0));
    }
    match node.schedulable {
        Schedulable::Yes => None,
        Schedulable::No(phase) => Some((Lack::Phase(phase), 0)),
    }
}

/// What a node would lack even if nothing ran on it.
fn own_lack<'a>(need: &Need, node: &Node, layout: Option<&Layout>) -> Found<'a> {
    let devices = need.devices.as_ref().and_then(|devices| device_lack(devices, layout?));
    devices
        .or_else(|| (node.cores < need.cores).then_some((Lack::Cores, node.cores)))
        .or_else(|| (node.memory < need.memory).then_some((Lack::Memory, node.memory)))
}

fn device_lack<'a>(need: &DeviceNeed, layout: &Layout) -> Found<'a> {
    let of_class = |device: &DeviceView| device.class == need.class;
    let healthy = |device: &DeviceView| of_class(device) && device.healthy;
    let large = |device: &DeviceView| healthy(device) && need.brings(device) >= need.memory;
    let able = |device: &DeviceView| large(device) && need.computes_on(device);
    let short = |lack: Lack<'a>, set: DeviceSet| {
        (set.count_ones() < need.count).then_some((lack, u64::from(set.count_ones())))
    };
    short(Lack::Devices, layout.select(of_class))
        .or_else(|| short(Lack::HealthyDevices, layout.select(healthy)))
        .or_else(|| short(Lack::DeviceMemory, layout.select(large)))
        .or_else(|| short(Lack::Precision, layout.select(able)))
}

fn free_lack<'a>(need: &Need, room: &Room, free_devices: u32) -> Found<'a> {
    if free_devices < need.share().map_or(need.device_count(), DeviceShare::thousandths) {
        Some((Lack::FreeDevices, u64::from(free_devices)))
    } else if room.cores() < need.cores {
        Some((Lack::FreeCores, room.cores()))
    } else if room.memory() < need.memory {
        Some((Lack::FreeMemory, room.memory()))
    } else {
        None
    }
}
