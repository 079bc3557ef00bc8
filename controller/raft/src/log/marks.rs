//! The marks that a new segment repeats, so that older segments can be deleted. A leaf.

use super::record::Record;
use crate::types::{LogId, Vote};

/// The newest vote, purge and commit mark.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) vote: Option<Vote>,
    pub(super) purged: Option<LogId>,
    pub(super) committed: Option<LogId>,
}

impl Marks {
    pub(super) fn note(&mut self, record: &Record) {
        match record {
            Record::Vote(vote) => self.vote = Some(*vote),
            Record::Purge(id) => self.purged = self.purged.max(Some(*id)),
            Record::Committed(id) => self.committed = Some(*id),
            Record::Entry(..) | Record::Truncate(_) => {}
        }
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let vote = self.vote.map(Record::Vote);
        vote.into_iter().chain(self.purged.map(Record::Purge)).chain(self.committed.map(Record::Committed))
    }
}
