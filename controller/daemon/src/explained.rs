//! Why each job waits, as the last plan found it: far more than a job carries, for those who ask. Kept by the leader alone and
//! never in the log. A leaf.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_scheduler::Explanation;
use holdfast_types::JobName;
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct Explained(Mutex<BTreeMap<JobName, Arc<Explanation>>>);

impl Explained {
    /// Why this job waits.
    pub(crate) fn of(&self, job: &str) -> Option<Arc<Explanation>> {
        let job: JobName = job.parse().ok()?;
        self.0.lock().get(&job).cloned()
    }

    /// Takes what another plan found.
    pub(crate) fn replace(&self, found: BTreeMap<JobName, Arc<Explanation>>) {
        *self.0.lock() = found;
    }

    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}
