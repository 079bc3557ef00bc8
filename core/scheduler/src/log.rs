//! Which nodes changed, in order, so that whoever keeps something about nodes can read on from where it stopped. It must not know
//! what is kept.

use std::num::NonZeroUsize;

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has less room.
    Less,
    /// It has more room.
    More,
    /// Something on it may be stopped by now.
    Ripe,
}

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroUsize);

/// The log.
#[derive(Debug)]
pub(crate) struct Log {
    /// Where it begins. Not 0, so that every job that waits has one word less: there are a hundred thousand of them.
    begins: NonZeroUsize,
    entries: Vec<(usize, Change)>,
}

/// A log shorter than this is not worth dropping.
const SHORT: usize = 4_096;

impl Default for Log {
    fn default() -> Self {
        Self { begins: NonZeroUsize::MIN, entries: Vec::new() }
    }
}

impl Log {
    /// Where it ends.
    pub(crate) fn now(&self) -> Moment {
        Moment(self.begins.saturating_add(self.entries.len()))
    }

    /// Something happened to a node.
    pub(crate) fn add(&mut self, node: usize, change: Change) {
        self.entries.push((node, change));
    }

    /// What happened since; `None` where that is not known any more.
    pub(crate) fn since(&self, moment: Moment) -> Option<&[(usize, Change)]> {
        self.entries.get(moment.0.get().checked_sub(self.begins.get())?..)
    }

    /// What happened since a moment did not happen.
    pub(crate) fn rewind(&mut self, moment: Moment) {
        self.entries.truncate(moment.0.get().saturating_sub(self.begins.get()));
    }

    /// Forgets everything where that is more than `long`.
    pub(crate) fn shorten(&mut self, long: usize) {
        if self.entries.len() > long.max(SHORT) {
            self.begins = self.begins.saturating_add(self.entries.len());
            self.entries.clear();
        }
    }
}
