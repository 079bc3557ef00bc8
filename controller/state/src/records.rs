//! The state as records, and back: for snapshots, for the copy on disk, and for a member that starts again.

use crate::level::NEWEST_LEVEL;
use crate::part::Part;
use crate::state::State;
use crate::table::Record;

/// So many records make a part where nobody else says so.
const PART: usize = 1_024;

impl State {
    /// Every record in key order, encoded one by one as they are asked for.
    pub fn into_records(self) -> impl Iterator<Item = Record> + Send {
        // By prefix: the tables follow one another in the key space.
        let records = self.artifacts.into_records();
        let records = records.chain(self.bundles.into_records()).chain(self.cluster.into_records());
        let records = records.chain(self.events.into_records()).chain(self.keys.into_records());
        let records = records.chain(self.jobs.into_records()).chain(self.recipients.into_records());
        let records = records.chain(self.audit.into_records()).chain(self.controllers.into_records());
        let records = records.chain(self.nodes.into_records()).chain(self.rollouts.into_records());
        let records = records.chain(self.queues.into_records()).chain(self.revoked.into_records());
        let records = records.chain(self.reservations.into_records());
        let records = records.chain(self.tokens.into_records()).chain(self.release_trust.into_records());
        let records = records.chain(self.releases.into_records());
        records.chain(self.history.into_records()).chain(self.elements.into_records())
    }

    /// Every record in key order. The state can change while they are gone through; they stay what they were.
    pub fn records(&self) -> impl Iterator<Item = Record> + Send + use<> {
        self.clone().into_records()
    }

    /// The state these records hold.
    ///
    /// # Errors
    ///
    /// Where a record does not decode or belongs to no table: the store is damaged or written by a newer release.
    pub fn restore(records: impl IntoIterator<Item = Record>) -> Result<Self, String> {
        let mut restoring = Restoring::default();
        let mut records = records.into_iter();
        loop {
            let some: Vec<Record> = records.by_ref().take(PART).collect();
            if some.is_empty() {
                return restoring.end();
            }
            restoring.add(Part::of(some)?)?;
        }
    }

    pub(crate) fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let taken = match key.first() {
            Some(b'b') => self.bundles.load(key, value),
            Some(b'c') => self.cluster.load(key, value),
            Some(b'e') => self.events.load(key, value),
            Some(b'i') => self.keys.load(key, value),
            Some(b'j') => self.jobs.load(key, value),
            Some(b'k') => self.recipients.load(key, value),
            Some(b'm') => self.controllers.load(key, value),
            Some(b'n') => self.nodes.load(key, value),
            Some(b'o') => self.rollouts.load(key, value),
            Some(b'q') => self.queues.load(key, value),
            Some(b'r') => self.revoked.load(key, value),
            Some(b's') => self.reservations.load(key, value),
            Some(b't') => self.tokens.load(key, value),
            Some(b'u') => self.release_trust.load(key, value),
            Some(b'v') => self.releases.load(key, value),
            Some(b'w') => self.history.load(key, value),
            Some(b'y') => self.elements.load(key, value),
            _ => None,
        };
        taken.unwrap_or_else(|| {
            Err(format!("a record of an unknown table: {:?}", String::from_utf8_lossy(key)))
        })
    }
}

/// A state that is put together from its parts, in the order of their keys.
#[derive(Debug, Default)]
pub struct Restoring(State);

impl Restoring {
    /// Takes the next part.
    ///
    /// # Errors
    ///
    /// Where a record does not decode, belongs to no table, or does not follow the one before.
    pub fn add(&mut self, part: Part) -> Result<(), String> {
        part.put(&mut self.0)
    }

    /// The state, when every part was taken.
    ///
    /// # Errors
    ///
    /// It is of a newer release.
    pub fn end(self) -> Result<State, String> {
        let mut state = self.0;
        if state.feature_level() > NEWEST_LEVEL {
            let found = state.feature_level();
            return Err(format!(
                "the state is at feature level {found}, this release knows up to {NEWEST_LEVEL}"
            ));
        }
        let (floor, revision) = state.cluster().map_or((0, 0), |c| (c.watch_floor, c.revision));
        state.history.loaded(floor, revision);
        state.keys.loaded();
        for job in state.jobs.all_kept() {
            state.job_changed(None, Some(&job));
        }
        Ok(state)
    }
}
