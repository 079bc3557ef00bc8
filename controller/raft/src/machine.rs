//! What raft asks of the application: apply a command, hold the state still, take over another state. Raft knows nothing
//! else of it.

/// A key of the state and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// A change of one key: the new value, or its absence.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// The deterministic state machine that raft replicates.
pub trait Machine: Send + Sync + Sized + 'static {
    /// Applies one committed command at a logical time. Deterministic: no clock, no randomness, no iteration over hash
    /// maps. `time_ms` is the leader's clock, clamped by raft so that it never runs backwards. Commands that were
    /// proposed together share an index and are applied in order.
    fn apply(&mut self, index: u64, time_ms: u64, command: &[u8]) -> Applied;

    /// The state as it is now, to be gone through while the machine goes on. Called under a lock that applying waits for:
    /// it shares, it does not copy.
    fn freeze(&self) -> Box<dyn Frozen>;

    /// A machine like this one whose state are these records, which come in key order. This one stays as it is, so that
    /// records which end in the middle do no harm.
    ///
    /// # Errors
    ///
    /// A sentence that names the record which cannot be read.
    fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String>;

    /// Why what follows is not for this release, where the state says so. Nothing more is applied then: a command that is
    /// not known would leave another state here than elsewhere.
    fn outgrown(&self) -> Option<String> {
        None
    }
}

/// A state that no longer changes.
pub trait Frozen: Send {
    /// Every record in key order, for snapshots and the applied store.
    fn records(self: Box<Self>) -> Box<dyn Iterator<Item = Record> + Send>;
}

/// For machines so small that copying them is as good as sharing.
impl Frozen for Vec<Record> {
    fn records(self: Box<Self>) -> Box<dyn Iterator<Item = Record> + Send> {
        Box::new(self.into_iter())
    }
}

/// What one command did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The answer to whoever proposed the command.
    pub response: Vec<u8>,
    /// Every record the command changed, so that the stored state equals the records of [`Machine::freeze`].
    pub changes: Vec<Change>,
}
