//! From the state to the scheduler's snapshot, and from its plan to the command that commits it.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_api::store::{CommitPlan, GangPlacement, Preemption, TaskPlacement};
use holdfast_api::{millis, v1};
use holdfast_policy::Bundle;
use holdfast_scheduler::{
    ArrayView, Assignment, Cause, DeviceView, Explanation, JobState, JobView, NodeView, Past, Plan,
    QueueView, ReservationView, Schedulable, Snapshot, dominant_shares,
};
use holdfast_state::State;
use holdfast_types::{
    ArraySpec, Bytes, DeviceIndex, DeviceShare, JobPhase, JobSpec, Jurisdiction, Millicores, NodePhase,
    Place, QueueSpec, ReservationSpec, Span, Time, TopologyLevel, USAGE_HALF_LIFE, Usage, place_in_site,
    precisions_of, watts_of,
};

use crate::parts::{parts, together};
use crate::places::{assignment, assignments, pause};
use crate::rulings::{Asked, Rulings};
/// The word for a healthy device in an inventory.
const HEALTHY: &str = "ok";

/// What the scheduler sees: every node, every queue, every job that waits or holds places, with what the law says of it at this time.
#[must_use]
pub fn snapshot(state: &State, bundle: &Bundle, now: Time) -> Snapshot {
    snapshot_with(&mut Rulings::of_nodes(state, bundle), Asked { state, bundle, now })
}

/// The same, which keeps what the law said.
pub(crate) fn snapshot_with(rulings: &mut Rulings, asked: Asked<'_>) -> Snapshot {
    let state = asked.state;
    Snapshot {
        revision: state.revision(),
        nodes: state.nodes().filter_map(|record| node_view(record.node.as_ref()?)).collect(),
        queues: state.queues().filter_map(queue_view).collect(),
        reservations: state.reservations().filter_map(reservation_view).collect(),
        jobs: state.jobs().flat_map(|job| job_views(job, rulings, asked)).collect(),
    }
}

/// How much each queue has had, in thousandths.
#[must_use]
pub fn queue_shares(state: &State, now: Time) -> BTreeMap<String, u64> {
    let snapshot = Snapshot {
        revision: state.revision(),
        nodes: state.nodes().filter_map(|record| node_view(record.node.as_ref()?)).collect(),
        queues: state.queues().filter_map(queue_view).collect(),
        ..Snapshot::default()
    };
    dominant_shares(&snapshot, now).into_iter().map(|(name, share)| (name.to_string(), share)).collect()
}

/// Whether placing could come out otherwise than at an earlier revision: a node, a job or a queue has changed, or is no longer
/// known to have.
#[must_use]
pub fn concerns_placement(state: &State, since: u64) -> bool {
    if since == state.revision() {
        return false;
    }
    let Ok(mut changes) = state.changes_since(since) else { return true };
    changes.any(|item| matches!(item.kind, "Node" | "Job" | "Queue" | "Reservation"))
}

pub(crate) fn node_view(node: &v1::Node) -> Option<NodeView> {
    let (spec, status) = (node.spec.as_ref()?, node.status.as_ref()?);
    // The machine of a controller takes no work, and why a job waits has nothing to do with it.
    if spec.controller {
        return None;
    }
    let inventory = status.inventory.clone().unwrap_or_default();
    let phase = NodePhase::from_word(&status.phase)?;
    Some(NodeView {
        name: node.metadata.as_ref()?.name.parse().ok()?,
        jurisdiction: spec.jurisdiction.parse::<Jurisdiction>().ok()?,
        place: place(spec),
        schedulable: if phase == NodePhase::Ready { Schedulable::Yes } else { Schedulable::No(phase) },
        cores: Millicores(inventory.cpu_millis),
        memory: Bytes(inventory.memory_bytes),
        devices: inventory.devices.iter().filter_map(device_view).collect(),
    })
}

fn place(spec: &v1::NodeSpec) -> Place {
    let site = spec.site.parse().ok().map(|site| (TopologyLevel::Site, site));
    place_in_site(&spec.place).unwrap_or_default().into_iter().chain(site).collect()
}

fn device_view(device: &v1::Device) -> Option<DeviceView> {
    let class = device.class.parse().ok()?;
    Some(DeviceView {
        index: DeviceIndex(device.index),
        class,
        memory: Bytes(device.memory_bytes),
        healthy: device.health.is_empty() || device.health == HEALTHY,
        precisions: precisions_of(class, &device.model).iter().copied().collect(),
        watts: watts_of(class, &device.model),
    })
}

