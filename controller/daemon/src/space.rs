//! Which commands need space, and when there is none for them. Knows commands by what they do to the size of the state.

use holdfast_api::store::command::Body;
use holdfast_api::store::transaction_step;
use holdfast_raft::Space;
use holdfast_types::{Problem, ProblemKind};

/// Whether a command makes the state larger by what somebody asked for. The others delete, or say what has become true;
/// they are taken as long as votes still fit on the disk.
pub(crate) fn grows(body: &Body) -> bool {
    match body {
        Body::InitCluster(_)
        | Body::CreateToken(_)
        | Body::EnrolNode(_)
        | Body::SubmitJob(_)
        | Body::CommitPlan(_)
        | Body::CommitVersion(_)
        | Body::ImportRelease(_)
        | Body::StartRollout(_)
        | Body::PutQueue(_)
        | Body::PutReservation(_) => true,
        Body::Transaction(transaction) => transaction.steps.iter().any(|step| {
            matches!(
                step.body,
                Some(
                    transaction_step::Body::SubmitJob(_)
                        | transaction_step::Body::PutQueue(_)
                        | transaction_step::Body::PutReservation(_)
                )
            )
        }),
        _ => false,
    }
}

/// The refusal of a command that needs space where the quota is used up.
pub(crate) fn over_quota(space: &Space, body: &Body) -> Option<Problem> {
    if !space.over_quota() || !grows(body) {
        return None;
    }
    let problem = Problem::new(1239, ProblemKind::Exhausted, "this controller's quota is used up")
        .because(format!(
            "its state takes {} bytes, at most {} are allowed",
            space.used_bytes, space.quota_bytes
        ))
        .next("delete finished jobs: holdfast job list, holdfast job delete NAME")
        .next("or raise `quota_bytes` in controller.toml and start the controller again");
    Some(problem)
}

#[cfg(test)]
mod tests {
    use holdfast_api::store::{DeleteQueue, PutQueue, Transaction, TransactionStep};

    use super::*;

    #[test]
    fn above_the_quota_only_what_makes_the_state_smaller_is_taken() {
        let space = Space { used_bytes: 11, quota_bytes: 10, ..Space::default() };
        let step = |body| Transaction {
            steps: vec![TransactionStep { body: Some(body), ..TransactionStep::default() }],
        };
        let put = Body::Transaction(step(transaction_step::Body::PutQueue(PutQueue::default())));
        let delete = Body::Transaction(step(transaction_step::Body::DeleteQueue(DeleteQueue::default())));
        assert!(over_quota(&space, &Body::PutQueue(PutQueue::default())).is_some());
        assert!(over_quota(&space, &put).is_some());
        assert!(over_quota(&space, &delete).is_none());
        assert!(over_quota(&space, &Body::DeleteQueue(DeleteQueue::default())).is_none());
        assert!(over_quota(&Space::default(), &put).is_none());
    }
}
