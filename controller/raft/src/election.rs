//! Keeps a member from standing for election that could not win: openraft 0.9 has no pre-vote, so a member that was cut
//! off would come back with a higher term and depose a healthy leader. It may stand only while a quorum answers that it
//! hears no leader either.
//!
//! openraft's own clock for that draws a time between the shortest and the longest once the lease of the silent leader has run
//! out, and looks at it at every other heartbeat. So members stand one after the other from the shortest of these times on, in
//! the order of their ids: nobody sooner than openraft would, no two at once, and openraft's clock is left where they fail.

use std::sync::Arc;
use std::time::Duration;

use openraft::ServerState;
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

    /// When a leader was heard last.
    fn at(&self) -> Option<Instant> {
        *self.at.lock()
    }

    /// Whether a leader was heard within `age`, whoever it was.
    pub(crate) fn anybody(&self, age: Duration) -> bool {
        self.at().is_some_and(|at| at.elapsed() <= age)
    }

    /// Whether a leader was heard of late, or this member is one with a quorum.
    pub(crate) fn leader(&self) -> bool {
        self.leader_until().is_some()
    }

    /// Until when that holds if nothing more is heard.
    fn leader_until(&self) -> Option<Instant> {
        let now = Instant::now();
        let heard = self.at().map(|at| at + self.within).filter(|until| *until >= now);
        let leads = || self.tracker.quorum_within(self.within * 2) == Some(true);
        heard.or_else(|| leads().then(|| now + self.within))
    }
}

/// How long members wait for each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) heartbeat: Duration,
    /// A leader may be followed for so long after its last call; nobody votes for another one before.
    pub(crate) lease: Duration,
    /// How much longer a leader is waited for: one on a busy machine is late, not gone.
    pub(crate) patience: Duration,
}

impl Pace {
    /// The silence after which a member stands for which so many others have had their turn.
    fn turn(self, before: u32) -> Duration {
        self.lease + self.patience + self.heartbeat * before * 3 / 2
    }
}

/// Starts the task that lets this member stand for election or not.
pub(crate) fn start(
    raft: Raft,
    peers: Peers,
    heard: Arc<Heard>,
    standing: Standing,
    pace: Pace,
    tasks: &mut JoinSet<()>,
) {
    tasks.spawn(async move {
        let (mut stood, mut next) = (None, Instant::now());
        loop {
            tokio::time::sleep_until(next).await;
            next = Instant::now() + pace.heartbeat / 2;
            let mut may_stand = false;
            let leader = raft.metrics().borrow().current_leader;
            if let Some(until) = heard.leader_until() {
                standing.heard_leader();
                // Sooner there is nothing to see.
                next = next.max(until);
            } else {
                let views = ask_all(&raft, &peers, pace.heartbeat).await;
                if views.removed {
                    standing.exclude(Exclusion::Removed);
                }
                may_stand = views.quorum_hears_none && standing.excluded().is_none();
            }
            raft.runtime_config().elect(may_stand);
            // Once for each silence: where that fails the others and openraft's clock have their turn.
            let silent = heard.at().filter(|at| stood != Some(*at));
            // One that stands already, or leads, would only depose itself.
            let follows = raft.metrics().borrow().state == ServerState::Follower;
            let Some(at) = silent.filter(|_| may_stand && follows) else { continue };
            if at.elapsed() >= pace.turn(turns_before(&raft, peers.id, leader)) {
                stood = Some(at);
                // A raft that has stopped stands for nothing.
                drop(raft.trigger().elect().await);
            }
        }
    });
}

/// How many members have their turn before this one.
fn turns_before(raft: &Raft, id: u64, leader: Option<u64>) -> u32 {
    let metrics = raft.metrics();
    let metrics = metrics.borrow();
    let before = metrics.membership_config.membership().voter_ids();
    let before = before.filter(|voter| *voter < id && Some(*voter) != leader).count();
    u32::try_from(before).unwrap_or(u32::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_their_turns_one_after_the_other_and_none_sooner_than_by_chance() {
        let millis = Duration::from_millis;
        let pace = Pace { heartbeat: millis(100), lease: millis(600), patience: millis(300) };
        let turns: Vec<Duration> = (0..7).map(|before| pace.turn(before)).collect();
        assert!(turns.iter().all(|turn| *turn >= pace.lease + pace.patience), "{turns:?}");
        // The one before has been answered by then, or lost.
        assert!(turns.windows(2).all(|pair| pair[1] >= pair[0] + pace.heartbeat), "{turns:?}");
    }
}
