//! Reservations: made, changed, deleted. Whether a job may be where it is placed is for the plan and for [`closed`] to say.

use std::collections::BTreeSet;

use holdfast_api::store::{NodeRecord, PutReservation, outcome};
use holdfast_api::{timestamp, v1};
use holdfast_types::{
    AsProblem, DeviceClass, Keepable, MAX_QUEUE_DEPTH, MilliDevices, Millicores, NodeName, NodePhase, Place,
    ReservationName, ReservationSpec, Scope, Span, TopologyLevel, Watts, kept, place_in_site, watts_of,
};

use crate::act::{Act, Answer};
use crate::phases::node_phase;
use crate::state::State;
use crate::{record, refuse};

/// The most reservations of a cluster: each is looked at for every job that waits.
const MOST: usize = 256;
/// The word for a healthy accelerator in an inventory.
const HEALTHY: &str = "ok";

pub(crate) fn put(act: &mut Act<'_>, put: PutReservation) -> Answer {
    let name = put.name.clone();
    let spec = put.spec.unwrap_or_default();
    let checked = ReservationSpec::try_from(&spec).map_err(|error| error.problem())?;
    if let Some(queue) = checked.queues.iter().find(|queue| act.state.queue(queue.as_str()).is_none()) {
        return Err(refuse::reservation_of_nobody(&name, "queue", queue.as_str()));
    }
    if let Scope::Nodes(nodes) = &checked.scope
        && let Some(node) = nodes.iter().find(|node| act.state.node(node.as_str()).is_none())
    {
        return Err(refuse::reservation_of_nobody(&name, "node", node.as_str()));
    }
    match act.state.reservation(&name).cloned() {
        None if act.state.reservations().count() >= MOST => {
            return Err(refuse::too_many_reservations(&name, MOST));
        }
        None => {
            let metadata = v1::Metadata {
                kind: "Reservation".to_owned(),
                name: name.clone(),
                uid: put.uid,
                labels: put.labels,
                generation: 1,
                created_at: Some(timestamp(act.now)),
                ..v1::Metadata::default()
            };
            let made = v1::Reservation { metadata: Some(metadata), spec: Some(spec), status: None };
            act.state.put_reservation(made, act.revision);
        }
        Some(mut known) => {
            let metadata = known.metadata.get_or_insert_default();
            act.check_revision("reservation", &name, metadata.revision)?;
            metadata.labels = put.labels;
            if known.spec.as_ref() != Some(&spec) {
                metadata.generation += 1;
                known.spec = Some(spec);
            }
            act.state.put_reservation(known, act.revision);
        }
    }
    record::mutation(act, "apply-reservation", &format!("reservation/{name}"), &[]);
    let made = act.state.reservation(&name).cloned().map(outcome::Result::Reservation);
    made.ok_or_else(|| refuse::not_found("reservation", &name))
}

pub(crate) fn delete(act: &mut Act<'_>, name: &str) -> Answer {
    let known = act.state.reservation(name).cloned();
    let known = known.ok_or_else(|| refuse::not_found("reservation", name))?;
    act.check_revision("reservation", name, known.metadata.as_ref().map_or(0, |m| m.revision))?;
    act.state.remove_reservation(name, act.revision);
    record::mutation(act, "delete-reservation", &format!("reservation/{name}"), &[]);
    Ok(outcome::Result::Reservation(known))
}

/// The nodes that are closed to a job that starts now, each with the reservation that keeps it for others.
pub(crate) fn closed(act: &Act<'_>, job: &v1::Job) -> Vec<(ReservationName, BTreeSet<NodeName>)> {
    let Some(spec) = job.spec.as_ref().filter(|_| act.state.reservations().next().is_some()) else {
        return Vec::new();
    };
    let queues = queues_above(act.state, &spec.queue);
    let closed = |reservation: &ReservationSpec| {
        let lets_in = reservation.queues.iter().any(|queue| queues.contains(queue.as_str()));
        let takes = if reservation.flex && may_stop(spec) { Some(Span(0)) } else { takes(spec) };
        !lets_in && reservation.max_power.is_none() && reservation.window.meets(act.now, takes).0
    };
    let nodes = reserved_nodes(act.state);
    nodes.into_iter().filter(|(_, spec, _)| closed(spec)).map(|(name, _, nodes)| (name, nodes)).collect()
}

/// What caps how much is drawn while a job runs that starts now.
pub(crate) struct Cap {
    pub(crate) name: ReservationName,
    pub(crate) limit: Watts,
    pub(crate) nodes: BTreeSet<NodeName>,
}

/// The caps that bind a job. One that may be stopped makes way when another one begins.
pub(crate) fn caps(act: &Act<'_>, job: &v1::Job) -> Vec<Cap> {
    let Some(spec) = job.spec.as_ref().filter(|_| is_capped(act.state)) else { return Vec::new() };
    let takes = if may_stop(spec) { Some(Span(0)) } else { takes(spec) };
    let cap = |(name, reservation, nodes): (_, ReservationSpec, _)| {
        let limit = reservation.max_power.filter(|_| reservation.window.meets(act.now, takes).0)?;
        Some(Cap { name, limit, nodes })
    };
    reserved_nodes(act.state).into_iter().filter_map(cap).collect()
}

