//! The answering side of a handover, see [`transfer`](crate::transfer): the leader asks a member whether it could lead, to
//! let go of the leader, and to stand for election.

use openraft::error::{Fatal, RaftError};
use openraft::raft::AppendEntriesRequest;

use crate::codec::vote_in;
use crate::types::{Raft, Vote, log_id};
use crate::wire::{HandoverAnswerMessage, HandoverMessage, HandoverStep};

/// The answer that refuses a step.
pub(crate) fn refused(reason: impl Into<String>) -> HandoverAnswerMessage {
    HandoverAnswerMessage { accepted: false, reason: reason.into() }
}

fn accepted() -> HandoverAnswerMessage {
    HandoverAnswerMessage { accepted: true, reason: String::new() }
}

/// Does what the leader asks, if it is the leader that asks. `Err` says why raft has stopped.
pub(crate) async fn answer(
    raft: &Raft,
    id: u64,
    from: u64,
    message: &HandoverMessage,
) -> Result<HandoverAnswerMessage, String> {
    let stopped = |fatal: Fatal<u64>| fatal.to_string();
    let Ok(next) = vote_in(message.vote.as_ref()) else {
        return Ok(refused("the step lacks the vote of the leader to be"));
    };
    let (ours, voter) = raft
        .with_raft_state(move |state| {
            (
                *state.vote_ref(),
                state.membership_state.effective().membership().voter_ids().any(|voter| voter == id),
            )
        })
        .await
        .map_err(stopped)?;
    if let Some(reason) = unfit(&ours, &next, from) {
        return Ok(refused(reason));
    }
    match message.step() {
        HandoverStep::Ready | HandoverStep::Stand if !voter => Ok(refused("it is no voter")),
        HandoverStep::Ready if next.leader_id.node_id != id => Ok(refused("another member is to lead")),
        HandoverStep::Ready => Ok(accepted()),
        HandoverStep::Release => {
            release(raft, next).await.map_err(stopped)?;
            Ok(accepted())
        }
        HandoverStep::Stand if next.leader_id.node_id == id => {
            raft.trigger().elect().await.map_err(stopped)?;
            Ok(accepted())
        }
        HandoverStep::Stand | HandoverStep::Unspecified => Ok(refused("the step is not known here")),
    }
}

/// Only the leader this member follows may hand over, and only to the next term. A step that comes twice is harmless.
fn unfit(ours: &Vote, next: &Vote, from: u64) -> Option<&'static str> {
    if next.committed {
        return Some("only an election commits a vote");
    }
    let follows = ours.committed && ours.leader_id.node_id == from;
    let released = *ours == *next;
    let successor = ours.leader_id.term.checked_add(1) == Some(next.leader_id.term);
    (!(released || follows && successor)).then_some("it does not follow the member that hands over")
}

/// Raises this member's vote to `next`, which ends the lease of the leader it followed: openraft holds candidates off
/// only while the vote is a committed one. openraft takes a vote with any call that carries one, but offers no call for
/// the vote alone. This one carries no entry and refers to an entry that no log can hold, so that it conflicts behind
/// the end of the log: nothing is accepted, committed or truncated.
pub(crate) async fn release(raft: &Raft, next: Vote) -> Result<(), Fatal<u64>> {
    let nowhere = log_id(next.leader_id.term, next.leader_id.node_id, u64::MAX);
    let request = AppendEntriesRequest {
        vote: next,
        prev_log_id: Some(nowhere),
        entries: Vec::new(),
        leader_commit: None,
    };
    match raft.append_entries(request).await {
        Ok(_) | Err(RaftError::APIError(_)) => Ok(()),
        Err(RaftError::Fatal(fatal)) => Err(fatal),
    }
}
