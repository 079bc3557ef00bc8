//! What of the log may go: only what the state on disk reaches. openraft purges the log up to a snapshot that it installs while
//! the snapshot is still being saved; were the log shortened at once, a crash in between would leave a member that has
//! neither.

use tokio::sync::watch;

use crate::types::LogId;

/// How far the state on disk reaches, and the purge that waits for it.
pub(super) struct Cover(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    to: Option<u64>,
    waiting: Option<LogId>,
    /// The state that a purge waits for was not saved.
    lost: bool,
}

impl Cover {
    pub(super) fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// Whether the log may go up to `id` now; otherwise it is remembered.
    pub(super) fn allows(&self, id: LogId) -> bool {
        let mut allowed = false;
        self.0.send_modify(|state| {
            allowed = state.to >= Some(id.index);
            if !allowed {
                state.waiting = state.waiting.max(Some(id));
            }
        });
        allowed
    }

    /// The state on disk reaches `index`; `write` gets the purge that waited for it, before anything can follow it.
    pub(super) fn reaches(&self, index: u64, write: impl FnOnce(LogId)) {
        self.0.send_modify(|state| {
            state.to = state.to.max(Some(index));
            if let Some(id) = state.waiting.take_if(|id| id.index <= index) {
                write(id);
            }
        });
    }

    /// What a purge waits for will not come.
    pub(super) fn lose(&self) {
        self.0.send_modify(|state| state.lost = state.waiting.is_some());
    }

    /// Waits until no purge waits: an entry behind it would be one behind a hole. Whether it is so.
    pub(super) async fn settled(&self) -> bool {
        let mut state = self.0.subscribe();
        let settled = state.wait_for(|state| state.waiting.is_none() || state.lost).await;
        settled.is_ok_and(|state| state.waiting.is_none())
    }
}
