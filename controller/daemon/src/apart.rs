//! Work that takes longer than a turn of the runtime should: a question to the law about every node, a plan, a look at every
//! artifact. It is done on threads apart, so many at a time as there are processors: however much of it is asked for, the
//! calls between controllers go on, and none of them takes this one's lead for want of a word from it. A leaf.

use std::num::NonZero;

use tokio::sync::Semaphore;
use tonic::Status;

/// The threads apart.
#[derive(Debug)]
pub(crate) struct Apart(Semaphore);

impl Default for Apart {
    fn default() -> Self {
        Self(Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)))
    }
}

impl Apart {
    /// Does the work in its turn.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Status> {
        // Nobody closes it.
        let _turn = self.0.acquire().await.map_err(|error| Status::internal(error.to_string()))?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Status::internal(format!("a thread of the controller stopped: {error}")))
    }
}
