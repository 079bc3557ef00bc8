//! The feature level: which commands every member of the cluster knows. A command newer than the level is refused, because a
//! member that does not know it would come to another state. Commands are never taken back, so the level only rises.

use holdfast_api::store::{Done, PutQueue, RaiseLevel, TransactionStep, command, outcome, transaction_step};

use crate::act::{Act, Answer};
use crate::{record, refuse};

/// The newest level that this release knows. A cluster that it founds begins here; an older one is raised to it when all
/// of its members run it.
pub const NEWEST_LEVEL: u32 = 4;
/// From here on the id of the request is kept with what it led to. Members that do not know it would keep nothing.
pub(crate) const REQUEST_IDS: u32 = 3;

/// The level at which a command came into being. What mends or raises a cluster works at every level.
pub(crate) fn level_of(body: &command::Body) -> u32 {
    match body {
        // What a node runs from is kept since the fourth.
        command::Body::ReportNode(report) if report.system.is_some() => 4,
        command::Body::ReportNode(_) => 1,
        command::Body::ChangeNode(change) if change.change == "reset" => 4,
        command::Body::EnrolNode(enrol) if enrol.controller => 4,
        // Who does not know what a queue shares would not keep it.
        command::Body::PutQueue(put) if shares(put) => 4,
        command::Body::Transaction(transaction) if transaction.steps.iter().any(step_shares) => 4,
        command::Body::InitCluster(_)
        | command::Body::CreateToken(_)
        | command::Body::EnrolNode(_)
        | command::Body::RotateNode(_)
        | command::Body::ChangeNode(_)
        | command::Body::SetNodePhase(_)
        | command::Body::SubmitJob(_)
        | command::Body::CancelJob(_)
        | command::Body::DeleteJob(_)
        | command::Body::CommitPlan(_)
        | command::Body::ReportTasks(_)
        | command::Body::CommitVersion(_)
        | command::Body::SetReplicas(_)
        | command::Body::PutQueue(_)
        | command::Body::DeleteQueue(_)
        | command::Body::RecordDecisions(_)
        | command::Body::CommitCheckpoint(_)
        | command::Body::BeginIncarnation(_)
        | command::Body::RaiseLevel(_) => 1,
        command::Body::Transaction(_)
        | command::Body::AdmitController(_)
        | command::Body::SettleController(_)
        | command::Body::SetRecipients(_) => 2,
        command::Body::TrustReleases(_)
        | command::Body::ImportRelease(_)
        | command::Body::StartRollout(_)
        | command::Body::ChangeRollout(_)
        | command::Body::StepRollout(_) => 4,
    }
}

fn step_shares(step: &TransactionStep) -> bool {
    matches!(&step.body, Some(transaction_step::Body::PutQueue(put)) if shares(put))
}

fn shares(put: &PutQueue) -> bool {
    put.spec.as_ref().is_some_and(|spec| !spec.parent.is_empty() || !spec.nominal.is_empty())
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
    let name = format!("cluster/{}", act.cluster.name);
    let level = raise.level.to_string();
    act.event(&name, "Level", format!("feature level {level}"));
    record::mutation(act, "raise-level", &name, &[("level", &level)]);
    done
}
