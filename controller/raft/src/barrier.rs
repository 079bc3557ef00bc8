//! Linearizable reads: one confirmation of leadership serves every read that queued before it started. A read that
//! arrives while one is under way waits for the next, because the one under way may have begun before a write it must see.

use std::time::Duration;

use openraft::error::{CheckIsLeaderError, RaftError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::ReadError;
use crate::types::Raft;

const QUEUE: usize = 16_384;
/// A confirmation that found no quorum is tried again after this, until the time of the reads is up: one lost heartbeat
/// is not a lost quorum.
const RETRY: Duration = Duration::from_millis(20);

type Answer = Result<u64, ReadError>;

/// The queue of reads.
pub(crate) struct Barrier {
    queue: mpsc::Sender<oneshot::Sender<Answer>>,
}

impl Barrier {
    /// Starts the task; `timeout` is how long a read waits for a quorum.
    pub(crate) fn start(
        raft: Raft,
        applied: watch::Receiver<u64>,
        timeout: Duration,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tasks.spawn(run(raft, applied, timeout, waiting));
        Self { queue }
    }

    pub(crate) async fn wait(&self) -> Answer {
        let (answer, receiver) = oneshot::channel();
        self.queue.try_send(answer).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ReadError::Busy,
            mpsc::error::TrySendError::Closed(_) => ReadError::Stopped("shut down".to_owned()),
        })?;
        receiver.await.unwrap_or_else(|_| Err(ReadError::Stopped("shut down".to_owned())))
    }
}

async fn run(
    raft: Raft,
    mut applied: watch::Receiver<u64>,
    timeout: Duration,
    mut waiting: mpsc::Receiver<oneshot::Sender<Answer>>,
) {
    let mut reads = Vec::new();
    while waiting.recv_many(&mut reads, QUEUE).await > 0 {
        let deadline = Instant::now() + timeout;
        let confirmed = tokio::time::timeout_at(deadline, confirm(&raft, &mut applied));
        let answer = confirmed.await.unwrap_or(Err(ReadError::NoQuorum));
        for read in reads.drain(..) {
            // Whoever stopped waiting needs no answer.
            drop(read.send(answer.clone()));
        }
    }
}

async fn confirm(raft: &Raft, applied: &mut watch::Receiver<u64>) -> Answer {
    loop {
        match raft.get_read_log_id().await {
            Ok((at, _)) => {
                let index = at.map_or(0, |id| id.index);
                let reached = applied.wait_for(|applied| *applied >= index).await;
                return reached
                    .map(|applied| *applied)
                    .map_err(|error| ReadError::Stopped(error.to_string()));
            }
            Err(RaftError::APIError(CheckIsLeaderError::ForwardToLeader(forward))) => {
                let leader = forward.leader_id.zip(forward.leader_node).map(|(id, peer)| peer.member(id));
                return Err(ReadError::NotLeader { leader });
            }
            Err(RaftError::APIError(CheckIsLeaderError::QuorumNotEnough(_))) => {
                tokio::time::sleep(RETRY).await
            }
            Err(RaftError::Fatal(fatal)) => return Err(ReadError::Stopped(fatal.to_string())),
        }
    }
}
