//! The jobs that wait, in lines of those that differ in nothing but their age. It must not know nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_types::Time;

use crate::job::{Ident, JobNumber, Standing};
use crate::log::Moment;

/// What the jobs of a line have in common. The numbers order nothing that reaches a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LineKey {
    pub(crate) standing: Standing,
    pub(crate) queue: usize,
    pub(crate) class: usize,
}

/// A job in its line: the eldest first.
pub(crate) type InLine = (Time, Arc<Ident>, JobNumber);

/// Jobs that differ in nothing but their age.
#[derive(Debug, Default)]
pub(crate) struct Line {
    jobs: BTreeSet<InLine>,
    /// Until when nobody could be stopped for any of them.
    pub(crate) hopeless: Option<Moment>,
}

/// All lines; none is empty.
#[derive(Debug, Default)]
pub(crate) struct Lines(BTreeMap<LineKey, Line>);

impl Line {
    /// The first job after one, or of all.
    pub(crate) fn next(&self, after: Option<&InLine>) -> Option<&InLine> {
        match after {
            None => self.jobs.first(),
            Some(after) => {
                use std::ops::Bound::{Excluded, Unbounded};
                self.jobs.range((Excluded(after), Unbounded)).next()
            }
        }
    }
}

impl Lines {
    /// A job joins a line.
    pub(crate) fn join(&mut self, key: LineKey, job: InLine) {
        self.0.entry(key).or_default().jobs.insert(job);
    }

    /// A job leaves its line.
    pub(crate) fn leave(&mut self, key: LineKey, job: &InLine) {
        let Some(line) = self.0.get_mut(&key) else { return };
        line.jobs.remove(job);
        if line.jobs.is_empty() {
            self.0.remove(&key);
        }
    }

    /// A line.
    pub(crate) fn get(&self, key: &LineKey) -> Option<&Line> {
        self.0.get(key)
    }

    /// Nobody can be stopped for the jobs of a line for now.
    pub(crate) fn despair(&mut self, key: &LineKey, since: Moment) {
        if let Some(line) = self.0.get_mut(key) {
            line.hopeless = Some(since);
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&LineKey, &Line)> {
        self.0.iter()
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
