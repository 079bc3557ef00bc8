//! The planner that the leader keeps between its rounds, for them and for who asks why a job waits. Nothing of it is in the log: another
//! leader makes its own. It must not know when it is planned.

use std::sync::Arc;

use holdfast_api::v1::JobExplanation;
use holdfast_reconcile::{Planner, explanation, if_only};
use holdfast_scheduler::Explanation;
use holdfast_state::State;
use holdfast_types::JobName;
use tokio::sync::Mutex;
use tonic::Status;

use crate::apart::Apart;
use crate::app::{App, now};

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

    /// Why a job waits, after the last plan, and what would have to be otherwise; `None` where this controller did not plan for it.
    pub(crate) async fn explain(&self, app: &App, job: &str) -> Result<Option<JobExplanation>, Status> {
        let Ok(job) = job.parse::<JobName>() else { return Ok(None) };
        let (state, bundle, at) = (app.with(State::clone), app.bundle()?, now());
        let kept = Arc::clone(&self.0).lock_owned().await;
        let work = move || {
            let found = kept.as_ref().and_then(|planner| planner.explain(&job));
            // Others may plan meanwhile.
            drop(kept);
            let if_only = found.as_ref().map_or_else(Vec::new, |_| if_only(&state, &bundle, at, &job));
            found.map(|found| explanation(&Explanation { if_only, ..found }))
        };
        app.apart.run(work).await
    }

    /// Lets it go.
    pub(crate) async fn clear(&self) {
        *self.0.lock().await = None;
    }
}
