//! What raft asks of the application: apply a command, list the state, replace the state. Raft knows nothing else of it.

/// A key of the state and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// A change of one key: the new value, or its absence.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// The deterministic state machine that raft replicates.
pub trait Machine: Send + Sync + 'static {
    /// Applies one committed command at a logical time. Deterministic: no clock, no randomness, no iteration over hash
    /// maps. `time_ms` is the leader's clock, clamped by raft so that it never runs backwards. Commands that were
    /// proposed together share an index and are applied in order.
    fn apply(&mut self, index: u64, time_ms: u64, command: &[u8]) -> Applied;

    /// Every record of the state in key order, for snapshots and the applied store.
    fn records(&self) -> Vec<Record>;

    /// Replaces the state by these records.
    ///
    /// # Errors
    ///
    /// A sentence that names the record which cannot be read.
    fn restore(&mut self, records: Vec<Record>) -> Result<(), String>;
}

/// What one command did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The answer to whoever proposed the command.
    pub response: Vec<u8>,
    /// Every record the command changed, so that the stored state equals [`Machine::records`].
    pub changes: Vec<Change>,
}
