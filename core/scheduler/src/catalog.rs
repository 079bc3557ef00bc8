//! The nodes, and what is worked out about them for the jobs that wait. Jobs that differ in nothing the planner looks at are one
//! class, and tasks that may use the same nodes for the same need are one shape: what is worked out for one is worked out for all.
//! It must not know what is free.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_types::{JobSpec, Jurisdiction, TaskGroup, TopologyRequest};

use crate::domains::Tree;
use crate::need::{Devices, Need, gang_devices};
use crate::nodes::{DeviceSet, Nodes};
use crate::reserved::{Bounds, Reserved};
use crate::snapshot::{Schedulable, Verdicts};

/// The nodes a job may use: those in the jurisdictions it asks for that the law allows and that are not kept for others.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) allowed: Vec<bool>,
    /// What binds the job.
    pub(crate) bounds: Bounds,
}

/// One need on one ground.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) need: Need,
    pub(crate) ground: usize,
    /// The accelerators that serve the need, for each layout.
    serving: Vec<DeviceSet>,
}

/// Tasks of one shape that have to be near each other.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) shape: usize,
    pub(crate) asks: TopologyRequest,
}

/// A group of a gang.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) shape: usize,
    /// How near each other its tasks have to be; `None` where nothing is asked.
    pub(crate) pattern: Option<usize>,
    pub(crate) count: u32,
    pub(crate) first_rank: u32,
}

/// Jobs that differ in nothing the planner looks at.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) spec: Arc<JobSpec>,
    /// Kept, so that no others can come to lie at their address.
    pub(crate) verdicts: Verdicts,
    /// What binds it while it would run.
    pub(crate) bounds: Bounds,
    pub(crate) members: Vec<Member>,
    /// What a whole gang needs, and the most that it draws.
    pub(crate) devices: Devices,
    pub(crate) watts: u64,
    /// The classes of the other variants it could start in, the most wanted first: each is as if a job asked for nothing else.
    pub(crate) others: Vec<usize>,
    /// How many jobs of it wait.
    jobs: usize,
}

/// The nodes with every ground, shape and class.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    nodes: Nodes,
    reserved: Reserved,
    grounds: Vec<Ground>,
    shapes: Vec<Shape>,
    patterns: Vec<Pattern>,
    classes: Vec<Class>,
    /// Made when somebody first asks how near nodes are to each other.
    tree: Tree,
    known_grounds: BTreeMap<(usize, BTreeSet<Jurisdiction>, Bounds), usize>,
    known_shapes: BTreeMap<(usize, Need), usize>,
    known_patterns: BTreeMap<(usize, TopologyRequest), usize>,
    known_classes: BTreeMap<ClassKey, usize>,
    live: usize,
}

/// So many classes that nobody is of are kept beside as many as somebody is of: they come again.
const SPARE: usize = 1_024;

impl Catalog {
    /// Nobody waits.
    pub(crate) fn new(nodes: Nodes, reserved: Reserved) -> Self {
        Self { nodes, reserved, ..Self::default() }
    }

    /// The nodes.
    pub(crate) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// What is kept for whom.
    pub(crate) fn reserved(&self) -> &Reserved {
        &self.reserved
    }

    /// A node takes work from now on, or none. Whether other nodes are kept for somebody because of it: then it is time to begin anew.
    pub(crate) fn set(&mut self, node: usize, schedulable: Schedulable) -> bool {
        self.nodes.set(node, schedulable);
        self.reserved.follow(&self.nodes)
    }

    /// The class of a job that waits from now on.
    pub(crate) fn enter(&mut self, spec: &Arc<JobSpec>, verdicts: &Verdicts, bounds: &Bounds) -> usize {
        let number = self.class_of(spec, verdicts, bounds);
        for number in self.variants(number) {
            if let Some(class) = self.classes.get_mut(number) {
                self.live += usize::from(class.jobs == 0);
                class.jobs += 1;
            }
        }
        number
    }

