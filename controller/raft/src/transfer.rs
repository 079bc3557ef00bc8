//! Hands leadership to another member without waiting for the lease of this leader to run out.
//!
//! openraft 0.9 knows no handover, and a member refuses a candidate for as long as it has heard a leader within the
//! longest election time. That lease holds only while the member's vote is a *committed* one, and any call that carries a
//! greater vote raises it. So the leader of term T, called L, hands over to a voter called N like this:
//!
//! 1. Proposals wait, and those under way are waited for. N then matches L's log to its last entry.
//! 2. L tells every other voter to *release* it: to raise its vote to (T+1, N), not committed. L then does so itself, and
//!    leads no more.
//! 3. L tells N to stand for election. N asks for (T+1, N), which the others have promised already, and leads.
//!
//! *No two leaders.* A release is a promise not to follow smaller votes and is never counted as a grant: N leads only after a
//! quorum answered its own request, and each of them compared logs before it did. L commits nothing after a quorum has let
//! go of it, because its entries are then refused, and L learns so from the first refusal. Two candidates of one term differ
//! in the id and so in the vote, as in every election.
//!
//! *No acknowledged write is lost.* It is on a quorum, and N is elected by a quorum in which every log is no longer than
//! its own. That N matches L beforehand only makes its election likely.
//!
//! *Messages that are lost.* A member that was not released still holds its lease for L, as if nothing had happened; without
//! a quorum of releases L keeps the lead or loses it to an ordinary election. If the call to stand is lost, nobody leads,
//! every vote is uncommitted, and an ordinary election begins after one election time. In each case L takes proposals again,
//! and refuses them with the leader's name if it leads no more. Nothing here is durable but votes, and votes only rise.
//!
//! *Reads.* L must not serve reads on a lease, and does not: every read barrier asks a quorum.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::{RaftMetrics, ServerState};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, watch};
use tokio::time::{Instant, timeout};

use crate::codec::vote_out;
use crate::error::ChangeError;
use crate::handover;
use crate::log::LogStore;
use crate::peer::Peers;
use crate::tracker::leader_of;
use crate::types::{Member, Membership, Peer, Raft, Vote};
use crate::wire::{HandoverAnswerMessage, HandoverMessage, HandoverStep, VoteRequestMessage};

/// How long the next leader may take to come near before proposals wait for it.
const NEAR_TIMEOUT: Duration = Duration::from_secs(5);
/// How many entries it may be behind when proposals begin to wait.
const MOST_LAG: u64 = 100;
/// How long proposals under way may take to end, and the next leader to match the last entry.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long one step may take on another member; it includes one sync of its log.
const STEP_TIMEOUT: Duration = Duration::from_secs(1);

/// Hands leadership over, one transfer at a time.
pub(crate) struct Transfer {
    raft: Raft,
    log: LogStore,
    peers: Peers,
    /// Within this a member must have answered to count as reachable, and a new leader must show.
    patience: Duration,
    gate: RwLock<()>,
    one: tokio::sync::Mutex<()>,
}

type Metrics = RaftMetrics<u64, Peer>;

fn refused(reason: impl Into<String>) -> ChangeError {
    ChangeError::Refused(reason.into())
}

fn question(step: HandoverStep, vote: &Vote) -> VoteRequestMessage {
    let handover = HandoverMessage { step: step.into(), vote: Some(vote_out(vote)) };
    VoteRequestMessage { handover: Some(handover), ..VoteRequestMessage::default() }
}

fn lag(metrics: &Metrics, id: u64) -> Option<u64> {
    let matched = metrics.replication.as_ref()?.get(&id).copied().flatten()?;
    Some(metrics.last_log_index.unwrap_or(0).saturating_sub(matched.index))
}

/// How waiting for a value ended.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Yes,
    /// Nobody is left to change it.
    Ended,
    No,
}

/// Waits until a value is as wanted. The lock over it is let go before anything is answered: whoever held it and looked at
/// the same value once more would wait for the one who is about to write it, and that one for him.
async fn seen<T>(mut value: watch::Receiver<T>, within: Duration, wanted: impl FnMut(&T) -> bool) -> Seen {
    match timeout(within, value.wait_for(wanted)).await {
        Ok(Ok(_)) => Seen::Yes,
        Ok(Err(_)) => Seen::Ended,
        Err(_) => Seen::No,
    }
}

