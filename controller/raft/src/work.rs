//! Where the file work of a member is done: on threads of its own, or, in a simulation, inside the runtime.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;

/// How long the next sync takes in a simulation.
pub type SyncDelay = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Where file work is done.
#[derive(Clone, Default)]
pub enum Work {
    /// On threads, so that a slow disk delays nothing else.
    #[default]
    Threads,
    /// On the runtime itself, one act after the other, so that a run can be repeated exactly. A group of the log is written,
    /// then the delay passes, then it is synced.
    Inline(SyncDelay),
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Threads => "Threads",
            Self::Inline(_) => "Inline",
        })
    }
}

impl Work {
    /// Runs file work.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        match self {
            Self::Threads => tokio::task::spawn_blocking(work).await,
            Self::Inline(_) => Ok(work()),
        }
    }
}
