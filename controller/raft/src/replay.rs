//! What the log still has, applied once more to a machine of its own: for whoever has to show how the state came about.

use std::ops::ControlFlow;

use openraft::EntryPayload;

use crate::error::RaftError;
use crate::machine::Machine;
use crate::node::RaftNode;

/// How much of the log is read at once.
const READ_BYTES: usize = 8 << 20;

/// A command that is about to be applied once more.
#[derive(Debug)]
pub struct ReplayStep<'a, M> {
    /// The machine as it was before.
    pub machine: &'a M,
    /// The index of its entry.
    pub index: u64,
    /// The time that it was applied at.
    pub time_ms: u64,
    /// The command.
    pub command: &'a [u8],
}

impl<M: Machine> RaftNode<M> {
    /// Shows every command of the log that this member has applied, in order, from the oldest snapshot on after which it has all of
    /// them, until `visit` breaks. Blocks, and holds a second state in memory; the member goes on meanwhile.
    ///
    /// # Errors
    ///
    /// A snapshot or the log cannot be read, or was shortened meanwhile.
    pub fn replay(
        &self,
        mut visit: impl FnMut(ReplayStep<'_, M>) -> ControlFlow<()>,
    ) -> Result<(), RaftError> {
        let Some(last) = self.inner.shared.applied() else { return Ok(()) };
        let (mut machine, mut next, mut time_ms) = self.beginning()?;
        while next <= last.index {
            let entries = self.inner.log.read_now(next, READ_BYTES)?;
            if entries.first().map(|entry| entry.log_id.index) != Some(next) {
                return Err(RaftError::NoState(format!("the log has no entry {next} any more")));
            }
            for entry in entries.into_iter().take_while(|entry| entry.log_id.index <= last.index) {
                next = entry.log_id.index + 1;
                let EntryPayload::Normal(batch) = entry.payload else { continue };
                // As when it was applied: time never runs backwards.
                time_ms = time_ms.max(batch.time_ms);
                for command in batch.commands.iter() {
                    let index = entry.log_id.index;
                    if visit(ReplayStep { machine: &machine, index, time_ms, command }).is_break() {
                        return Ok(());
                    }
                    machine.apply(index, time_ms, command);
                }
            }
        }
        Ok(())
    }

    /// The oldest state after which the log has everything, the entry after it, and its time.
    fn beginning(&self) -> Result<(M, u64, u64), RaftError> {
        let purged = self.inner.log.purged().map(|id| id.index);
        for path in self.inner.snapshots.paths()?.into_iter().rev() {
            let mut reader = self.inner.snapshots.read(&path)?;
            let position = reader.position().clone();
            let Some(applied) = position.applied.filter(|id| Some(id.index) >= purged) else { continue };
            let mut damage = None;
            let mut records =
                reader.by_ref().map_while(|record| record.map_err(|error| damage = Some(error)).ok());
            let machine = self.with(|machine| machine.restore(&mut records));
            if let Some(error) = damage {
                return Err(error.into());
            }
            let machine =
                machine.map_err(|reason| RaftError::Corrupt(format!("snapshot `{path}`: {reason}")))?;
            return Ok((machine, applied.index + 1, position.time_ms));
        }
        if let Some(purged) = purged {
            return Err(RaftError::NoState(format!(
                "no snapshot goes with the log, which begins after entry {purged}"
            )));
        }
        let machine = self.with(|machine| machine.restore(&mut std::iter::empty()));
        let machine = machine.map_err(RaftError::Corrupt)?;
        Ok((machine, 0, 0))
    }
}
