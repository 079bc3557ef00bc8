//! Jobs that differ in nothing the planner looks at are one class, and tasks that may use the same nodes for the same
//! need are one shape: what is worked out for one is worked out for all. It must not know what is free.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::{JobSpec, Jurisdiction, TaskGroup};

use crate::need::{Need, gang_devices};
use crate::nodes::{DeviceSet, Nodes};
use crate::snapshot::Verdicts;

/// The nodes a job may use: those in the jurisdictions it asks for that the law allows.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) allowed: Vec<bool>,
}

/// One need on one ground.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) need: Need,
    pub(crate) ground: usize,
    /// The accelerators that serve the need, for each layout.
    serving: Vec<DeviceSet>,
    /// How many jobs with tasks of this shape are still to be decided.
    left: usize,
}

/// A group of a gang.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) shape: usize,
    pub(crate) count: u32,
    pub(crate) first_rank: u32,
}

/// Jobs that differ in nothing the planner looks at.
#[derive(Debug)]
pub(crate) struct Class<'a> {
    pub(crate) spec: &'a JobSpec,
    pub(crate) verdicts: &'a Verdicts,
    pub(crate) members: Vec<Member>,
    pub(crate) devices: u64,
}

/// Every ground, shape and class met so far.
#[derive(Debug, Default)]
pub(crate) struct Catalog<'a> {
    grounds: Vec<Ground>,
    shapes: Vec<Shape>,
    classes: Vec<Class<'a>>,
    known_grounds: BTreeMap<(Address, &'a BTreeSet<Jurisdiction>), usize>,
    known_shapes: BTreeMap<(usize, Need), usize>,
    known_classes: BTreeMap<ClassKey<'a>, usize>,
}

/// Tells shared verdicts apart. It orders the look-up only, never anything that reaches a plan.
type Address = *const BTreeMap<holdfast_types::NodeName, crate::snapshot::Verdict>;

impl<'a> Catalog<'a> {
    /// The class of a job, which counts as one more to be decided.
    pub(crate) fn enter(&mut self, nodes: &Nodes<'_>, spec: &'a JobSpec, verdicts: &'a Verdicts) -> usize {
        let key = ClassKey { verdicts: verdicts.address(), spec };
        let class = match self.known_classes.get(&key) {
            Some(class) => *class,
            None => {
                let class = self.add_class(nodes, spec, verdicts);
                self.known_classes.insert(key, class);
                class
            }
        };
        for member in self.classes.get(class).map_or(&[][..], |class| &class.members) {
            if let Some(shape) = self.shapes.get_mut(member.shape) {
                shape.left += 1;
            }
        }
        class
    }

    /// Counts a job as decided and names the shapes that nobody needs any more.
    pub(crate) fn leave(&mut self, class: usize) -> Vec<usize> {
        let mut done = Vec::new();
        for member in self.classes.get(class).map_or(&[][..], |class| &class.members) {
            if let Some(shape) = self.shapes.get_mut(member.shape) {
                shape.left = shape.left.saturating_sub(1);
                if shape.left == 0 {
                    done.push(member.shape);
                }
            }
        }
        done
    }

    /// The class of a number.
    pub(crate) fn class(&self, class: usize) -> Option<&Class<'a>> {
        self.classes.get(class)
    }

    /// The shape of a number and its ground.
    pub(crate) fn shape(&self, shape: usize) -> Option<(&Shape, &Ground)> {
        let shape = self.shapes.get(shape)?;
        Some((shape, self.grounds.get(shape.ground)?))
    }

    /// How many shapes there are.
    pub(crate) fn shape_count(&self) -> usize {
        self.shapes.len()
    }

    fn add_class(&mut self, nodes: &Nodes<'_>, spec: &'a JobSpec, verdicts: &'a Verdicts) -> usize {
        let ground = self.ground(nodes, spec, verdicts);
        let mut first_rank = 0;
        let mut members = Vec::with_capacity(spec.groups.len());
        for group in &spec.groups {
            let shape = self.shape_of(nodes, ground, Need::of(group, spec.precision));
            members.push(Member { shape, count: group.count, first_rank });
            first_rank += group.count;
        }
        self.classes.push(Class { spec, verdicts, members, devices: gang_devices(spec) });
        self.classes.len() - 1
    }

    fn ground(&mut self, nodes: &Nodes<'_>, spec: &'a JobSpec, verdicts: &Verdicts) -> usize {
        let grounds = &mut self.grounds;
        *self.known_grounds.entry((verdicts.address(), &spec.jurisdictions)).or_insert_with(|| {
            grounds.push(Ground { allowed: allowed(nodes, &spec.jurisdictions, verdicts) });
            grounds.len() - 1
        })
    }

    fn shape_of(&mut self, nodes: &Nodes<'_>, ground: usize, need: Need) -> usize {
        let shapes = &mut self.shapes;
        *self.known_shapes.entry((ground, need)).or_insert_with(|| {
            let serving = nodes.layouts().map(|layout| layout.serving(&need)).collect();
            shapes.push(Shape { need, ground, serving, left: 0 });
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
fn allowed(nodes: &Nodes<'_>, asked: &BTreeSet<Jurisdiction>, verdicts: &Verdicts) -> Vec<bool> {
    let mut names = verdicts.allowed().peekable();
    let mut allowed = Vec::with_capacity(nodes.len());
    for node in nodes.iter() {
        while names.next_if(|name| **name < node.view.name).is_some() {}
        let by_law = names.peek().is_some_and(|name| **name == node.view.name);
        allowed.push(by_law && in_jurisdictions(asked, &node.view.jurisdiction));
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
struct ClassKey<'a> {
    verdicts: Address,
    spec: &'a JobSpec,
}

impl Ord for ClassKey<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (self.spec, other.spec);
        self.verdicts
            .cmp(&other.verdicts)
            .then_with(|| one.groups.len().cmp(&two.groups.len()))
            .then_with(|| one.groups.iter().map(group_key).cmp(two.groups.iter().map(group_key)))
            .then_with(|| one.precision.cmp(&two.precision))
            .then_with(|| one.jurisdictions.cmp(&two.jurisdictions))
    }
}

impl PartialOrd for ClassKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ClassKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ClassKey<'_> {}

/// The name of a group is part of it because an explanation says it.
fn group_key(group: &TaskGroup) -> impl Ord + '_ {
    (group.count, Need::of(group, None), &group.name)
}
