//! The machine in memory and where it stands, shared by the apply loop and its readers.

use std::collections::VecDeque;

use camino::Utf8Path;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::codec::MAX_POINTS;
use crate::digest::{Rolling, StateHash};
use crate::latency::Recorder;
use crate::machine::Machine;
use crate::snapshot::{Position, Taken};
use crate::start::Start;
use crate::types::{Entry, LogId};

/// Hashes are remembered at every so many entries.
const POINT_EVERY: u64 = 256;

/// The state in memory.
pub(super) struct Live<M> {
    pub(super) machine: M,
    pub(super) position: Position,
    pub(super) rolling: Rolling,
    /// The hashes at every so many entries, oldest first, to be held against those of the other members.
    pub(super) points: VecDeque<(u64, StateHash)>,
}

impl<M> Live<M> {
    fn new(machine: M, position: Position, rolling: Rolling) -> Self {
        Self { machine, position, rolling, points: VecDeque::new() }
    }

    /// Remembers the hash after an entry, at entries that are the same on every member.
    pub(super) fn mark(&mut self, index: u64) {
        if !index.is_multiple_of(POINT_EVERY) {
            return;
        }
        if self.points.len() >= MAX_POINTS {
            self.points.pop_front();
        }
        self.points.push_back((index, self.rolling.hash()));
    }
}

/// The state in memory behind its lock, and the index it has reached.
pub(crate) struct Shared<M> {
    pub(super) live: RwLock<Live<M>>,
    applied: watch::Sender<u64>,
    /// How long entries that were committed together took to apply.
    pub(crate) apply_time: Recorder,
    /// What it began from.
    pub(crate) start: Mutex<Start>,
}

impl<M: Machine> Shared<M> {
    pub(crate) fn new(machine: M) -> Self {
        let live = Live::new(machine, Position::default(), Rolling::default());
        Self {
            live: RwLock::new(live),
            applied: watch::Sender::new(0),
            apply_time: Recorder::default(),
            start: Mutex::default(),
        }
    }

    /// Keeps what was found damaged for whoever asks how this member was started.
    pub(super) fn note(&self, path: &Utf8Path, damage: &dyn std::error::Error) {
        let source = damage.source().map(|source| format!(": {source}")).unwrap_or_default();
        self.start.lock().damage.push(format!("{path}: {damage}{source}"));
    }

    pub(crate) fn with<R>(&self, read: impl FnOnce(&M) -> R) -> R {
        read(&self.live.read().machine)
    }

    pub(crate) fn hash(&self) -> StateHash {
        self.live.read().rolling.hash()
    }

    /// The hashes of the state at the last entries that were marked.
    pub(crate) fn points(&self) -> Vec<(u64, StateHash)> {
        self.live.read().points.iter().copied().collect()
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

    /// Puts another state in the place of this one. Readers went on with the old one until now.
    pub(super) fn exchange(&self, machine: M, position: Position, rolling: Rolling) {
        let live = Live::new(machine, position, rolling);
        let old = std::mem::replace(&mut *self.live.write(), live);
        // Taking a large state apart is nothing to hold the lock for.
        drop(old);
        self.announce();
    }

    /// Applies entries of which nobody waits for the answers.
    pub(crate) fn replay(&self, entries: Vec<Entry>) {
        let mut changes = Vec::new();
        let mut live = self.live.write();
        for entry in entries {
            live.apply(entry, &mut changes);
            changes.clear();
        }
        live.position.hash = live.rolling.hash();
    }

    /// The whole state at one moment. Only the moment is taken under the lock; what it holds is gone through later.
    pub(crate) fn freeze(&self) -> Taken {
        let live = self.live.read();
        let mut position = live.position.clone();
        position.hash = live.rolling.hash();
        let records = u64::try_from(live.rolling.records()).unwrap_or(u64::MAX);
        Taken { frozen: live.machine.freeze(), position, records }
    }
}
