//! Waits for a learner to come near enough to vote.

use std::time::Duration;

use openraft::ServerState;
use tokio::time::{Instant, timeout};

use crate::contacts::Contacts;
use crate::error::ChangeError;
use crate::tracker::leader_of;
use crate::types::Raft;

/// How many entries a learner may be behind when it becomes a voter.
pub(crate) const MOST_LAG: u64 = 100;
/// How often progress is looked at where nothing else tells.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until `id` is near. There is no limit on the whole, a large state takes as long as it takes; `patience` is how
/// long it may go on without an entry or a piece of a snapshot arriving.
pub(crate) async fn wait(
    raft: &Raft,
    contacts: &Contacts,
    id: u64,
    patience: Duration,
) -> Result<(), ChangeError> {
    let mut watched = raft.metrics();
    let (mut progress, mut since) = ((None, contacts.pieces(id)), Instant::now());
    loop {
        let metrics = watched.borrow_and_update().clone();
        if metrics.state != ServerState::Leader {
            return Err(ChangeError::NotLeader { leader: leader_of(&metrics) });
        }
        let last = metrics.last_log_index.unwrap_or(0);
        let matched = metrics.replication.as_ref().and_then(|all| all.get(&id).copied().flatten());
        let matched = matched.map(|matched| matched.index);
        if matched.is_some_and(|matched| last.saturating_sub(matched) < MOST_LAG) {
            return Ok(());
        }
        let now = (matched, contacts.pieces(id));
        if now != progress {
            (progress, since) = (now, Instant::now());
        }
        if since.elapsed() >= patience {
            let at = matched.map_or_else(|| "has no entry".to_owned(), |at| format!("is at entry {at}"));
            let why = contacts.troubled(id).map(|why| format!(": {why}")).unwrap_or_default();
            return Err(ChangeError::Refused(format!(
                "member {id} {at} of {last} and made no progress for {patience:?}{why}"
            )));
        }
        // A change that comes or does not, both lead to the next look.
        if let Ok(Err(_)) = timeout(LOOK, watched.changed()).await {
            return Err(ChangeError::Stopped("its metrics ended".to_owned()));
        }
    }
}