    /// One job fewer of a class waits.
    pub(crate) fn leave(&mut self, number: usize) {
        for number in self.variants(number) {
            if let Some(class) = self.classes.get_mut(number) {
                class.jobs = class.jobs.saturating_sub(1);
                self.live = self.live.saturating_sub(usize::from(class.jobs == 0));
            }
        }
    }

    /// A class with those of its other variants: the variant of a number is at its position.
    pub(crate) fn variants(&self, number: usize) -> impl Iterator<Item = usize> + use<> {
        // Nothing is copied where there are no others.
        let others = self.classes.get(number).map_or(Vec::new(), |class| class.others.clone());
        std::iter::once(number).chain(others)
    }

    /// Whether so many classes are of nobody that it is time to begin anew.
    pub(crate) fn is_worn(&self) -> bool {
        self.classes.len() > 2 * self.live + SPARE
    }

    /// Begins anew with the same nodes, and gives away what was.
    pub(crate) fn renewed(&mut self) -> Self {
        let new = Self::new(std::mem::take(&mut self.nodes), std::mem::take(&mut self.reserved));
        std::mem::replace(self, new)
    }

    /// The class of a number.
    pub(crate) fn class(&self, class: usize) -> Option<&Class> {
        self.classes.get(class)
    }

    /// The shape of a number and its ground.
    pub(crate) fn shape(&self, shape: usize) -> Option<(&Shape, &Ground)> {
        let shape = self.shapes.get(shape)?;
        Some((shape, self.grounds.get(shape.ground)?))
    }

    /// The pattern of a number.
    pub(crate) fn pattern(&self, pattern: usize) -> Option<&Pattern> {
        self.patterns.get(pattern)
    }

    /// How many patterns there are.
    pub(crate) fn pattern_count(&self) -> usize {
        self.patterns.len()
    }

    /// The tree that the nodes stand in; empty while no pattern asks for it.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How many shapes there are.
    pub(crate) fn shape_count(&self) -> usize {
        self.shapes.len()
    }

    fn class_of(&mut self, spec: &Arc<JobSpec>, verdicts: &Verdicts, bounds: &Bounds) -> usize {
        let key = ClassKey { verdicts: verdicts.address(), bounds: bounds.clone(), spec: Arc::clone(spec) };
        if let Some(class) = self.known_classes.get(&key) {
            return *class;
        }
        let class = self.add_class(spec, verdicts, bounds);
        self.known_classes.insert(key, class);
        class
    }

    fn add_class(&mut self, spec: &Arc<JobSpec>, verdicts: &Verdicts, bounds: &Bounds) -> usize {
        let others = (1..spec.variants())
            .map(|other| self.class_of(&Arc::new(spec.in_variant(other)), verdicts, bounds));
        let others = others.collect();
        let ground = self.ground(spec, verdicts, bounds);
        let mut first_rank = 0;
        let mut members = Vec::with_capacity(spec.groups.len());
        for group in &spec.groups {
            let shape = self.shape_of(ground, Need::of(&group.resources, spec.precision));
            let pattern = group.topology.as_ref().map(|asks| self.pattern_of(shape, asks));
            members.push(Member { shape, pattern, count: group.count, first_rank });
            first_rank += group.count;
        }
        let (spec, verdicts, devices) = (Arc::clone(spec), verdicts.clone(), gang_devices(spec, 0));
        let bounds = bounds.clone();
        let draws = |member: &Member| {
            let need = self.shapes.get(member.shape).map(|shape| shape.need);
            need.map_or(0, |need| self.nodes.most_watts(&need)).saturating_mul(u64::from(member.count))
        };
        let watts = members.iter().map(draws).fold(0, u64::saturating_add);
        self.classes.push(Class { spec, verdicts, bounds, members, devices, watts, others, jobs: 0 });
        self.classes.len() - 1
    }

