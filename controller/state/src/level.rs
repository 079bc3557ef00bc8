//! The feature level: which commands every member of the cluster knows. A command newer than the level is refused, because a
//! member that does not know it would come to another state. Commands are never taken back, so the level only rises.

use holdfast_api::store::{
    CommitPlan, Done, PutQueue, RaiseLevel, SubmitJob, TransactionStep, command, outcome, transaction_step,
};

use holdfast_api::v1::{JobSpec, TaskGroup};

use crate::act::{Act, Answer};
use crate::{record, refuse, usage};

/// The newest level that this release knows. A cluster that it founds begins here; an older one is raised to it when all
/// of its members run it.
pub const NEWEST_LEVEL: u32 = 6;
/// From here on the id of the request is kept with what it led to. Members that do not know it would keep nothing.
pub(crate) const REQUEST_IDS: u32 = 3;

/// From here on a plan may stop jobs and hold places, and it is kept for how long a job has run and waited.
pub const TURNS: u32 = 5;
/// From here on a job keeps why its starts failed, and can wait for other jobs and for times.
pub(crate) const FAILED_STARTS: u32 = 5;
/// From here on a task may have a part of an accelerator.
const SHARES: u32 = 6;

/// From here on it is kept where a node stands, and tasks can be asked to be near each other.
const TOPOLOGY: u32 = 6;

/// From here on a job may say what would do instead of what it wants most.
const VARIANTS: u32 = 6;

/// From here on a watch is told once of what changes twice at a revision.
pub(crate) const ONE_CHANGE: u32 = 6;

/// From here on nodes may be kept for somebody.
const RESERVATIONS: u32 = 6;

/// From here on it is kept how much a job draws, and has drawn.
pub(crate) const ENERGY: u32 = 6;

/// From here on a job may be an array.
const ARRAYS: u32 = 6;

/// From here on the tasks of a job may start again for themselves.
const TASKS: u32 = 6;

/// The level at which a command came into being. What mends or raises a cluster works at every level.
pub(crate) fn level_of(body: &command::Body) -> u32 {
    match body {
        // What a node runs from is kept since the fourth.
        command::Body::ReportNode(report) if report.system.is_some() => 4,
        command::Body::ReportNode(_) => 1,
        command::Body::ChangeNode(change) if change.change == "reset" => 4,
        command::Body::ChangeNode(change) if change.change == "place" => TOPOLOGY,
        command::Body::EnrolNode(enrol) if enrol.controller => 4,
        command::Body::CommitPlan(plan) if gives_shares(plan) => SHARES,
        command::Body::CommitPlan(plan) if names_variants(plan) => VARIANTS,
        command::Body::CommitPlan(plan) if makes_way(plan) => RESERVATIONS,
        command::Body::CommitPlan(plan) if !plan.preempts.is_empty() || !plan.holds.is_empty() => TURNS,
        command::Body::SubmitJob(submit) => level_of_job(submit),
        command::Body::Transaction(transaction) => {
            transaction.steps.iter().map(level_of_step).fold(2, u32::max)
        }
        command::Body::PutQueue(put) => level_of_queue(put),
        command::Body::InitCluster(_)
        | command::Body::CreateToken(_)
        | command::Body::EnrolNode(_)
        | command::Body::RotateNode(_)
        | command::Body::ChangeNode(_)
        | command::Body::SetNodePhase(_)
        | command::Body::CancelJob(_)
        | command::Body::DeleteJob(_)
        | command::Body::CommitPlan(_)
        | command::Body::ReportTasks(_)
        | command::Body::CommitVersion(_)
        | command::Body::SetReplicas(_)
        | command::Body::DeleteQueue(_)
        | command::Body::RecordDecisions(_)
        | command::Body::CommitCheckpoint(_)
        | command::Body::BeginIncarnation(_)
        | command::Body::RaiseLevel(_) => 1,
        command::Body::AdmitController(_)
        | command::Body::SettleController(_)
        | command::Body::SetRecipients(_) => 2,
        command::Body::TrustReleases(_)
        | command::Body::ImportRelease(_)
        | command::Body::StartRollout(_)
        | command::Body::ChangeRollout(_)
        | command::Body::StepRollout(_) => 4,
        command::Body::FailOverdue(_) => 5,
        command::Body::PutReservation(_) | command::Body::DeleteReservation(_) => RESERVATIONS,
    }
}

