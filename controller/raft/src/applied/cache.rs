//! The thread that keeps the copy on sled up to date, a little behind the state in memory. It opens the copy behind a start
//! that did not need it, and reads it to its end: a copy that is damaged, behind, or grown out of shape is written anew from
//! what is in memory. One that fails later is given up until the next start: it would only have stood in for snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::live::Shared;
use super::place::Place;
use super::rewrite::{Meanwhile, rewrite};
use super::sled_store::{SledError, SledStore};
use crate::files::DirLock;
use crate::machine::{Change, Machine};
use crate::snapshot::Position;
use crate::start::Copied;
use crate::stop::Stop;
use crate::types::LogId;

/// How many calls to the thread may wait; they carry nothing.
const QUEUE: usize = 2;
/// After so many changed records or bytes the copy is written without waiting for the clock, and applying waits for it.
const MOST_RECORDS: usize = 4_000;
const MOST_BYTES: usize = 4 << 20;
/// Where fewer records change between two writes, the copy has the time to be closed and opened again.
const CALM_RECORDS: usize = MOST_RECORDS / 4;

/// What the copy does not have yet. sled writes to the disk with every batch, and waits for it, in the way of the log: so
/// changes are gathered, and of many changes of a record the last one counts.
#[derive(Default)]
struct Pending {
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
    /// Where the state stood after the last of these changes, and how many records it had.
    at: Option<(Position, usize)>,
    /// The copy has to be written anew.
    lost: bool,
    /// The thread has not come to writing yet, and nobody waits for it.
    opening: bool,
    /// What was gathered up to this entry was let go while the copy was not open: it has it already or is written anew.
    let_go: Option<LogId>,
}

impl Pending {
    fn is_full(&self) -> bool {
        self.changes.len() >= MOST_RECORDS || self.bytes >= MOST_BYTES
    }

    /// What was gathered; gathering begins anew.
    fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    fn lose(&mut self) {
        *self = Self { lost: true, opening: self.opening, ..Self::default() };
    }

    /// Lets go of what the log, which is applied again after a start, has most likely brought to the copy before.
    fn let_go(&mut self) {
        let let_go = self.at.as_ref().and_then(|(position, _)| position.applied);
        *self = Self { let_go, opening: self.opening, ..Self::default() };
    }
}

