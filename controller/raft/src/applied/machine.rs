//! The state machine as openraft drives it.

use std::sync::Arc;
use std::time::Instant;

use openraft::storage::RaftStateMachine;
use openraft::{AnyError, EntryPayload, RaftSnapshotBuilder, StorageIOError};
use parking_lot::Mutex;

use super::cache::Cache;
use super::live::{Live, Shared};
use super::restore::RestoreError;
use crate::log::LogStore;
use crate::machine::{Change, Machine};
use crate::snapshot::{SnapshotError, SnapshotStore, Taken};
use crate::types::{
    Batch, Entry, LogId, Responses, Snapshot, SnapshotFile, SnapshotMeta, StorageError, StoredMembership,
    TypeConfig,
};
use crate::work::Work;

/// The machine in memory, its copy, and the snapshots.
pub(crate) struct StateMachine<M> {
    pub(crate) shared: Arc<Shared<M>>,
    /// `None` where no copy could be opened; then a restart replays more.
    pub(crate) cache: Option<Cache>,
    pub(crate) snapshots: Arc<SnapshotStore>,
    /// Applying waits for it, so that nothing is answered that this member could still lose.
    pub(crate) log: LogStore,
    pub(crate) work: Work,
}

/// A state that was taken out to be written as a snapshot.
pub(crate) struct Builder {
    // A lock that nobody contends for: openraft asks that a builder can be shared, a frozen state can only be handed on.
    taken: Mutex<Option<Taken>>,
    snapshots: Arc<SnapshotStore>,
    log: LogStore,
    work: Work,
}

fn error_chain(error: &dyn std::error::Error) -> AnyError {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    AnyError::error(format!("{error}{cause}"))
}

fn snapshot_error(error: &dyn std::error::Error) -> StorageError {
    StorageIOError::write_snapshot(None, error_chain(error)).into()
}

/// Runs file work where it disturbs nobody.
async fn blocking<T: Send + 'static>(
    place: &Work,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StorageError> {
    let done = place.blocking(work).await;
    done.map_err(|error| StorageIOError::write_snapshot(None, error_chain(&error)).into())
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let Some(taken) = self.taken.get_mut().take() else {
            return Err(StorageIOError::write_snapshot(None, AnyError::error("a builder builds once")).into());
        };
        let snapshots = Arc::clone(&self.snapshots);
        let saved = blocking(&self.work, move || snapshots.save(taken)).await?;
        let snapshot = saved.map_err(|error| snapshot_error(&error))?;
        if let Some(id) = snapshot.meta.last_log_id {
            self.log.covered(id.index);
        }
        Ok(snapshot)
    }
}

impl<M: Machine> Live<M> {
    pub(super) fn apply(&mut self, entry: Entry, changes: &mut Vec<Change>) -> Responses {
        let id = entry.log_id;
        let responses = match entry.payload {
            EntryPayload::Blank => Responses::default(),
            EntryPayload::Membership(membership) => {
                self.position.membership = StoredMembership::new(Some(id), membership);
                Responses::default()
            }
            EntryPayload::Normal(batch) => self.apply_batch(id, &batch, changes),
        };
        self.position.applied = Some(id);
        self.mark(id.index);
        responses
    }

    /// The clock of a new leader may be behind that of the old one; time in the state never runs backwards.
    fn apply_batch(&mut self, id: LogId, batch: &Batch, changes: &mut Vec<Change>) -> Responses {
        let time_ms = self.position.time_ms.max(batch.time_ms);
        self.position.time_ms = time_ms;
        let mut responses = Vec::with_capacity(batch.commands.len());
        for command in batch.commands.iter() {
            let applied = self.machine.apply(id.index, time_ms, command);
            for change in &applied.changes {
                self.rolling.change(change);
            }
            changes.extend(applied.changes);
            responses.push(applied.response);
        }
        Responses(responses)
    }
}

/// Saved before the machine takes it: whatever is in memory can be found on disk again.
fn install<M: Machine>(
    snapshots: &SnapshotStore,
    shared: &Shared<M>,
    snapshot: &SnapshotFile,
    log: &LogStore,
) -> Result<(), AnyError> {
    let path = snapshots.adopt(snapshot).map_err(|error| error_chain(&error))?;
    let reader = snapshots.read(&path).map_err(|error| error_chain(&error))?;
    let position = reader.position().clone();
    let damage = match shared.restore_snapshot(reader) {
        Ok(()) => {
            if let Some(id) = position.applied {
                log.covered(id.index);
            }
            return Ok(());
        }
        Err(RestoreError::Machine(reason)) => return Err(AnyError::error(reason)),
        Err(RestoreError::Records(error)) => error,
        Err(RestoreError::Hash) => SnapshotError::Hash,
    };
    snapshots.set_aside(&path, &damage).map_err(|error| error_chain(&error))?;
    Err(error_chain(&damage))
}

impl<M: Machine> RaftStateMachine<TypeConfig> for StateMachine<M> {
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let live = self.shared.live.read();
        Ok((live.position.applied, live.position.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Responses>, StorageError>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        if let Some(last) = entries.last() {
            let durable = self.log.durable_to(last.log_id).await;
            durable.map_err(|error| StorageIOError::apply(last.log_id, error_chain(&error)))?;
        }
        let began = Instant::now();
        let mut changes = Vec::new();
        let mut refused = None;
        let (responses, position, records) = {
            let mut live = self.shared.live.write();
            let mut responses = Vec::with_capacity(entries.len());
            for entry in entries {
                if let Some(reason) = live.machine.outgrown() {
                    refused = Some((entry.log_id, reason));
                    break;
                }
                responses.push(live.apply(entry, &mut changes));
            }
            live.position.hash = live.rolling.hash();
            (responses, live.position.clone(), live.rolling.records())
        };
        self.shared.apply_time.note(began.elapsed());
        self.shared.announce();
        if let Some(cache) = &self.cache {
            cache.apply(changes, position, records).await;
        }
        match refused {
            Some((id, reason)) => Err(StorageIOError::apply(id, AnyError::error(reason)).into()),
            None => Ok(responses),
        }
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            taken: Mutex::new(Some(self.shared.freeze())),
            snapshots: Arc::clone(&self.snapshots),
            log: self.log.clone(),
            work: self.work.clone(),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<SnapshotFile>, StorageError> {
        self.snapshots.receive().map(Box::new).map_err(|error| snapshot_error(&error))
    }

    async fn install_snapshot(
        &mut self,
        _meta: &SnapshotMeta,
        snapshot: Box<SnapshotFile>,
    ) -> Result<(), StorageError> {
        let (snapshots, shared) = (Arc::clone(&self.snapshots), Arc::clone(&self.shared));
        let log = self.log.clone();
        let installed = blocking(&self.work, move || install(&snapshots, &shared, &snapshot, &log)).await;
        if !matches!(installed, Ok(Ok(()))) {
            self.log.uncovered();
        }
        installed?.map_err(|error| StorageIOError::write_snapshot(None, error))?;
        if let Some(cache) = &self.cache {
            cache.rewrite();
        }
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let snapshots = Arc::clone(&self.snapshots);
        let current = blocking(&self.work, move || snapshots.current()).await?;
        current.map_err(|error| StorageIOError::read_snapshot(None, error_chain(&error)).into())
    }
}
