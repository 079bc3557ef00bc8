//! Changes of the membership, one at a time and only such that a quorum stays reachable.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::error::{ClientWriteError, RaftError};
use openraft::raft::ClientWriteResponse;
use openraft::{ChangeMembers, ServerState};

use crate::error::ChangeError;
use crate::peer::Contacts;
use crate::tracker::leader_of;
use crate::types::{Member, Peer, Raft, TypeConfig};

/// How many entries a learner may be behind when it becomes a voter.
const MOST_LAG: u64 = 100;
/// How long a change may take to be committed.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes changes, one at a time.
pub(crate) struct Changer {
    raft: Raft,
    id: u64,
    contacts: Contacts,
    /// Within this a member must have answered to count as reachable.
    reachable_within: Duration,
    gate: tokio::sync::Mutex<()>,
}

type Written = Result<ClientWriteResponse<TypeConfig>, RaftError<u64, ClientWriteError<u64, Peer>>>;

fn refused(reason: impl Into<String>) -> ChangeError {
    ChangeError::Refused(reason.into())
}

impl Changer {
    pub(crate) fn new(raft: Raft, id: u64, contacts: Contacts, reachable_within: Duration) -> Self {
        Self { raft, id, contacts, reachable_within, gate: tokio::sync::Mutex::new(()) }
    }

    /// openraft looks at changes under way before it looks at who leads, so that is asked first.
    fn begin(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, ChangeError> {
        let metrics = self.raft.metrics().borrow().clone();
        if metrics.state != ServerState::Leader {
            return Err(ChangeError::NotLeader { leader: leader_of(&metrics) });
        }
        self.gate.try_lock().map_err(|_| refused("another change is under way"))
    }

    pub(crate) async fn add_learner(&self, member: Member) -> Result<(), ChangeError> {
        let _one = self.begin()?;
        let metrics = self.raft.metrics().borrow().clone();
        let known = metrics.membership_config.membership().get_node(&member.id).cloned();
        if known.is_some_and(|peer| peer != Peer::from(&member)) {
            return Err(refused(format!("member {} exists with another address or name", member.id)));
        }
        self.commit(self.raft.add_learner(member.id, Peer::from(&member), false)).await
    }

    pub(crate) async fn remove_learner(&self, id: u64) -> Result<(), ChangeError> {
        let _one = self.begin()?;
        let change = ChangeMembers::RemoveNodes(BTreeSet::from([id]));
        self.commit(self.raft.change_membership(change, true)).await
    }

    /// Makes these the voters; a voter that is left out leaves the cluster.
    pub(crate) async fn change(&self, voters: BTreeSet<u64>) -> Result<(), ChangeError> {
        let _one = self.begin()?;
        self.check(&voters)?;
        self.commit(self.raft.change_membership(ChangeMembers::ReplaceAllVoters(voters), false)).await
    }

    fn check(&self, voters: &BTreeSet<u64>) -> Result<(), ChangeError> {
        let metrics = self.raft.metrics().borrow().clone();
        let Some(replication) = &metrics.replication else {
            return Err(ChangeError::NotLeader { leader: leader_of(&metrics) });
        };
        let membership = metrics.membership_config.membership();
        let now: BTreeSet<u64> = membership.voter_ids().collect();
        if now.symmetric_difference(voters).count() > 1 {
            return Err(refused("more than one voter would change at once"));
        }
        let last = metrics.last_log_index.unwrap_or(0);
        for id in voters.difference(&now) {
            let matched = replication.get(id).copied().flatten().map(|id| id.index);
            let near = matched.is_some_and(|matched| last.saturating_sub(matched) <= MOST_LAG);
            if membership.get_node(id).is_none() || !near {
                return Err(refused(format!("member {id} is not a learner that has caught up")));
            }
        }
        let reachable = voters.iter().filter(|id| self.reaches(**id)).count();
        if reachable <= voters.len() / 2 {
            let count = voters.len();
            return Err(refused(format!(
                "of the {count} voters there would be, {reachable} can be reached now"
            )));
        }
        Ok(())
    }

    fn reaches(&self, id: u64) -> bool {
        id == self.id || self.contacts.within(id, self.reachable_within)
    }

    async fn commit(&self, change: impl Future<Output = Written>) -> Result<(), ChangeError> {
        let Ok(written) = tokio::time::timeout(CHANGE_TIMEOUT, change).await else {
            return Err(ChangeError::Unknown);
        };
        match written {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                let leader = forward.leader_id.zip(forward.leader_node).map(|(id, peer)| peer.member(id));
                Err(ChangeError::NotLeader { leader })
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(error))) => {
                Err(refused(error.to_string()))
            }
            Err(RaftError::Fatal(fatal)) => Err(ChangeError::Stopped(fatal.to_string())),
        }
    }
}
