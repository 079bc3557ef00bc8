//! Work that takes longer than a turn of the runtime should: a question to the law about every node, a plan, a look at every
//! artifact. It is done on threads apart, so many at a time as there are processors: however much of it is asked for, the
//! calls between controllers go on, and none of them takes this one's lead for want of a word from it. A leaf.

use std::num::NonZero;

use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::Status;

/// The threads apart.
#[derive(Debug)]
pub(crate) struct Apart(Semaphore);

impl Default for Apart {
    fn default() -> Self {
        Self(Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)))
    }
}

/// A thread apart that waits for its work.
pub(crate) struct Turn<'a>(SemaphorePermit<'a>);

impl Apart {
    /// Waits for a thread. What the work is to look at is best taken after that: what waits is kept, and gets old.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, Status> {
        // Nobody closes it.
        self.0.acquire().await.map(Turn).map_err(|error| Status::internal(error.to_string()))
    }

    /// Does the work in its turn.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Status> {
        self.turn().await?.run(work).await
    }
}

impl Turn<'_> {
    /// Does the work, and gives the thread to the next one.
    pub(crate) async fn run<R: Send + 'static>(
        self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Status> {
        let done = tokio::task::spawn_blocking(work).await;
        drop(self.0);
        done.map_err(|error| Status::internal(format!("a thread of the controller stopped: {error}")))
    }
}
