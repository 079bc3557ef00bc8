//! The jobs that have a deadline, by the moment from which on they cannot keep it. Follows from the jobs, so every member has the
//! same. A leaf beside the tables: knows no command.

use std::sync::Arc;

use holdfast_api::{millis, v1};
use holdfast_types::{JobPhase, Span, Time};

use crate::phases::job_phase;
use crate::rows::Rows;
use crate::table::number_key;

/// The names of jobs, by the last moment at which they can keep their deadline.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deadlines {
    by_moment: Rows<Arc<str>>,
}

impl Deadlines {
    /// Notes how a job is now, and how it was before.
    pub(crate) fn changed(&mut self, before: Option<&v1::Job>, now: Option<&v1::Job>) {
        let (before, now) = (before.and_then(row), now.and_then(row));
        if before == now {
            return;
        }
        if let Some((key, _)) = before {
            self.by_moment.remove(&key);
        }
        if let Some((key, name)) = now {
            self.by_moment.insert(&key, name.into());
        }
    }

    /// The jobs whose last moment is over.
    pub(crate) fn over(&self, now: Time) -> impl Iterator<Item = &str> {
        let end = number_key(now.0);
        self.by_moment.iter().take_while(move |(key, _)| *key < end.as_str()).map(|(_, name)| &**name)
    }
}

/// The last moment at which a job can keep its deadline; `None` where it has none, or where its tasks are being stopped: what
/// becomes of it is decided when they are over.
pub(crate) fn last_moment(job: &v1::Job) -> Option<Time> {
    let spec = job.spec.as_ref()?;
    let deadline = millis(Some(spec.deadline.as_ref()?));
    let array = job.status.as_ref().and_then(|status| status.array.as_ref());
    match job_phase(job) {
        // The elements that were started keep it, or not, each for itself.
        JobPhase::Pending | JobPhase::Running if array.is_some() => {
            let is_open = array.is_some_and(|array| array.next < array.elements);
            is_open.then(|| deadline - Span(spec.max_run_time_ms))
        }
        JobPhase::Pending => Some(deadline - Span(spec.max_run_time_ms)),
        JobPhase::Starting | JobPhase::Running => Some(deadline),
        JobPhase::Stopping | JobPhase::Succeeded | JobPhase::Failed | JobPhase::Cancelled => None,
    }
}

/// Whether a job cannot keep its deadline any more.
pub(crate) fn is_late(job: &v1::Job, now: Time) -> bool {
    last_moment(job).is_some_and(|last| last < now)
}

fn row(job: &v1::Job) -> Option<(String, String)> {
    let name = job.metadata.as_ref()?.name.clone();
    Some((format!("{}|{name}", number_key(last_moment(job)?.0)), name))
}
