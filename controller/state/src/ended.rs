//! The jobs that have ended, by when. Follows from the jobs, so every member has the same. A leaf beside the tables: knows no
//! command.

use std::sync::Arc;

use holdfast_api::{millis, v1};
use holdfast_types::Time;

use crate::phases::job_phase;
use crate::rows::Rows;
use crate::table::number_key;

/// The names of ended jobs, by the time they ended at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ended {
    by_end: Rows<Arc<str>>,
}

impl Ended {
    /// Notes how a job is now, and how it was before.
    pub(crate) fn changed(&mut self, before: Option<&v1::Job>, now: Option<&v1::Job>) {
        let (before, now) = (before.and_then(row), now.and_then(row));
        if before == now {
            return;
        }
        if let Some((key, _)) = before {
            self.by_end.remove(&key);
        }
        if let Some((key, name)) = now {
            self.by_end.insert(&key, name.into());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_end.len()
    }

    /// The job that ended first, and when.
    pub(crate) fn first(&self) -> Option<(Time, &str)> {
        let (key, name) = self.by_end.iter().next()?;
        let at = key.split('|').next().and_then(|number| number.parse().ok());
        Some((Time(at.unwrap_or(0)), name))
    }
}

fn row(job: &v1::Job) -> Option<(String, String)> {
    if !job_phase(job).is_terminal() {
        return None;
    }
    let name = job.metadata.as_ref()?.name.clone();
    let at = millis(job.status.as_ref().and_then(|status| status.ended_at.as_ref()));
    Some((format!("{}|{name}", number_key(at.0)), name))
}
