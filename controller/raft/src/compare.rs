//! Holds the states of the members against each other: every member remembers the hash of its state at every 256th entry,
//! the leader gathers them, and a member that differs from a majority of the voters takes itself out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openraft::ServerState;
use tokio::task::JoinSet;

use crate::codec::{point_out, points_in};
use crate::digest::StateHash;
use crate::peer::Peers;
use crate::points::{Point, Points, judge};
use crate::standing::{Exclusion, Standing};
use crate::transfer::Transfer;
use crate::types::{Member, Raft};
use crate::wire::VoteRequestMessage;

/// How long a member may take to say its hashes.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// What comparing needs.
pub(crate) struct Compare {
    pub(crate) raft: Raft,
    pub(crate) peers: Peers,
    pub(crate) points: Points,
    pub(crate) standing: Standing,
    pub(crate) transfer: Arc<Transfer>,
}

/// Starts the task that compares whenever this member leads.
pub(crate) fn start(compare: Compare, every: Duration, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            compare.round().await;
        }
    });
}

impl Compare {
    async fn round(&self) {
        let metrics = self.raft.metrics().borrow().clone();
        if metrics.state != ServerState::Leader {
            return;
        }
        let membership = metrics.membership_config.membership();
        let others: Vec<Member> = membership
            .nodes()
            .filter(|(id, _)| **id != self.peers.id)
            .map(|(id, peer)| peer.member(*id))
            .collect();
        let asked = others.iter().map(|member| async move {
            let question = VoteRequestMessage { compare: true, ..VoteRequestMessage::default() };
            let answer = self.peers.probe(member.clone(), question, ASK_TIMEOUT).await?;
            Some((member.id, points_in(&answer.points)))
        });
        let answers = futures::future::join_all(asked).await;
        let mut points: BTreeMap<u64, Vec<Point>> = answers.into_iter().flatten().collect();
        points.insert(self.peers.id, (self.points)());
        let voters: Vec<u64> = membership.voter_ids().collect();
        let Some(right) = majority(&points, &voters) else { return };
        let wrong = differing(&points, right);
        for member in others.iter().filter(|member| wrong.contains(&member.id)) {
            tracing::error!(member = member.name, entry = right.0, "the state of a controller differs");
            self.tell(member, right).await;
        }
        if wrong.contains(&self.peers.id) {
            judge(&(self.points)(), right, &self.standing);
        }
        // A leader whose state is wrong leads on only while nobody else can.
        if matches!(self.standing.excluded(), Some(Exclusion::Diverged { .. }))
            && let Err(error) = self.transfer.transfer(None).await
        {
            tracing::error!(%error, "a leader with a wrong state cannot hand over");
        }
    }

    async fn tell(&self, member: &Member, right: Point) {
        let verdict =
            VoteRequestMessage { verdict: Some(point_out(&right)), ..VoteRequestMessage::default() };
        // A member that does not hear it is told in the next round.
        drop(self.peers.probe(member.clone(), verdict, ASK_TIMEOUT).await);
    }
}

/// The latest point at which a majority of the voters have one hash.
fn majority(points: &BTreeMap<u64, Vec<Point>>, voters: &[u64]) -> Option<Point> {
    let mut counts: BTreeMap<(u64, [u8; 32]), usize> = BTreeMap::new();
    for (index, hash) in voters.iter().filter_map(|voter| points.get(voter)).flatten() {
        *counts.entry((*index, hash.to_bytes())).or_default() += 1;
    }
    let ((index, hash), _) = counts.into_iter().rev().find(|(_, count)| *count > voters.len() / 2)?;
    Some((index, StateHash::from_bytes(&hash)?))
}

/// The members that have another hash at this point.
fn differing(points: &BTreeMap<u64, Vec<Point>>, right: Point) -> Vec<u64> {
    let differs = |points: &[Point]| points.iter().any(|(index, hash)| *index == right.0 && *hash != right.1);
    points.iter().filter(|(_, points)| differs(points)).map(|(id, _)| *id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_of_all_voters_is_right_and_not_of_those_that_answer() {
        let hash = |byte: u8| StateHash::from_bytes(&[byte; 32]).unwrap();
        let points = |all: &[(u64, &[(u64, u8)])]| -> BTreeMap<u64, Vec<Point>> {
            let of =
                |points: &[(u64, u8)]| points.iter().map(|(index, byte)| (*index, hash(*byte))).collect();
            all.iter().map(|(id, points)| (*id, of(points))).collect()
        };
        let one_off =
            points(&[(1, &[(256, 1), (512, 9)]), (2, &[(256, 1), (512, 2)]), (3, &[(256, 1), (512, 2)])]);
        assert_eq!(majority(&one_off, &[1, 2, 3]), Some((512, hash(2))));
        assert_eq!(differing(&one_off, (512, hash(2))), [1]);
        // Nobody can tell who of two is right, and a learner has no say but can be wrong.
        let two = points(&[(1, &[(256, 1)]), (2, &[(256, 2)]), (4, &[(256, 2)])]);
        assert_eq!(majority(&two, &[1, 2, 3]), None);
        let learner = points(&[(1, &[(256, 1)]), (2, &[(256, 1)]), (4, &[(256, 2)])]);
        assert_eq!(differing(&learner, majority(&learner, &[1, 2, 3]).unwrap()), [4]);
        // One that lags is compared where it has been.
        let late = points(&[(1, &[(512, 1)]), (2, &[(256, 7), (512, 1)]), (3, &[(256, 7)])]);
        assert_eq!(majority(&late, &[1, 2, 3]), Some((512, hash(1))));
    }
}