/// The way to the thread; the thread writes what is left and ends when the last handle is gone.
#[derive(Clone)]
pub(crate) struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    pending: Arc<Mutex<Pending>>,
    stop: Arc<Stop>,
    calls: Mutex<Option<mpsc::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Inner {
    fn close(&self) {
        self.stop.say();
        if let Some(calls) = self.calls.lock().take() {
            // Wakes the thread also where a task that goes on no more holds another handle: it would wait for that for ever.
            calls.try_send(()).ok();
        }
        let thread = self.thread.lock().take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            // A thread that panicked leaves a copy that the next start checks and, if it is bad, rebuilds.
            drop(thread.join());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Cache {
    /// Starts the thread over a copy that is open and was read, or else is still to be opened; it holds the directory lock
    /// until it ends. What is in memory began from `begun`.
    pub(super) fn start<M: Machine>(
        place: Place,
        open: Option<SledStore>,
        shared: Arc<Shared<M>>,
        lock: Arc<DirLock>,
    ) -> std::io::Result<Self> {
        let (calls, queue) = mpsc::channel(QUEUE);
        let first = Pending { opening: open.is_none(), ..Pending::default() };
        let (pending, stop) = (Arc::new(Mutex::new(first)), Arc::<Stop>::default());
        let begun = shared.applied();
        let writer = Writer { place, shared, begun, pending: Arc::clone(&pending), stop: Arc::clone(&stop) };
        let thread = std::thread::Builder::new().name("raft-applied".to_owned()).spawn(move || {
            writer.run(open, queue);
            drop(lock);
        })?;
        let (calls, thread) = (Mutex::new(Some(calls)), Mutex::new(Some(thread)));
        Ok(Self { inner: Arc::new(Inner { pending, stop, calls, thread }) })
    }

    pub(super) async fn apply(&self, changes: Vec<Change>, position: Position, records: usize) {
        let Some(calls) = self.calls() else { return };
        let full = {
            let mut pending = self.inner.pending.lock();
            if pending.lost {
                return;
            }
            for (key, value) in changes {
                pending.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
                pending.changes.insert(key, value);
            }
            pending.at = Some((position, records));
            let full = pending.is_full();
            if full && pending.opening {
                pending.let_go();
            }
            full && !pending.opening
        };
        if full {
            calls.send(()).await.ok();
        }
    }

    /// The whole state was replaced.
    pub(super) fn rewrite(&self) {
        self.inner.pending.lock().lose();
        self.tick();
    }

    /// Asks for what was gathered to be written, unless that was asked already.
    pub(crate) fn tick(&self) {
        if let Some(calls) = &*self.inner.calls.lock() {
            calls.try_send(()).ok();
        }
    }

    /// Writes what was gathered and ends the thread. Blocks.
    pub(crate) fn close(&self) {
        self.inner.close();
    }

    /// The way to the thread; none where it gave the copy up, so that nothing is gathered for nobody.
    fn calls(&self) -> Option<mpsc::Sender<()>> {
        self.inner.calls.lock().clone().filter(|calls| !calls.is_closed())
    }
}

/// What the thread works with.
struct Writer<M> {
    place: Place,
    shared: Arc<Shared<M>>,
    begun: Option<LogId>,
    pending: Arc<Mutex<Pending>>,
    stop: Arc<Stop>,
}

impl<M: Machine> Writer<M> {
    fn run(self, open: Option<SledStore>, mut queue: mpsc::Receiver<()>) {
        let kept = match open {
            Some(store) => Ok(store),
            // The first call comes when the start is over, in the way of which nothing is to be read.
            None if queue.blocking_recv().is_none() || self.stop.said() => Err(SledError::Stopped),
            None => self.open(),
        };
        let ended = kept.and_then(|store| self.keep(store, &mut queue));
        drop(queue);
        drop(self.pending.lock().take());
        match ended {
            Ok(()) | Err(SledError::Stopped) => {}
            Err(error) => {
                let detail = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, detail, "gave up the applied store until the next start");
                self.shared.start.lock().copied = Copied::GivenUp;
            }
        }
    }

    /// The copy, as it is where it is whole and reaches what the start began from, else emptied or new and to be written.
    fn open(&self) -> Result<SledStore, SledError> {
        let (store, why) = self.place.open_checked(self.begun, &self.stop)?;
        let mut pending = self.pending.lock();
        let behind = store.applied() < pending.let_go;
        let why = why.or_else(|| behind.then_some(SledError::Behind));
        let mut copied = Copied::Whole;
        if let Some(why) = why {
            self.shared.note(&self.place.dir, &why);
            pending.lose();
            copied = Copied::Unfinished;
        }
        pending.opening = false;
        drop(pending);
        self.shared.start.lock().copied = copied;
        Ok(store)
    }

    /// What was gathered since the last call, which nobody waits for any longer.
    fn meanwhile(&self, queue: &mut mpsc::Receiver<()>) -> Meanwhile {
        let mut pending = self.pending.lock();
        if pending.lost {
            return Meanwhile::Lost;
        }
        let Pending { changes, at, .. } = pending.take();
        drop(pending);
        while queue.try_recv().is_ok() {}
        at.map_or(Meanwhile::Nothing, |(position, records)| {
            Meanwhile::Changes(changes.into_iter().collect(), position, records)
        })
    }

    fn keep(&self, mut store: SledStore, queue: &mut mpsc::Receiver<()>) -> Result<(), SledError> {
        loop {
            // Taken first: the lock must not be held while sled writes, for applying waits for it.
            let pending = self.pending.lock().take();
            let calm = pending.changes.len() < CALM_RECORDS;
            if pending.lost {
                self.shared.start.lock().copied = Copied::Unfinished;
                // What is gathered from here on is newer than what is held still now, or part of it.
                let taken = self.shared.freeze();
                let whole;
                (store, whole) = rewrite(store, taken, &self.stop, || self.meanwhile(queue))?;
                if !whole {
                    continue;
                }
                self.shared.start.lock().copied = Copied::Anew;
            } else if let Some((position, records)) = pending.at
                && position.applied > store.applied()
            {
                let changes: Vec<Change> = pending.changes.into_iter().collect();
                store.apply(&changes, &position, records)?;
                store.flush()?;
            }
            if calm && !self.stop.said() {
                store = store.rested()?;
            }
            let ends = self.stop.said() || queue.blocking_recv().is_none();
            if ends && self.pending.lock().at.is_none() {
                return Ok(());
            }
        }
    }
}
