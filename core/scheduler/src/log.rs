//! Which nodes changed, in order, so that whoever keeps something about nodes can read on from where it stopped. It must not know
//! what is kept.

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(usize);

/// The log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// How many entries were dropped from its beginning.
    dropped: usize,
    entries: Vec<(usize, Change)>,
}

/// A log shorter than this is not worth dropping.
const SHORT: usize = 4_096;

impl Log {
    /// Where it ends.
    pub(crate) fn now(&self) -> Moment {
        Moment(self.dropped + self.entries.len())
    }

    /// Something happened to a node.
    pub(crate) fn add(&mut self, node: usize, change: Change) {
        self.entries.push((node, change));
    }

    /// What happened since; `None` where that is not known any more.
    pub(crate) fn since(&self, moment: Moment) -> Option<&[(usize, Change)]> {
        self.entries.get(moment.0.checked_sub(self.dropped)?..)
    }

    /// What happened since a moment did not happen.
    pub(crate) fn rewind(&mut self, moment: Moment) {
        self.entries.truncate(moment.0.saturating_sub(self.dropped));
    }

    /// Forgets everything where that is more than `long`.
    pub(crate) fn shorten(&mut self, long: usize) {
        if self.entries.len() > long.max(SHORT) {
            self.dropped += self.entries.len();
            self.entries.clear();
        }
    }
}
