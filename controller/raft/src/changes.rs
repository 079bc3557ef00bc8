//! The handle to one member: change the membership, hand leadership over.

use std::collections::BTreeSet;

use crate::error::ChangeError;
use crate::machine::Machine;
use crate::membership::Changed;
use crate::node::RaftNode;
use crate::types::Member;

impl<M: Machine> RaftNode<M> {
    /// Adds a member that receives the log and does not count for the quorum.
    ///
    /// # Errors
    ///
    /// This member does not lead, another change is under way, or the id is taken.
    pub async fn add_learner(&self, member: Member) -> Result<(), ChangeError> {
        self.inner.changer.add_learner(member).await
    }

    /// Removes a member that is not a voter.
    ///
    /// # Errors
    ///
    /// As for [`RaftNode::add_learner`].
    pub async fn remove_learner(&self, id: u64) -> Result<(), ChangeError> {
        self.inner.changer.remove_learner(id).await
    }

    /// Makes these the voters. At most one voter comes or goes; one that goes leaves the cluster, one that comes is a
    /// learner that has caught up.
    ///
    /// # Errors
    ///
    /// As for [`RaftNode::add_learner`], or too few of the voters can be reached.
    pub async fn change_membership(&self, voters: BTreeSet<u64>) -> Result<(), ChangeError> {
        self.inner.changer.change(voters).await
    }

    /// Makes a learner a voter, once it has caught up.
    ///
    /// # Errors
    ///
    /// As for [`RaftNode::change_membership`], or the learner makes no progress.
    pub async fn promote(&self, id: u64) -> Result<Changed, ChangeError> {
        self.inner.changer.promote(id).await
    }

    /// Removes a member, dead or alive. A leader that is to go hands over first and then answers who leads.
    ///
    /// # Errors
    ///
    /// As for [`RaftNode::change_membership`].
    pub async fn remove(&self, id: u64) -> Result<Changed, ChangeError> {
        self.hand_over_if_leaving(id).await?;
        self.inner.changer.remove(id).await
    }

    /// Puts a new member in the place of a voter, dead or alive: it joins, catches up, and takes the other's vote in one
    /// change. A leader that is to go hands over first and then answers who leads.
    ///
    /// # Errors
    ///
    /// As for [`RaftNode::promote`].
    pub async fn replace(&self, old: u64, new: Member) -> Result<Changed, ChangeError> {
        self.hand_over_if_leaving(old).await?;
        self.inner.changer.replace(old, new).await
    }

    async fn hand_over_if_leaving(&self, id: u64) -> Result<(), ChangeError> {
        if id != self.inner.options.id || !self.is_leader() {
            return Ok(());
        }
        let leader = self.transfer_leader(None).await?;
        Err(ChangeError::NotLeader { leader: Some(leader) })
    }

    /// Hands leadership to this voter, or to the one that is best prepared, without waiting for an election time. Proposals
    /// wait meanwhile and are then sent on to the new leader. To the leader itself it does nothing.
    ///
    /// # Errors
    ///
    /// This member does not lead, or the other cannot: it is no voter, does not answer, is too far behind or was not
    /// elected. Proposals are taken again, by this member or by whoever is elected.
    pub async fn transfer_leader(&self, to: Option<u64>) -> Result<Member, ChangeError> {
        self.inner.transfer.transfer(to).await
    }
}
