//! The thread that keeps the copy on sled up to date, a little behind the state in memory. A copy that fails is given up
//! until the next start: it would only have shortened that start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::sled_store::{SledError, SledStore};
use crate::files::DirLock;
use crate::machine::Change;
use crate::snapshot::{Position, Taken};

/// How many calls to the thread may wait; they carry nothing.
const QUEUE: usize = 2;
/// After so many changed records or bytes the copy is written without waiting for the clock, and applying waits for it.
const MOST_RECORDS: usize = 10_000;
const MOST_BYTES: usize = 32 << 20;

/// What the copy does not have yet. sled writes to the disk with every batch, and waits for it, in the way of the log: so
/// changes are gathered, and of many changes of a record the last one counts.
#[derive(Default)]
struct Pending {
    replace: Option<Taken>,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
    /// Where the state stood after the last of these changes, and how many records it had.
    at: Option<(Position, usize)>,
}

impl Pending {
    fn is_full(&self) -> bool {
        self.changes.len() >= MOST_RECORDS || self.bytes >= MOST_BYTES
    }
}

/// The queue to the thread; the thread flushes and ends when the last handle is gone.
#[derive(Clone)]
pub(crate) struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    pending: Arc<Mutex<Pending>>,
    calls: Mutex<Option<mpsc::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.calls.lock().take();
        if let Some(thread) = self.thread.lock().take() {
            // A thread that panicked leaves a copy that the next start checks and, if it is bad, rebuilds.
            drop(thread.join());
        }
    }
}

impl Cache {
    /// Starts the thread over an open copy; it holds the directory lock until it ends.
    pub(super) fn start(store: SledStore, lock: Arc<DirLock>) -> std::io::Result<Self> {
        let (calls, queue) = mpsc::channel(QUEUE);
        let pending = Arc::<Mutex<Pending>>::default();
        let gathered = Arc::clone(&pending);
        let thread = std::thread::Builder::new().name("raft-applied".to_owned()).spawn(move || {
            run(store, &gathered, queue);
            drop(lock);
        })?;
        let (calls, thread) = (Mutex::new(Some(calls)), Mutex::new(Some(thread)));
        Ok(Self { inner: Arc::new(Inner { pending, calls, thread }) })
    }

    pub(super) async fn apply(&self, changes: Vec<Change>, position: Position, records: usize) {
        let Some(calls) = self.calls() else { return };
        let full = {
            let mut pending = self.inner.pending.lock();
            for (key, value) in changes {
                pending.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
                pending.changes.insert(key, value);
            }
            pending.at = Some((position, records));
            pending.is_full()
        };
        if full {
            calls.send(()).await.ok();
        }
    }

    pub(super) async fn replace(&self, taken: Taken) {
        let Some(calls) = self.calls() else { return };
        *self.inner.pending.lock() = Pending { replace: Some(taken), ..Pending::default() };
        calls.send(()).await.ok();
    }

    /// Asks for what was gathered to be written, unless that was asked already.
    pub(crate) fn tick(&self) {
        if let Some(calls) = &*self.inner.calls.lock() {
            calls.try_send(()).ok();
        }
    }

    /// The way to the thread; none where it gave the copy up, so that nothing is gathered for nobody.
    fn calls(&self) -> Option<mpsc::Sender<()>> {
        self.inner.calls.lock().clone().filter(|calls| !calls.is_closed())
    }
}

fn run(mut store: SledStore, pending: &Mutex<Pending>, mut queue: mpsc::Receiver<()>) {
    loop {
        let last = queue.blocking_recv().is_none();
        // Taken first: the lock must not be held while sled writes, for applying waits for it.
        let gathered = std::mem::take(&mut *pending.lock());
        if let Err(error) = write(&mut store, gathered) {
            let detail = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, detail, "gave up the applied store until the next start");
            drop(queue);
            drop(std::mem::take(&mut *pending.lock()));
            return;
        }
        if last {
            return;
        }
    }
}

fn write(store: &mut SledStore, pending: Pending) -> Result<(), SledError> {
    if let Some(taken) = pending.replace {
        store.replace(taken)?;
    }
    let Some((position, records)) = pending.at else { return Ok(()) };
    let changes: Vec<Change> = pending.changes.into_iter().collect();
    store.apply(&changes, &position, records)?;
    store.flush()
}