pub(crate) fn queue_view(queue: &v1::Queue) -> Option<QueueView> {
    let spec = QueueSpec::try_from(queue.spec.as_ref()?).ok()?;
    let disrupted = spec.disruptions.map(|_| disrupted(queue)).unwrap_or_default();
    Some(QueueView {
        name: queue.metadata.as_ref()?.name.parse().ok()?,
        priority: spec.priority,
        stopped: spec.stopped,
        max_devices: spec.max_devices,
        parent: spec.parent,
        nominal: spec.nominal,
        borrowing_limit: spec.borrowing_limit,
        lending_limit: spec.lending_limit,
        weight: spec.weight,
        half_life: spec.half_life.unwrap_or(USAGE_HALF_LIFE),
        min_run: spec.min_run_time,
        disruptions: spec.disruptions,
        disrupted,
        usage: queue
            .status
            .as_ref()
            .and_then(|status| status.usage.as_ref())
            .map(Usage::from)
            .unwrap_or_default(),
    })
}

/// When jobs of a queue, with those below it, were stopped for others.
fn disrupted(queue: &v1::Queue) -> Vec<Time> {
    let stops = queue.status.as_ref().map_or(&[][..], |status| &status.disruptions);
    stops.iter().map(|at| millis(Some(at))).collect()
}

fn reservation_view(reservation: &v1::Reservation) -> Option<ReservationView> {
    Some(ReservationView {
        name: reservation.metadata.as_ref()?.name.parse().ok()?,
        spec: ReservationSpec::try_from(reservation.spec.as_ref()?).ok()?,
    })
}

/// A job as the planner sees it: more than one where its tasks restart alone.
pub(crate) fn job_views(job: &v1::Job, rulings: &mut Rulings, asked: Asked<'_>) -> Vec<JobView> {
    let Some(spec) = job_spec(job, asked.bundle) else { return Vec::new() };
    if !spec.restarts_tasks() {
        return job_view(job, Arc::new(spec), rulings, asked).into_iter().collect();
    }
    let Some(mut view) = job_view(job, Arc::new(spec.at_least()), rulings, asked) else { return Vec::new() };
    if let JobState::Placed { assignments, .. } = &mut view.state {
        *assignments = together(&spec, std::mem::take(assignments));
    }
    let parts = parts(job, (&view, &spec), rulings, asked);
    std::iter::once(view).chain(parts).collect()
}

fn job_view(job: &v1::Job, spec: Arc<JobSpec>, rulings: &mut Rulings, asked: Asked<'_>) -> Option<JobView> {
    let (metadata, status) = (job.metadata.as_ref()?, job.status.as_ref()?);
    let phase = JobPhase::from_word(&status.phase)?;
    let array = array_view(spec.array.as_ref(), status);
    let state = match (phase, status.array.is_some()) {
        // What waits for other jobs asks for no place yet.
        (JobPhase::Pending, _) if !status.waits_for.is_empty() => return None,
        // The elements of an array that have started are jobs of their own; those that have not wait.
        (JobPhase::Running, true) if array.is_none() => return None,
        (JobPhase::Pending, _) | (JobPhase::Running, true) => JobState::Waiting {
            verdicts: rulings.ask(&metadata.name, &status.submitted_by, &spec, asked),
            since: asks_since(metadata, status, &spec).max(waits_since(status)),
            not_before: not_before(status).max(spec.not_before),
            held: status
                .held
                .iter()
                .filter_map(|p| assignment(p.rank, &p.node, &p.devices, p.share_millis))
                .collect(),
            held_in: status.held.first().map_or(0, |place| place.variant),
            held_since: millis(status.held_since.as_ref()),
        },
        (JobPhase::Starting | JobPhase::Running | JobPhase::Stopping, false) => placed(status, phase),
        (JobPhase::Starting | JobPhase::Stopping, true)
        | (JobPhase::Succeeded | JobPhase::Failed | JobPhase::Cancelled, _) => return None,
    };
    Some(JobView {
        name: metadata.name.parse().ok()?,
        uid: metadata.uid.clone(),
        queue: spec.queue.clone(),
        submitted: asks_since(metadata, status, &spec),
        spec,
        past: Past { ran: Span(status.ran_ms), waited: Span(status.waited_ms) },
        array,
        part_of: None,
        state,
    })
}

/// A job that holds places.
fn placed(status: &v1::JobStatus, phase: JobPhase) -> JobState {
    let since = millis(status.placed_at.as_ref().or(status.since.as_ref()));
    JobState::Placed {
        variant: status.variant,
        assignments: assignments(status),
        since,
        // Whether it saves its work when it is told to stop is for the job to know.
        unsaved: Some(since.max(millis(status.checkpoint_at.as_ref()))),
        stopping: phase == JobPhase::Stopping,
    }
}

