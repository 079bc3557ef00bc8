//! Which nodes are kept for whom, and when. It must not know what is free, nor how a job is placed.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_types::{
    DeviceClass, Keepable, QueueName, ReservationName, ReservationSpec, Scope, Span, Time, kept,
};

use crate::nodes::{Layout, Nodes};
use crate::snapshot::{Beside, PartOf, ReservationView};

/// What binds a job beside the law.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bounds {
    /// The reservations, by position: ascending. Those that keep nodes keep them for others; the others cap what is drawn.
    pub(crate) reservations: Vec<usize>,
    /// What it is a part of.
    pub(crate) part_of: Option<Arc<PartOf>>,
}

/// Whom a reservation is asked about.
#[derive(Debug, Clone)]
pub(crate) struct Guest<'a> {
    /// The queue of a job and those above it.
    pub(crate) queues: BTreeSet<&'a QueueName>,
    /// For how long it runs at most; `None` where nobody knows.
    pub(crate) takes: Option<Span>,
    /// Whether it may be stopped.
    pub(crate) may_stop: bool,
}

/// The reservations in the order of their names, with the nodes of each.
#[derive(Debug, Default)]
pub(crate) struct Reserved {
    list: Vec<(ReservationView, BTreeSet<usize>)>,
}

impl Bounds {
    /// The domain that it has to stand in.
    pub(crate) fn beside(&self) -> Option<&Beside> {
        self.part_of.as_ref()?.beside.as_ref()
    }
}

impl Reserved {
    /// Of two of one name the first counts.
    pub(crate) fn new(views: &[ReservationView], nodes: &Nodes) -> Self {
        let mut sorted: Vec<ReservationView> = views.to_vec();
        sorted.sort_by(|one, two| one.name.cmp(&two.name));
        sorted.dedup_by(|later, earlier| later.name == earlier.name);
        let mut reserved = Self { list: sorted.into_iter().map(|view| (view, BTreeSet::new())).collect() };
        reserved.resolve(nodes);
        reserved
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The name of one.
    pub(crate) fn name(&self, number: usize) -> Option<&ReservationName> {
        self.list.get(number).map(|(view, _)| &view.name)
    }

    /// Some nodes take work from now on, or none. Whether other nodes are kept for that.
    pub(crate) fn follow(&mut self, nodes: &Nodes) -> bool {
        let is_any = |(view, _): &(ReservationView, _)| matches!(view.spec.scope, Scope::Any { .. });
        self.list.iter().any(is_any) && self.resolve(nodes)
    }

    fn resolve(&mut self, nodes: &Nodes) -> bool {
        let specs: Vec<&ReservationSpec> = self.list.iter().map(|(view, _)| &view.spec).collect();
        if specs.is_empty() {
            return false;
        }
        let classes = |layout: &Layout| -> BTreeSet<DeviceClass> { layout.healthy_classes().collect() };
        let keepable = nodes.iter().map(|node| Keepable {
            name: &node.name,
            place: &node.place,
            is_open: node.is_open(),
            classes: nodes.layout_of(node).map(classes).unwrap_or_default(),
        });
        let found = kept(&specs, &keepable.collect::<Vec<_>>());
        let mut is_other = false;
        for ((_, nodes), found) in self.list.iter_mut().zip(found) {
            is_other |= *nodes != found;
            *nodes = found;
        }
        is_other
    }

    /// What binds a job that would start now, and when that is first otherwise although nothing happens.
    pub(crate) fn closed_to(&self, guest: &Guest<'_>, now: Time) -> (Vec<usize>, Option<Time>) {
        let (mut closed, mut until) = (Vec::new(), None);
        for (number, (view, _)) in self.list.iter().enumerate() {
            if lets_in(view, guest) {
                continue;
            }
            let makes_way = (view.spec.flex || is_cap(view)) && guest.may_stop;
            let takes = if makes_way { Some(Span(0)) } else { guest.takes };
            let (meets, next) = view.spec.window.meets(now, takes);
            if meets {
                closed.push(number);
            }
            until = until.into_iter().chain(next).min();
        }
        (closed, until)
    }

    /// The first of some reservations that keeps a node.
    pub(crate) fn keeper(&self, bounds: &Bounds, node: usize) -> Option<usize> {
        let keeps = |number: &&usize| {
            self.list.get(**number).is_some_and(|(view, nodes)| !is_cap(view) && nodes.contains(&node))
        };
        bounds.reservations.iter().find(keeps).copied()
    }

    /// The nodes that some reservations keep.
    pub(crate) fn nodes_of(&self, bounds: &Bounds) -> impl Iterator<Item = usize> {
        let bound = bounds.reservations.iter().filter_map(|number| self.list.get(*number));
        bound.filter(|(view, _)| !is_cap(view)).flat_map(|(_, nodes)| nodes.iter().copied())
    }

    /// Those that keep nodes now, which who is not let in leaves.
    pub(crate) fn begun(&self, now: Time) -> impl Iterator<Item = (&ReservationView, &BTreeSet<usize>)> {
        let holds = move |(view, _): &&(ReservationView, _)| !is_cap(view) && view.spec.window.holds(now);
        self.list.iter().filter(holds).map(|(view, nodes)| (view, nodes))
    }

    /// The caps on what is drawn: the number of each, how much, and on which nodes.
    pub(crate) fn caps(&self) -> impl Iterator<Item = (usize, u64, &BTreeSet<usize>)> {
        let each = self.list.iter().enumerate();
        each.filter_map(|(number, (view, nodes))| Some((number, view.spec.max_power?.0, nodes)))
    }

    /// Whether one is a cap.
    pub(crate) fn is_cap(&self, number: usize) -> bool {
        self.list.get(number).is_some_and(|(view, _)| is_cap(view))
    }

    /// Those of them that hold now.
    pub(crate) fn caps_begun(
        &self,
        now: Time,
    ) -> impl Iterator<Item = (usize, &ReservationView, &BTreeSet<usize>)> {
        let each = self.list.iter().enumerate().filter(|(_, (view, _))| is_cap(view));
        let begun = each.filter(move |(_, (view, _))| view.spec.window.holds(now));
        begun.map(|(number, (view, nodes))| (number, view, nodes))
    }

    /// When the next one begins.
    pub(crate) fn next_start(&self, now: Time) -> Option<Time> {
        let start = |(view, _): &(ReservationView, _)| {
            let (start, end) = view.spec.window.next(now)?;
            if start > now { Some(start) } else { Some(view.spec.window.next(end)?.0) }
        };
        self.list.iter().filter_map(start).filter(|start| *start > now).min()
    }
}

fn is_cap(view: &ReservationView) -> bool {
    view.spec.max_power.is_some()
}

/// Whether a job may be on the nodes of a reservation.
pub(crate) fn lets_in(view: &ReservationView, guest: &Guest<'_>) -> bool {
    view.spec.queues.iter().any(|queue| guest.queues.contains(queue))
}