/// Whether anything caps what is drawn.
pub(crate) fn is_capped(state: &State) -> bool {
    state.reservations().any(|known| known.spec.as_ref().is_some_and(|spec| spec.max_power_watts > 0))
}

/// For how long a job runs at most; `None` where nobody knows.
fn takes(spec: &v1::JobSpec) -> Option<Span> {
    (spec.max_run_time_ms > 0).then_some(Span(spec.max_run_time_ms))
}

fn may_stop(spec: &v1::JobSpec) -> bool {
    spec.kind != "service" && spec.preemptible.unwrap_or(spec.checkpoint.is_some())
}

/// The most that a task draws on a node, whichever of its accelerators it has.
pub(crate) fn task_watts(node: Option<&NodeRecord>, resources: &v1::Resources) -> u64 {
    let inventory = node.and_then(|record| record.node.as_ref()?.status.as_ref()?.inventory.as_ref());
    let all = inventory.map_or(&[][..], |inventory| &inventory.devices);
    let (thousandths, class) = match &resources.devices {
        Some(asks) if asks.share_millis > 0 => (u64::from(asks.share_millis), asks.class.as_str()),
        Some(asks) => (1_000 * u64::from(asks.count), asks.class.as_str()),
        None => (0, ""),
    };
    // The accelerators of a node are mostly of one model.
    let (mut model, mut each) = ("", 0);
    for device in all.iter().filter(|device| device.class == class) {
        if (each == 0 || device.model != model)
            && let Ok(class) = class.parse()
        {
            model = &device.model;
            each = each.max(u64::from(watts_of(class, model)));
        }
    }
    Watts::of_task(Millicores(resources.cpu_millis), MilliDevices(thousandths), each).0
}

/// The names of a queue and of those above it.
pub(crate) fn queues_above<'a>(state: &'a State, queue: &'a str) -> BTreeSet<&'a str> {
    let above = |queue: &&'a str| {
        let parent = state.queue(queue)?.spec.as_ref()?.parent.as_str();
        Some(parent).filter(|parent| !parent.is_empty())
    };
    std::iter::successors(Some(queue), above).take(MAX_QUEUE_DEPTH).collect()
}

/// Every reservation, by name, with the nodes that it keeps, whether or not it does now.
#[must_use]
pub fn reserved_nodes(state: &State) -> Vec<(ReservationName, ReservationSpec, BTreeSet<NodeName>)> {
    let read = |reservation: &v1::Reservation| {
        let name = reservation.metadata.as_ref()?.name.parse().ok()?;
        Some((name, ReservationSpec::try_from(reservation.spec.as_ref()?).ok()?))
    };
    let specs: Vec<(ReservationName, ReservationSpec)> = state.reservations().filter_map(read).collect();
    if specs.is_empty() {
        return Vec::new();
    }
    let nodes: Vec<Standing> = state.nodes().filter_map(Standing::of).collect();
    let keepable: Vec<Keepable<'_>> = nodes.iter().map(Standing::keepable).collect();
    let found = kept(&specs.iter().map(|(_, spec)| spec).collect::<Vec<_>>(), &keepable);
    let names =
        |found: BTreeSet<usize>| found.iter().filter_map(|at| Some(nodes.get(*at)?.name.clone())).collect();
    specs.into_iter().zip(found).map(|((name, spec), found)| (name, spec, names(found))).collect()
}

/// A node that takes work, or could.
struct Standing {
    name: NodeName,
    place: Place,
    is_open: bool,
    classes: BTreeSet<DeviceClass>,
}

impl Standing {
    fn of(record: &NodeRecord) -> Option<Self> {
        let node = record.node.as_ref()?;
        // The machine of a controller takes no work.
        let spec = node.spec.as_ref().filter(|spec| !spec.controller)?;
        let inventory = node.status.as_ref().and_then(|status| status.inventory.as_ref());
        let devices = inventory.map_or(&[][..], |inventory| &inventory.devices).iter();
        let healthy = devices.filter(|device| device.health.is_empty() || device.health == HEALTHY);
        let site = spec.site.parse().ok().map(|site| (TopologyLevel::Site, site));
        Some(Self {
            name: node.metadata.as_ref()?.name.parse().ok()?,
            place: place_in_site(&spec.place).unwrap_or_default().into_iter().chain(site).collect(),
            is_open: node_phase(record) == NodePhase::Ready,
            classes: healthy.filter_map(|device| device.class.parse().ok()).collect(),
        })
    }

    fn keepable(&self) -> Keepable<'_> {
        let Self { name, place, is_open, classes } = self;
        Keepable { name, place, is_open: *is_open, classes: classes.clone() }
    }
}
