//! What this member knows of the others: when each last answered, what is wrong with it, and how far it is.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openraft::RaftMetrics;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::network::NetworkError;
use crate::types::{LogId, Peer};

#[derive(Debug, Default)]
struct Contact {
    answered: Option<Instant>,
    pieces: u64,
    trouble: Option<String>,
}

/// When each member last answered a call of ours, and why the last one failed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contacts {
    members: Arc<Mutex<BTreeMap<u64, Contact>>>,
}

impl Contacts {
    /// Takes down how a call ended.
    pub(crate) fn note(&self, id: u64, failed: Option<&NetworkError>) {
        let mut members = self.members.lock();
        let contact = members.entry(id).or_default();
        match failed {
            Some(error) => contact.trouble = Some(error.to_string()),
            None => {
                contact.answered = Some(Instant::now());
                contact.trouble = None;
            }
        }
    }

    /// Takes down what is wrong with a member that answers.
    pub(crate) fn trouble(&self, id: u64, what: String) {
        self.members.lock().entry(id).or_default().trouble = Some(what);
    }

    /// What is wrong with a member, if its last call failed.
    pub(crate) fn troubled(&self, id: u64) -> Option<String> {
        self.members.lock().get(&id)?.trouble.clone()
    }

    pub(crate) fn within(&self, id: u64, age: Duration) -> bool {
        self.age(id).is_some_and(|seen| seen <= age)
    }

    /// How long ago a member answered.
    pub(crate) fn age(&self, id: u64) -> Option<Duration> {
        Some(self.members.lock().get(&id)?.answered?.elapsed())
    }

    /// A piece of a snapshot arrived.
    pub(crate) fn note_piece(&self, id: u64) {
        let mut members = self.members.lock();
        let contact = members.entry(id).or_default();
        contact.pieces = contact.pieces.wrapping_add(1);
    }

    /// How many pieces of snapshots arrived since the start.
    pub(crate) fn pieces(&self, id: u64) -> u64 {
        self.members.lock().get(&id).map_or(0, |contact| contact.pieces)
    }
}

/// openraft's metrics, for those who were made before it.
#[derive(Clone, Default)]
pub(crate) struct View(Arc<OnceLock<watch::Receiver<RaftMetrics<u64, Peer>>>>);

impl View {
    pub(crate) fn open(&self, metrics: watch::Receiver<RaftMetrics<u64, Peer>>) {
        // Set once, by the member that owns it.
        drop(self.0.set(metrics));
    }

    /// Whether a configuration that followed the founding one has this member as a voter, and the index of that
    /// configuration.
    pub(crate) fn configured(&self, id: u64) -> (bool, u64) {
        let Some(metrics) = self.0.get() else { return (false, 0) };
        let metrics = metrics.borrow();
        let index = metrics.membership_config.log_id().map_or(0, |id| id.index);
        (index > 0 && metrics.membership_config.membership().voter_ids().any(|voter| voter == id), index)
    }

    /// The last entry this leader knows the member to hold.
    pub(crate) fn matched(&self, id: u64) -> Option<LogId> {
        self.0.get()?.borrow().replication.as_ref()?.get(&id).copied().flatten()
    }
}
