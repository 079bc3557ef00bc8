//! One thing that could be otherwise: how it is done to a snapshot, and said. It must not know whether it helps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_types::{
    Bytes, DeviceClass, JobName, JobSpec, Jurisdiction, NodeName, QueueName, ReservationName, Span,
    TopologyLevel,
};

use crate::snapshot::{JobState, NodeView, QueueView, Schedulable, Snapshot, Verdict, Verdicts};

/// One thing that could be otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    QueueOpens(QueueName),
    QueueAllows(QueueName, u32),
    QueueHas(QueueName, DeviceClass, u32),
    QueueBorrows(QueueName, DeviceClass, u32),
    Accepts(DeviceClass),
    AcceptsMemory(Bytes),
    AnyPrecision,
    Within(Option<TopologyLevel>),
    MayRunIn(Jurisdiction),
    Opens(NodeName),
    Ends(JobName),
    More(NodeName, u32),
    Takes(Span),
    MayStop,
    Without(ReservationName),
    /// So many more stops.
    Stops(QueueName, u32),
}

/// Makes one thing otherwise.
pub(super) fn apply(snapshot: &mut Snapshot, job: &JobName, change: &Change) {
    match change {
        Change::QueueOpens(name) => edit_queue(snapshot, name, |queue| queue.stopped = false),
        Change::QueueAllows(name, most) => edit_queue(snapshot, name, |queue| queue.max_devices = *most),
        Change::QueueHas(name, class, more) => {
            edit_queue(snapshot, name, |queue| add(&mut queue.nominal, *class, *more));
        }
        Change::QueueBorrows(name, class, more) => {
            edit_queue(snapshot, name, |queue| add(&mut queue.borrowing_limit, *class, *more));
        }
        Change::Stops(name, more) => edit_queue(snapshot, name, |queue| {
            if let Some(budget) = &mut queue.disruptions {
                budget.max = budget.max.saturating_add(*more);
            }
        }),
        Change::Opens(name) => {
            let nodes = snapshot.nodes.iter_mut().filter(|node| node.name == *name);
            nodes.for_each(|node| node.schedulable = Schedulable::Yes);
        }
        Change::Ends(name) => snapshot.jobs.retain(|job| job.name != *name),
        Change::More(like, count) => add_nodes(snapshot, like, *count),
        Change::Without(name) => snapshot.reservations.retain(|reservation| reservation.name != *name),
        Change::Accepts(_)
        | Change::AcceptsMemory(_)
        | Change::AnyPrecision
        | Change::Within(_)
        | Change::Takes(_)
        | Change::MayStop
        | Change::MayRunIn(_) => {
            for view in snapshot.jobs.iter_mut().filter(|view| view.name == *job) {
                ask_less(Arc::make_mut(&mut view.spec), change);
            }
        }
    }
}

fn edit_queue(snapshot: &mut Snapshot, name: &QueueName, edit: impl FnMut(&mut QueueView)) {
    snapshot.queues.iter_mut().filter(|queue| queue.name == *name).for_each(edit);
}

fn add(counts: &mut BTreeMap<DeviceClass, u32>, class: DeviceClass, more: u32) {
    let count = counts.entry(class).or_default();
    *count = count.saturating_add(more);
}

fn ask_less(spec: &mut JobSpec, change: &Change) {
    match change {
        Change::AnyPrecision => spec.precision = None,
        Change::Takes(most) => spec.max_run_time = Some(*most),
        Change::MayStop => spec.preemptible = Some(true),
        Change::MayRunIn(place) => {
            spec.jurisdictions.insert(place.clone());
        }
        _ => {}
    }
    for group in &mut spec.groups {
        match change {
            Change::Within(None) => group.topology = None,
            Change::Within(level) => {
                if let Some(topology) = &mut group.topology {
                    topology.required = *level;
                }
            }
            Change::Accepts(class) => {
                group.resources.devices.iter_mut().for_each(|request| request.class = *class);
            }
            Change::AcceptsMemory(memory) => {
                group
                    .resources
                    .devices
                    .iter_mut()
                    .for_each(|request| request.memory = request.memory.min(*memory));
            }
            _ => {}
        }
    }
}

/// As many nodes more as one that there is, of which the law says the same.
fn add_nodes(snapshot: &mut Snapshot, like: &NodeName, count: u32) {
    let Some(model) = snapshot.nodes.iter().find(|node| node.name == *like).cloned() else { return };
    let taken: BTreeSet<NodeName> = snapshot.nodes.iter().map(|node| node.name.clone()).collect();
    // The law speaks of every node by its name.
    let free = (0..).map_while(|number: u32| format!("more-{number}").parse::<NodeName>().ok());
    let names: Vec<NodeName> =
        free.filter(|name| !taken.contains(name)).take(usize::try_from(count).unwrap_or(0)).collect();
    let mut known: BTreeMap<usize, Verdicts> = BTreeMap::new();
    for job in &mut snapshot.jobs {
        if let JobState::Waiting { verdicts, .. } = &mut job.state {
            let more = known.entry(verdicts.address()).or_insert_with(|| {
                let verdict = match verdicts.denied_by(like) {
                    None => Verdict::Allow,
                    Some(rule) => Verdict::Deny { rule: rule.to_owned() },
                };
                verdicts.with(names.iter().map(|name| (name.clone(), verdict.clone())))
            });
            *verdicts = more.clone();
        }
    }
    let schedulable = Schedulable::Yes;
    snapshot.nodes.extend(names.into_iter().map(|name| NodeView { name, schedulable, ..model.clone() }));
}

/// `if ...`, for a job that asks for this.
pub(super) fn sentence(changes: &[Change], spec: &JobSpec) -> String {
    let parts: Vec<String> = changes.iter().map(|change| words(change, spec)).collect();
    format!("if {}", parts.join(", and "))
}

fn words(change: &Change, spec: &JobSpec) -> String {
    match change {
        Change::QueueOpens(queue) => format!("queue `{queue}` were not stopped"),
        Change::QueueAllows(queue, most) => format!("queue `{queue}` allowed {most} accelerators"),
        Change::QueueHas(queue, class, more) => format!("queue `{queue}` had {more} more {class} of its own"),
        Change::QueueBorrows(queue, class, more) => {
            format!("queue `{queue}` might borrow {more} more {class}")
        }
        Change::Accepts(class) => format!("it accepted {class} accelerators"),
        Change::AcceptsMemory(memory) => format!("it accepted accelerators with {memory}"),
        Change::AnyPrecision => {
            spec.precision.map_or_else(String::new, |format| format!("it did not ask for {format}"))
        }
        Change::Within(None) => String::from("its tasks did not have to be near each other"),
        Change::Within(Some(level)) => format!("its tasks only had to be in one {level}"),
        Change::MayRunIn(place) => format!("it might run in {place}"),
        Change::Opens(node) => format!("node `{node}` took work again"),
        Change::Ends(job) => format!("job `{job}` ended"),
        Change::Takes(most) => format!("its maxRunTime were {most}"),
        Change::MayStop => String::from("it might be stopped for others (`preemptible: true`)"),
        Change::Without(name) => format!("reservation `{name}` were not"),
        Change::Stops(queue, 1) => format!("queue `{queue}` let one more of its jobs be stopped for others"),
        Change::Stops(queue, more) => {
            format!("queue `{queue}` let {more} more of its jobs be stopped for others")
        }
        Change::More(like, 1) => format!("there were one more node like `{like}`"),
        Change::More(like, count) => format!("there were {count} more nodes like `{like}`"),
    }
}