/// The elements of an array that have not started; `None` where all have, and for a job that is none.
fn array_view(spec: Option<&ArraySpec>, status: &v1::JobStatus) -> Option<ArrayView> {
    let (spec, counts) = (spec?, status.array.as_ref()?);
    if counts.next >= counts.elements {
        return None;
    }
    let room = spec.max_parallel.map_or(u32::MAX, |most| most.saturating_sub(counts.active));
    Some(ArrayView { indexes: Arc::new(spec.elements()), next: counts.next, room })
}

/// Since when a job waits: of an array the next element does since the one before it started.
fn waits_since(status: &v1::JobStatus) -> Time {
    let next = status.array.as_ref().and_then(|array| array.since.as_ref());
    millis(status.since.as_ref()).max(millis(next))
}

/// Since when a job could have had a place: one that waited for something else has not waited for the scheduler.
fn asks_since(metadata: &v1::Metadata, status: &v1::JobStatus, spec: &JobSpec) -> Time {
    let released = millis(status.released_at.as_ref()).max(millis(metadata.created_at.as_ref()));
    spec.not_before.map_or(released, |not_before| released.max(not_before))
}

fn job_spec(job: &v1::Job, bundle: &Bundle) -> Option<JobSpec> {
    let mut spec = JobSpec::try_from(job.spec.as_ref()?).ok()?;
    // The scheduler compares codes; what lies within a bloc is for the law to say.
    let law = bundle.law();
    let within = |j: &&Jurisdiction| law.lies_within(j, &spec.jurisdictions);
    spec.jurisdictions = law.jurisdictions.keys().filter(within).cloned().collect();
    Some(spec)
}

/// After a failed task the gang waits 1 s, 2 s, 4 s and so on; a lost node is nobody's fault and waits for nothing.
fn not_before(status: &v1::JobStatus) -> Option<Time> {
    (status.failures > 0).then(|| millis(status.since.as_ref()) + pause(status.failures))
}

/// The command that commits a plan, with what jobs are told of it; `None` where it changes nothing and there is nothing to tell.
#[must_use]
pub fn commit_plan(
    plan: &Plan,
    told: BTreeMap<String, v1::JobExplanation>,
    policy_hash: &str,
) -> Option<CommitPlan> {
    let decides_nothing = plan.gangs.is_empty() && plan.preempts.is_empty() && plan.holds.is_empty();
    if decides_nothing && told.is_empty() {
        return None;
    }
    let preempt = |p: &holdfast_scheduler::Preemption| Preemption {
        job: p.job.to_string(),
        job_uid: p.uid.clone(),
        by: if let Cause::Job(job) = &p.by { job.whole().to_string() } else { String::new() },
        reservation: if let Cause::Reservation(name) = &p.by { name.to_string() } else { String::new() },
    };
    Some(CommitPlan {
        base_revision: plan.base_revision,
        policy_hash: policy_hash.to_owned(),
        logical_now_ms: plan.now.0,
        plan_hash: plan.hash.clone(),
        gangs: plan.gangs.iter().map(gang).collect(),
        explanations: told,
        preempts: plan.preempts.iter().map(preempt).collect(),
        holds: plan.holds.iter().map(gang).collect(),
    })
}

fn gang(gang: &holdfast_scheduler::GangPlacement) -> GangPlacement {
    let task = |a: &Assignment| TaskPlacement {
        rank: a.rank.0,
        node: a.node.to_string(),
        devices: a.devices.iter().map(|d| d.0).collect(),
        share_millis: a.share.map_or(0, DeviceShare::thousandths),
    };
    GangPlacement {
        job: gang.job.to_string(),
        job_uid: gang.uid.clone(),
        tasks: gang.assignments.iter().map(task).collect(),
        variant: gang.variant,
    }
}

/// The wire form of an explanation.
#[must_use]
pub fn explanation(explanation: &Explanation) -> v1::JobExplanation {
    v1::JobExplanation {
        summary: explanation.summary.clone(),
        waterfall: explanation
            .waterfall
            .iter()
            .map(|step| v1::WaterfallStep {
                filter: step.filter.clone(),
                remaining: step.remaining,
                removed: step.removed.iter().cloned().collect(),
            })
            .collect(),
        nodes: explanation.per_node.iter().map(|(n, t)| (n.to_string(), t.clone())).collect(),
        never_fits: explanation.never_fits,
        text: explanation.to_string(),
        if_only: explanation.if_only.clone(),
        starts_at: None,
        estimate: explanation.estimate.clone(),
    }
}

#[cfg(test)]
mod tests;
