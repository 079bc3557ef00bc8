//! Follows openraft's metrics: who leads, and when a quorum last answered this member as the leader.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::RaftMetrics;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::types::{Member, Peer, Raft};

/// The leader and its term.
pub type Leadership = Option<(u64, Member)>;

/// What the metrics said last.
pub(crate) struct Tracker {
    leadership: watch::Sender<Leadership>,
    quorum_at: Mutex<Option<Instant>>,
    changes: AtomicU64,
}

impl Tracker {
    /// Starts the task that follows the metrics.
    pub(crate) fn start(raft: &Raft, tasks: &mut JoinSet<()>) -> Arc<Self> {
        let tracker = Arc::new(Self {
            leadership: watch::Sender::new(None),
            quorum_at: Mutex::new(None),
            changes: AtomicU64::new(0),
        });
        let mut metrics = raft.metrics();
        let following = Arc::clone(&tracker);
        tasks.spawn(async move {
            loop {
                let now = metrics.borrow_and_update().clone();
                following.update(&now);
                if metrics.changed().await.is_err() {
                    return;
                }
            }
        });
        tracker
    }

    fn update(&self, metrics: &RaftMetrics<u64, Peer>) {
        let age = metrics.millis_since_quorum_ack.map(Duration::from_millis);
        *self.quorum_at.lock() = age.and_then(|age| Instant::now().checked_sub(age));
        let leadership = leader_of(metrics).map(|member| (metrics.current_term, member));
        self.leadership.send_if_modified(|current| {
            let changed = *current != leadership;
            if changed {
                if leadership.is_some() {
                    self.changes.fetch_add(1, Ordering::Relaxed);
                }
                *current = leadership;
            }
            changed
        });
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    /// How often another leader, or one of another term, was heard of.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Whether a quorum answered this leader within `age`; `None` where it is no leader, or none has answered yet.
    pub(crate) fn quorum_within(&self, age: Duration) -> Option<bool> {
        self.quorum_at.lock().map(|at| at.elapsed() <= age)
    }
}

/// The leader as a member.
pub(crate) fn leader_of(metrics: &RaftMetrics<u64, Peer>) -> Option<Member> {
    let id = metrics.current_leader?;
    let peer = metrics.membership_config.membership().get_node(&id)?;
    Some(peer.member(id))
}