impl Transfer {
    pub(crate) fn new(raft: Raft, log: LogStore, peers: Peers, patience: Duration) -> Self {
        Self { raft, log, peers, patience, gate: RwLock::new(()), one: tokio::sync::Mutex::new(()) }
    }

    /// Held while a proposal is under way; waits while leadership is handed over.
    pub(crate) async fn open(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// Makes `to`, or the voter that is best prepared, the leader.
    pub(crate) async fn transfer(&self, to: Option<u64>) -> Result<Member, ChangeError> {
        let metrics = self.leading()?;
        let membership = metrics.membership_config.membership().clone();
        let to = match to {
            Some(to) => to,
            None => self.best(&metrics, &membership)?,
        };
        let Some(target) = membership.get_node(&to).map(|peer| peer.member(to)) else {
            return Err(refused(format!("there is no member {to}")));
        };
        if to == self.peers.id {
            return Ok(target);
        }
        let _one = self.one.try_lock().map_err(|_| refused("leadership is being handed over already"))?;
        let next = Vote::new(metrics.current_term.saturating_add(1), to);
        self.check(&membership, &target, &next).await?;
        self.caught_up(to, MOST_LAG, NEAR_TIMEOUT).await?;
        let _closed = self.close(to).await?;
        self.release(&membership, &target, next).await?;
        self.stand(&target, next).await
    }

    fn leading(&self) -> Result<Metrics, ChangeError> {
        let metrics = self.raft.metrics().borrow().clone();
        if metrics.state == ServerState::Leader {
            Ok(metrics)
        } else {
            Err(ChangeError::NotLeader { leader: leader_of(&metrics) })
        }
    }

    fn reaches(&self, id: u64) -> bool {
        id == self.peers.id || self.peers.contacts.within(id, self.patience)
    }

    /// The reachable voter that misses the least.
    fn best(&self, metrics: &Metrics, membership: &Membership) -> Result<u64, ChangeError> {
        membership
            .voter_ids()
            .filter(|id| *id != self.peers.id && self.reaches(*id))
            .filter_map(|id| Some((lag(metrics, id)?, id)))
            .min()
            .map(|(_, id)| id)
            .ok_or_else(|| refused("no other voter can be reached"))
    }

    /// Refuses what could not work before anything is done that costs time.
    async fn check(&self, membership: &Membership, to: &Member, next: &Vote) -> Result<(), ChangeError> {
        let (id, name) = (to.id, &to.name);
        if !membership.voter_ids().any(|voter| voter == id) {
            return Err(refused(format!("member {id} (`{name}`) is a learner, and only a voter can lead")));
        }
        if membership.get_joint_config().len() > 1 {
            return Err(refused("the membership is changing"));
        }
        let voters: Vec<u64> = membership.voter_ids().collect();
        let reachable = voters.iter().filter(|voter| self.reaches(**voter)).count();
        if !self.reaches(id) {
            return Err(refused(format!("member {id} (`{name}`) has not answered for {:?}", self.patience)));
        }
        if reachable <= voters.len() / 2 {
            return Err(refused(format!("of {} voters {reachable} can be reached now", voters.len())));
        }
        match self.ask(to, HandoverStep::Ready, next).await {
            Some(answer) if answer.accepted => Ok(()),
            Some(answer) => Err(refused(format!("member {id} (`{name}`) cannot lead: {}", answer.reason))),
            None => Err(refused(format!(
                "member {id} (`{name}`) does not answer, or its release cannot take over"
            ))),
        }
    }

    async fn ask(&self, of: &Member, step: HandoverStep, next: &Vote) -> Option<HandoverAnswerMessage> {
        self.peers.probe(of.clone(), question(step, next), STEP_TIMEOUT).await?.handover
    }

    /// Waits until a member is at most so many entries behind.
    async fn caught_up(&self, id: u64, most: u64, within: Duration) -> Result<(), ChangeError> {
        let near = |m: &Metrics| m.state != ServerState::Leader || lag(m, id).is_some_and(|lag| lag <= most);
        match seen(self.raft.metrics(), within, near).await {
            Seen::Yes => self.leading().map(drop),
            Seen::Ended => Err(ChangeError::Stopped("its metrics ended".to_owned())),
            Seen::No => Err(refused(format!("member {id} did not catch up within {within:?}"))),
        }
    }

    /// Makes proposals wait, once those under way have ended and the next leader has every entry.
    async fn close(&self, id: u64) -> Result<RwLockWriteGuard<'_, ()>, ChangeError> {
        let closed = timeout(DRAIN_TIMEOUT, self.gate.write()).await;
        let closed = closed.map_err(|_| refused("writes under way do not end"))?;
        // One way through openraft's queue: what was proposed before is then in the log.
        let queued = self.raft.with_raft_state(|_| ()).await;
        queued.map_err(|fatal| ChangeError::Stopped(fatal.to_string()))?;
        let last = self.log.last();
        let matched = |m: &Metrics| {
            let known = m.replication.as_ref().and_then(|all| all.get(&id).copied().flatten());
            m.state != ServerState::Leader || known >= last
        };
        match seen(self.raft.metrics(), DRAIN_TIMEOUT, matched).await {
            Seen::Yes => self.leading().map(|_| closed),
            Seen::Ended => Err(ChangeError::Stopped("its metrics ended".to_owned())),
            Seen::No => {
                Err(refused(format!("member {id} did not match the last entry within {DRAIN_TIMEOUT:?}")))
            }
        }
    }

