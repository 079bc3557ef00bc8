//! The planner that the leader keeps between its rounds, for them and for who asks why a job waits. Nothing of it is in the log: another
//! leader makes its own. It must not know when it is planned.

use std::sync::Arc;

use holdfast_reconcile::Planner;
use holdfast_scheduler::Explanation;
use holdfast_types::JobName;
use tokio::sync::Mutex;
use tonic::Status;

use crate::apart::Apart;

#[derive(Debug, Default)]
pub(crate) struct Kept(Arc<Mutex<Option<Planner>>>);

impl Kept {
    /// Gives the planner to work that is done apart, and keeps the one that comes back. None is kept where the work fails.
    pub(crate) async fn take<R: Send + 'static>(
        &self,
        apart: &Apart,
        work: impl FnOnce(Option<Planner>) -> (Option<Planner>, R) + Send + 'static,
    ) -> Result<R, Status> {
        let mut kept = Arc::clone(&self.0).lock_owned().await;
        let work = move || {
            let (planner, result) = work(kept.take());
            *kept = planner;
            result
        };
        apart.run(work).await
    }

    /// Why a job waits, after the last plan, and what that leads to; `None` where this controller did not plan for it.
    pub(crate) async fn explain<R: Send + 'static>(
        &self,
        apart: &Apart,
        job: JobName,
        then: impl FnOnce(&JobName, Explanation) -> R + Send + 'static,
    ) -> Result<Option<R>, Status> {
        let kept = Arc::clone(&self.0).lock_owned().await;
        let work = move || {
            let found = kept.as_ref().and_then(|planner| planner.explain(&job));
            // Others may plan meanwhile.
            drop(kept);
            found.map(|found| then(&job, found))
        };
        apart.run(work).await
    }

    /// Lets it go.
    pub(crate) async fn clear(&self) {
        *self.0.lock().await = None;
    }
}
