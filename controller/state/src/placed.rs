//! The jobs that hold places: few among all that are kept. Follows from the jobs, so every member has the same. A leaf beside the
//! tables: knows no command.

use holdfast_api::v1;

use crate::phases::{is_array, job_phase};
use crate::rows::Rows;

/// The names of the jobs that hold places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Placed {
    names: Rows<()>,
}

impl Placed {
    /// Notes how a job is now, and how it was before.
    pub(crate) fn changed(&mut self, before: Option<&v1::Job>, now: Option<&v1::Job>) {
        match (before.and_then(row), now.and_then(row)) {
            (None, Some(name)) => drop(self.names.insert(name, ())),
            (Some(name), None) => drop(self.names.remove(name)),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// Their names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, ())| name)
    }
}

/// An array has no places: its elements have.
fn row(job: &v1::Job) -> Option<&str> {
    let holds = job_phase(job).holds_places() && !is_array(job);
    holds.then_some(job.metadata.as_ref()?.name.as_str())
}