fn level_of_step(step: &TransactionStep) -> u32 {
    match &step.body {
        Some(transaction_step::Body::SubmitJob(submit)) => level_of_job(submit),
        Some(transaction_step::Body::PutQueue(put)) => level_of_queue(put),
        Some(transaction_step::Body::PutReservation(_) | transaction_step::Body::DeleteReservation(_)) => {
            RESERVATIONS
        }
        Some(_) | None => 1,
    }
}

fn gives_shares(plan: &CommitPlan) -> bool {
    plan.gangs.iter().chain(&plan.holds).flat_map(|gang| &gang.tasks).any(|task| task.share_millis > 0)
}

fn names_variants(plan: &CommitPlan) -> bool {
    plan.gangs.iter().chain(&plan.holds).any(|gang| gang.variant > 0)
}

fn makes_way(plan: &CommitPlan) -> bool {
    plan.preempts.iter().any(|preemption| !preemption.reservation.is_empty())
}

fn asks_for_share(spec: &JobSpec) -> bool {
    let devices = |group: &TaskGroup| group.resources.as_ref()?.devices.as_ref().map(|d| d.share_millis > 0);
    spec.groups.iter().filter_map(devices).any(|share| share)
}

/// A job asks for a part of an accelerator, for nodes that are near each other, names variants, is an array, and restarts its
/// tasks alone, since the sixth. It
/// waits for others and for times, and may refuse to stop for others, since the fifth.
fn level_of_job(submit: &SubmitJob) -> u32 {
    let Some(spec) = &submit.spec else { return 1 };
    let waits = !spec.depends_on.is_empty()
        || !spec.singleton.is_empty()
        || spec.not_before.is_some()
        || spec.deadline.is_some();
    if asks_for_share(spec) {
        SHARES
    } else if spec.groups.iter().any(|group| group.topology.is_some()) {
        TOPOLOGY
    } else if spec.groups.iter().any(|group| !group.variants.is_empty()) {
        VARIANTS
    } else if spec.array.is_some() {
        ARRAYS
    } else if !spec.restart.is_empty() || spec.groups.iter().any(|group| group.min > 0) {
        TASKS
    } else if waits || spec.preemptible.is_some() {
        TURNS
    } else {
        1
    }
}

/// A queue shares since the fifth, and has a weight, and a disruption budget, since the sixth. Who does not know what it says would not keep it.
fn level_of_queue(put: &PutQueue) -> u32 {
    let Some(spec) = &put.spec else { return 1 };
    let is_weighed = spec.weight > 0 || spec.half_life_ms > 0 || spec.min_run_time_ms.is_some();
    let is_spared = spec.disruptions.is_some();
    let shares = !spec.parent.is_empty() || !spec.nominal.is_empty();
    if is_weighed || is_spared {
        usage::SINCE
    } else if shares {
        5
    } else {
        1
    }
}

pub(crate) fn raise(act: &mut Act<'_>, raise: &RaiseLevel) -> Answer {
    let known = act.cluster.feature_level.max(1);
    let done = Ok(outcome::Result::Done(Done {}));
    if raise.level == known {
        return done;
    }
    if raise.level != known.saturating_add(1) {
        return Err(refuse::level_step(known, raise.level));
    }
    act.cluster.feature_level = raise.level;
    if raise.level == usage::SINCE {
        usage::begin(act);
    }
    let name = format!("cluster/{}", act.cluster.name);
    let level = raise.level.to_string();
    act.event(&name, "Level", format!("feature level {level}"));
    record::mutation(act, "raise-level", &name, &[("level", &level)]);
    done
}
