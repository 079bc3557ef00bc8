//! How often each command was proposed here, and how often each was refused with which code. A leaf.

use std::collections::BTreeMap;

use holdfast_api::problem_from_status;
use holdfast_api::store::command::Body;
use parking_lot::Mutex;
use tonic::Status;

/// Codes are ours and few; were they not, the rest would be counted together.
const MAX_CODES: usize = 128;
/// The row of what has none of its own.
const OTHER: &str = "other";

/// The counts since the start.
#[derive(Debug, Default)]
pub(crate) struct CommandCounts {
    accepted: Mutex<BTreeMap<&'static str, u64>>,
    refused: Mutex<BTreeMap<String, u64>>,
}

impl CommandCounts {
    /// Counts how a command ended.
    pub(crate) fn count<T>(&self, command: &'static str, ended: &Result<T, Status>) {
        match ended {
            Ok(_) => *self.accepted.lock().entry(command).or_default() += 1,
            Err(status) => {
                let code = problem_from_status(status).code.to_string();
                let mut refused = self.refused.lock();
                let full = refused.len() >= MAX_CODES && !refused.contains_key(&code);
                *refused.entry(if full { OTHER.to_owned() } else { code }).or_default() += 1;
            }
        }
    }

    /// How often each was accepted.
    pub(crate) fn accepted(&self) -> BTreeMap<&'static str, u64> {
        self.accepted.lock().clone()
    }

    /// How often commands were refused, by code.
    pub(crate) fn refused(&self) -> BTreeMap<String, u64> {
        self.refused.lock().clone()
    }
}

/// The name of a command, as in its .proto file.
pub(crate) fn name(body: Option<&Body>) -> &'static str {
    match body {
        Some(Body::InitCluster(_)) => "init_cluster",
        Some(Body::CreateToken(_)) => "create_token",
        Some(Body::EnrolNode(_)) => "enrol_node",
        Some(Body::RotateNode(_)) => "rotate_node",
        Some(Body::ChangeNode(_)) => "change_node",
        Some(Body::ReportNode(_)) => "report_node",
        Some(Body::SetNodePhase(_)) => "set_node_phase",
        Some(Body::SubmitJob(_)) => "submit_job",
        Some(Body::CancelJob(_)) => "cancel_job",
        Some(Body::DeleteJob(_)) => "delete_job",
        Some(Body::CommitPlan(_)) => "commit_plan",
        Some(Body::ReportTasks(_)) => "report_tasks",
        Some(Body::CommitVersion(_)) => "commit_version",
        Some(Body::SetReplicas(_)) => "set_replicas",
        Some(Body::PutQueue(_)) => "put_queue",
        Some(Body::DeleteQueue(_)) => "delete_queue",
        Some(Body::PutReservation(_)) => "put_reservation",
        Some(Body::DeleteReservation(_)) => "delete_reservation",
        Some(Body::RecordDecisions(_)) => "record_decisions",
        Some(Body::CommitCheckpoint(_)) => "commit_checkpoint",
        Some(Body::Transaction(_)) => "transaction",
        Some(Body::BeginIncarnation(_)) => "begin_incarnation",
        Some(Body::RaiseLevel(_)) => "raise_level",
        Some(Body::AdmitController(_)) => "admit_controller",
        Some(Body::SettleController(_)) => "settle_controller",
        Some(Body::SetRecipients(_)) => "set_recipients",
        Some(Body::TrustReleases(_)) => "trust_releases",
        Some(Body::ImportRelease(_)) => "import_release",
        Some(Body::StartRollout(_)) => "start_rollout",
        Some(Body::ChangeRollout(_)) => "change_rollout",
        Some(Body::StepRollout(_)) => "step_rollout",
        Some(Body::FailOverdue(_)) => "fail_overdue",
        None => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_refusals_are_counted_apart_and_without_end_only_together() {
        let counts = CommandCounts::default();
        counts.count("put_queue", &Ok(()));
        for code in 1..300 {
            let problem = holdfast_types::Problem::new(code, holdfast_types::ProblemKind::Refused, "no");
            counts.count::<()>("put_queue", &Err(holdfast_api::status_from_problem(&problem)));
        }
        assert_eq!(counts.accepted(), [("put_queue", 1)].into());
        let refused = counts.refused();
        assert_eq!((refused.len(), refused["E0001"], refused[OTHER]), (MAX_CODES + 1, 1, 171));
    }
}
