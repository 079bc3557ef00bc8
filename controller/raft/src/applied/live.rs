//! The machine in memory and where it stands, shared by the apply loop and its readers.

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::digest::{Rolling, StateHash};
use crate::machine::{Machine, Record};
use crate::snapshot::{Contents, Position};
use crate::types::LogId;

/// The state in memory.
pub(super) struct Live<M> {
    pub(super) machine: M,
    pub(super) position: Position,
    pub(super) rolling: Rolling,
}

/// The state in memory behind its lock, and the index it has reached.
pub(crate) struct Shared<M> {
    pub(super) live: RwLock<Live<M>>,
    applied: watch::Sender<u64>,
}

impl<M: Machine> Shared<M> {
    pub(crate) fn new(machine: M) -> Self {
        let live = Live { machine, position: Position::default(), rolling: Rolling::default() };
        Self { live: RwLock::new(live), applied: watch::Sender::new(0) }
    }

    pub(crate) fn with<R>(&self, read: impl FnOnce(&M) -> R) -> R {
        read(&self.live.read().machine)
    }

    pub(crate) fn hash(&self) -> StateHash {
        self.live.read().rolling.hash()
    }

    pub(crate) fn applied(&self) -> Option<LogId> {
        self.live.read().position.applied
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Wakes the watchers; called after the lock was let go, so that whoever wakes can read.
    pub(super) fn announce(&self) {
        if let Some(id) = self.applied() {
            self.applied.send_replace(id.index);
        }
    }

    /// Replaces the state by these contents.
    pub(super) fn restore(&self, position: &Position, records: Vec<Record>) -> Result<(), String> {
        let rolling = Rolling::of(&records);
        let mut live = self.live.write();
        live.machine.restore(records)?;
        live.rolling = rolling;
        live.position = position.clone();
        drop(live);
        self.announce();
        Ok(())
    }

    /// The whole state at one moment.
    pub(super) fn contents(&self) -> Contents {
        let live = self.live.read();
        let records = live.machine.records();
        let mut position = live.position.clone();
        let known = live.rolling.hash();
        drop(live);
        position.hash = Rolling::of(&records).hash();
        if position.hash != known {
            tracing::error!(
                records = %position.hash, changes = %known,
                "the changes the machine reported do not add up to its records"
            );
        }
        Contents { position, records }
    }
}
