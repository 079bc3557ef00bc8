//! Some records of a stored state, decoded: what takes the time of a start and needs nothing of the other records, so that it
//! can be done for many at once.

use holdfast_api::store::ArtifactRecord;

use crate::packed::Packed;
use crate::state::State;
use crate::table::{Decoded, Record, Table};
use crate::trail::{self, Piece};

/// What some records that follow one another hold.
#[derive(Debug)]
pub struct Part {
    artifacts: Vec<Decoded<Packed<ArtifactRecord>>>,
    audit: Vec<Piece>,
    /// Those of which there are few.
    rest: Vec<Record>,
}

impl Part {
    /// Decodes records that follow one another in key order.
    ///
    /// # Errors
    ///
    /// Where one does not decode: the store is damaged or written by a newer release.
    pub fn of(records: Vec<Record>) -> Result<Self, String> {
        let table = Table::<Packed<ArtifactRecord>>::new(State::ARTIFACTS);
        let mut artifacts = Vec::with_capacity(records.len());
        let (mut audit, mut rest) = (Vec::new(), Vec::new());
        for (key, value) in records {
            if let Some(row) = table.decode(&key, &value) {
                artifacts.push(row?);
            } else if let Some(entry) = trail::entry(&key, &value) {
                audit.push(entry?);
            } else {
                rest.push((key, value));
            }
        }
        Ok(Self { artifacts, audit: trail::pack(audit), rest })
    }

    /// Puts what it holds where it belongs; the parts before it are there already.
    pub(crate) fn put(self, state: &mut State) -> Result<(), String> {
        state.artifacts.extend(self.artifacts);
        for piece in self.audit {
            state.audit.take(piece)?;
        }
        self.rest.into_iter().try_for_each(|(key, value)| state.load(&key, &value))
    }
}