    fn ground(&mut self, spec: &JobSpec, verdicts: &Verdicts, bounds: &Bounds) -> usize {
        let (grounds, nodes, reserved) = (&mut self.grounds, &self.nodes, &self.reserved);
        let key = (verdicts.address(), spec.jurisdictions.clone(), bounds.clone());
        *self.known_grounds.entry(key).or_insert_with(|| {
            let mut allowed = allowed(nodes, &spec.jurisdictions, verdicts);
            for node in reserved.nodes_of(bounds) {
                if let Some(allowed) = allowed.get_mut(node) {
                    *allowed = false;
                }
            }
            if let Some(beside) = bounds.beside() {
                for (node, allowed) in allowed.iter_mut().enumerate() {
                    *allowed &= nodes.is_beside(node, beside);
                }
            }
            grounds.push(Ground { allowed, bounds: bounds.clone() });
            grounds.len() - 1
        })
    }

    fn pattern_of(&mut self, shape: usize, asks: &TopologyRequest) -> usize {
        if self.patterns.is_empty() {
            self.tree = Tree::new(&self.nodes);
        }
        let patterns = &mut self.patterns;
        *self.known_patterns.entry((shape, asks.clone())).or_insert_with(|| {
            patterns.push(Pattern { shape, asks: asks.clone() });
            patterns.len() - 1
        })
    }

    fn shape_of(&mut self, ground: usize, need: Need) -> usize {
        let (shapes, nodes) = (&mut self.shapes, &self.nodes);
        *self.known_shapes.entry((ground, need)).or_insert_with(|| {
            let serving = nodes.layouts().map(|layout| layout.serving(&need)).collect();
            shapes.push(Shape { need, ground, serving });
            shapes.len() - 1
        })
    }
}

impl Shape {
    /// The accelerators of a layout that serve the need.
    pub(crate) fn serving(&self, layout: usize) -> DeviceSet {
        self.serving.get(layout).copied().unwrap_or(0)
    }
}

impl Ground {
    /// Whether the job may use the node at a position.
    pub(crate) fn allows(&self, node: usize) -> bool {
        self.allowed.get(node).copied().unwrap_or(false)
    }
}

/// Nodes and verdicts are both in the order of names, so one walk over the two answers for all.
fn allowed(nodes: &Nodes, asked: &BTreeSet<Jurisdiction>, verdicts: &Verdicts) -> Vec<bool> {
    let mut names = verdicts.allowed().peekable();
    let mut allowed = Vec::with_capacity(nodes.len());
    for node in nodes.iter() {
        while names.next_if(|name| **name < node.name).is_some() {}
        let by_law = names.peek().is_some_and(|name| **name == node.name);
        allowed.push(by_law && in_jurisdictions(asked, &node.jurisdiction));
    }
    allowed
}

/// Whether a jurisdiction is among those asked for; nothing asked for leaves it to the law.
pub(crate) fn in_jurisdictions(asked: &BTreeSet<Jurisdiction>, jurisdiction: &Jurisdiction) -> bool {
    asked.is_empty() || asked.contains(jurisdiction)
}

/// Compares jobs by what the planner looks at, straight from their specifications, so that finding the class of a job
/// allocates nothing.
#[derive(Debug)]
struct ClassKey {
    verdicts: usize,
    bounds: Bounds,
    spec: Arc<JobSpec>,
}

impl Ord for ClassKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (&self.spec, &other.spec);
        if Arc::ptr_eq(one, two) {
            return self.verdicts.cmp(&other.verdicts).then_with(|| self.bounds.cmp(&other.bounds));
        }
        self.verdicts
            .cmp(&other.verdicts)
            .then_with(|| self.bounds.cmp(&other.bounds))
            .then_with(|| one.groups.len().cmp(&two.groups.len()))
            .then_with(|| one.groups.iter().map(group_key).cmp(two.groups.iter().map(group_key)))
            .then_with(|| one.precision.cmp(&two.precision))
            .then_with(|| one.jurisdictions.cmp(&two.jurisdictions))
    }
}

impl PartialOrd for ClassKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ClassKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ClassKey {}

/// The name of a group is part of it because an explanation says it.
fn group_key(group: &TaskGroup) -> impl Ord + '_ {
    (group.count, Need::of(&group.resources, None), &group.topology, &group.name, &group.variants)
}