    /// Lets every other voter go, and this member last. The next leader needs no release: standing raises its vote.
    async fn release(&self, membership: &Membership, to: &Member, next: Vote) -> Result<(), ChangeError> {
        let others =
            membership.voter_ids().filter(|id| ![self.peers.id, to.id].contains(id) && self.reaches(*id));
        let asked = others.filter_map(|id| {
            let member = membership.get_node(&id)?.member(id);
            Some(async move {
                let answer = self.ask(&member, HandoverStep::Release, &next).await;
                answer.is_some_and(|answer| answer.accepted).then_some(id)
            })
        });
        let released = futures::future::join_all(asked).await;
        let mut free: BTreeSet<u64> = released.into_iter().flatten().collect();
        free.extend([self.peers.id, to.id]);
        if free.len() <= membership.voter_ids().count() / 2 {
            return Err(refused("too few voters answered to elect the next leader"));
        }
        let own = handover::release(&self.raft, next).await;
        own.map_err(|fatal| ChangeError::Stopped(fatal.to_string()))
    }

    /// Tells the next leader to stand, and waits until somebody leads.
    async fn stand(&self, to: &Member, next: Vote) -> Result<Member, ChangeError> {
        let deadline = Instant::now() + self.patience;
        let mut told = self.ask(to, HandoverStep::Stand, &next).await;
        if told.is_none() {
            // A call that was lost on the way is worth one more; standing twice is harmless.
            told = self.ask(to, HandoverStep::Stand, &next).await;
        }
        let mut metrics = self.raft.metrics();
        let led = metrics.wait_for(|m| m.current_term >= next.leader_id.term && m.current_leader.is_some());
        let leader = tokio::time::timeout_at(deadline, led).await;
        let leader = leader.ok().and_then(Result::ok).and_then(|m| leader_of(&m));
        match leader {
            Some(leader) if leader.id == to.id => Ok(leader),
            Some(leader) => Err(refused(format!("`{}` was elected instead", leader.name))),
            None => {
                let why = told.map_or_else(|| "it did not answer".to_owned(), |answer| answer.reason);
                Err(refused(format!("`{}` was not elected in time; an election follows: {why}", to.name)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value is about to be written at the moment it is found as wanted: the next look at it must not wait for ever.
    #[tokio::test]
    async fn what_was_seen_can_be_looked_at_again_while_somebody_waits_to_write_it() {
        let (sender, receiver) = watch::channel(0_u32);
        let (mut unused, mut writing) = (Some(sender), None);
        let ended = seen(receiver.clone(), Duration::from_secs(60), |_| {
            // The lock is held here, so that the thread waits for it.
            writing = unused.take().map(|sender| std::thread::spawn(move || sender.send_replace(1)));
            true
        });
        assert_eq!(ended.await, Seen::Yes);
        // With the lock still held by what was seen, neither of the two would come back.
        assert_eq!(writing.unwrap().join().unwrap(), 0);
        assert_eq!(*receiver.borrow(), 1);
        assert_eq!(seen(receiver.clone(), Duration::from_secs(60), |value| *value == 2).await, Seen::Ended);
        let (_sender, receiver) = watch::channel(0_u32);
        assert_eq!(seen(receiver, Duration::ZERO, |value| *value == 2).await, Seen::No);
    }
}
