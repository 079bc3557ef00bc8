//! Answers the questions of the other members that ask for no vote: is a leader heard, am I a member, what is your state,
//! and the steps of a handover.

use std::sync::Arc;

use crate::codec::{point_in, point_out};
use crate::election::Heard;
use crate::handover;
use crate::log::LogStore;
use crate::points::{Point, Points, judge};
use crate::standing::Standing;
use crate::types::{Raft, Vote};
use crate::wire::{Envelope, VoteRequestMessage, VoteResponseMessage};

/// What the answers are made from.
pub(crate) struct Prober {
    pub(crate) raft: Raft,
    pub(crate) id: u64,
    pub(crate) heard: Arc<Heard>,
    pub(crate) standing: Standing,
    pub(crate) points: Points,
    pub(crate) log: LogStore,
}

/// What openraft's state says of the one who asks.
struct Asker {
    vote: Vote,
    removed: bool,
}

impl Prober {
    /// `Err` says why raft has stopped.
    pub(crate) async fn answer(
        &self,
        envelope: &Envelope,
        question: &VoteRequestMessage,
    ) -> Result<VoteResponseMessage, String> {
        let asker = self.asker(envelope).await?;
        // Who cannot write would only hand leadership on.
        let unfit = self.standing.excluded().map(|why| why.to_string()).or_else(|| self.log.refusing());
        let handover = match (&question.handover, unfit) {
            (Some(_), Some(why)) => Some(handover::refused(why)),
            (Some(step), None) => Some(handover::answer(&self.raft, self.id, envelope.from, step).await?),
            (None, _) => None,
        };
        let right = question.verdict.as_ref().and_then(point_in);
        if let Some(right) = right.filter(|_| leads(&asker.vote, envelope.from)) {
            judge(&(self.points)(), right, &self.standing);
        }
        let points: Vec<Point> = if question.compare { (self.points)() } else { Vec::new() };
        Ok(VoteResponseMessage {
            hears_leader: self.heard.leader(),
            handover,
            removed: asker.removed,
            points: points.iter().map(point_out).collect(),
            ..VoteResponseMessage::default()
        })
    }

    async fn asker(&self, envelope: &Envelope) -> Result<Asker, String> {
        let (from, configured) = (envelope.from, envelope.configured);
        let asked = self.raft.with_raft_state(move |state| {
            let committed = state.membership_state.committed();
            let removed = committed.log_id().is_some_and(|id| id.index > configured)
                && committed.membership().get_node(&from).is_none();
            Asker { vote: *state.vote_ref(), removed }
        });
        asked.await.map_err(|error| error.to_string())
    }
}

/// Whether this vote says that `id` leads.
fn leads(vote: &Vote, id: u64) -> bool {
    vote.committed && vote.leader_id.node_id == id
}
