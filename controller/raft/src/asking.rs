//! What a member is asked in the course of a command or a read: to commit, and to prove that it leads.

use crate::error::{ProposeError, ReadError};
use crate::machine::Machine;
use crate::node::RaftNode;
use crate::standing::Exclusion;

/// What commands that may take from the reserve leave for votes and marks.
const KEPT_ROOM: u64 = 128 << 10;

impl<M: Machine> RaftNode<M> {
    /// Commits a command and answers what the machine answered. Commands of many callers travel together.
    ///
    /// # Errors
    ///
    /// Every error but [`ProposeError::Unknown`] means that the command was not taken.
    pub async fn propose(&self, command: Vec<u8>) -> Result<Vec<u8>, ProposeError> {
        match self.inner.log.refusing() {
            Some(reason) => Err(ProposeError::Storage { reason }),
            None => self.take(command).await,
        }
    }

    /// As [`RaftNode::propose`], for commands that make the state smaller or keep it true: where there is no space they may
    /// take from the reserve, as long as votes still fit.
    ///
    /// # Errors
    ///
    /// As for [`RaftNode::propose`].
    pub async fn propose_from_reserve(&self, command: Vec<u8>) -> Result<Vec<u8>, ProposeError> {
        let needed = u64::try_from(command.len()).unwrap_or(u64::MAX).saturating_add(KEPT_ROOM);
        match self.inner.log.refusing() {
            Some(reason) if needed > self.inner.log.room() => Err(ProposeError::Storage { reason }),
            _ => self.take(command).await,
        }
    }

    async fn take(&self, command: Vec<u8>) -> Result<Vec<u8>, ProposeError> {
        let inner = &self.inner;
        if let Some(reason) = inner.log.failure() {
            return Err(ProposeError::Storage { reason });
        }
        // A leader that lost its quorum cannot commit: better to say so than to let callers wait.
        if inner.tracker.quorum_within(inner.options.election.1 * 2) == Some(false) {
            return Err(ProposeError::NotLeader { leader: None });
        }
        let open = inner.transfer.open().await;
        if let Some(why) = inner.standing.excluded() {
            return Err(ProposeError::Excluded(why));
        }
        let answer = inner.proposer.propose(command).await;
        drop(open);
        match (answer, inner.log.failure()) {
            (Err(ProposeError::Storage { .. }), Some(reason)) => Err(ProposeError::Storage { reason }),
            (answer, _) => answer,
        }
    }

    /// Waits until this member, as the leader, has applied everything that was committed before the call.
    ///
    /// # Errors
    ///
    /// This member does not lead, or cannot confirm in time that it still does.
    pub async fn read_barrier(&self) -> Result<u64, ReadError> {
        let barrier = self.inner.barrier.wait().await;
        match (barrier, self.inner.standing.excluded()) {
            (Ok(_), Some(why)) => Err(ReadError::Excluded(why)),
            (barrier, _) => barrier,
        }
    }

    /// Why this member takes no part, if so. Its state may be old or wrong: nothing should be served from it.
    #[must_use]
    pub fn excluded(&self) -> Option<Exclusion> {
        self.inner.standing.excluded()
    }
}
