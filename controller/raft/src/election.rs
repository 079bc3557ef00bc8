//! Keeps a member from standing for election that could not win: openraft 0.9 has no pre-vote, so a member that was cut
//! off would come back with a higher term and depose a healthy leader. It may stand only while a quorum answers that it
//! hears no leader either.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::peer::Peers;
use crate::standing::{Exclusion, Standing};
use crate::tracker::Tracker;
use crate::types::{Membership, Raft};
use crate::wire::{VoteRequestMessage, VoteResponseMessage};

/// Whether this member hears a leader.
pub(crate) struct Heard {
    at: Mutex<Option<Instant>>,
    /// A leader that was silent for longer is not heard any more; shorter than any election timeout.
    within: Duration,
    tracker: Arc<Tracker>,
}

impl Heard {
    pub(crate) fn new(within: Duration, tracker: Arc<Tracker>) -> Self {
        Self { at: Mutex::new(None), within, tracker }
    }

    /// A call of the present leader came in.
    pub(crate) fn note(&self) {
        *self.at.lock() = Some(Instant::now());
    }

    /// Whether a leader was heard of late, or this member is one with a quorum.
    pub(crate) fn leader(&self) -> bool {
        self.at.lock().is_some_and(|at| at.elapsed() <= self.within)
            || self.tracker.quorum_within(self.within * 2) == Some(true)
    }
}

/// Starts the task that lets this member stand for election or not.
pub(crate) fn start(
    raft: Raft,
    peers: Peers,
    heard: Arc<Heard>,
    standing: Standing,
    every: Duration,
    tasks: &mut JoinSet<()>,
) {
    tasks.spawn(async move {
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let mut may_stand = false;
            if heard.leader() {
                standing.heard_leader();
            } else {
                let views = ask_all(&raft, &peers, every).await;
                if views.removed {
                    standing.exclude(Exclusion::Removed);
                }
                may_stand = views.quorum_hears_none && standing.excluded().is_none();
            }
            raft.runtime_config().elect(may_stand);
        }
    });
}

/// What the others answer to a member that hears no leader.
struct Views {
    quorum_hears_none: bool,
    removed: bool,
}

async fn ask_all(raft: &Raft, peers: &Peers, timeout: Duration) -> Views {
    let membership = raft.metrics().borrow().membership_config.membership().clone();
    let others = membership.voter_ids().filter(|id| *id != peers.id);
    let asked = others.filter_map(|id| {
        let member = membership.get_node(&id)?.member(id);
        Some(async move { (id, peers.probe(member, VoteRequestMessage::default(), timeout).await) })
    });
    let answers = futures::future::join_all(asked).await;
    let hears_none = |answer: &Option<VoteResponseMessage>| answer.as_ref().is_some_and(|a| !a.hears_leader);
    let mut leaderless: Vec<u64> =
        answers.iter().filter(|(_, answer)| hears_none(answer)).map(|(id, _)| *id).collect();
    leaderless.push(peers.id);
    let told = answers.iter().any(|(_, answer)| answer.as_ref().is_some_and(|a| a.removed));
    // A configuration without this member may reach it before its removal does.
    let left = membership.nodes().next().is_some() && membership.get_node(&peers.id).is_none();
    Views { quorum_hears_none: is_quorum(&membership, &leaderless), removed: told || left }
}

/// Whether these are a majority of every set of voters.
fn is_quorum(membership: &Membership, ids: &[u64]) -> bool {
    let sets = membership.get_joint_config();
    !sets.is_empty()
        && sets.iter().all(|set| set.iter().filter(|id| ids.contains(id)).count() > set.len() / 2)
}
