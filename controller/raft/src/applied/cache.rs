//! The thread that keeps the copy on sled up to date, a little behind the state in memory. A copy that fails is given up
//! until the next start: it would only have shortened that start.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::sled_store::{SledError, SledStore};
use crate::files::DirLock;
use crate::machine::Change;
use crate::snapshot::{Position, Taken};

/// How many applied batches may wait; then applying waits for sled.
const QUEUE: usize = 256;
/// After so many changes the copy is made durable without waiting for the clock.
const FLUSH_CHANGES: usize = 10_000;

enum Job {
    Apply { changes: Vec<Change>, position: Position, records: usize },
    Replace(Taken),
    Flush,
}

/// The queue to the thread; the thread flushes and ends when the last handle is gone.
#[derive(Clone)]
pub(crate) struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.jobs.lock().take();
        if let Some(thread) = self.thread.lock().take() {
            // A thread that panicked leaves a copy that the next start checks and, if it is bad, rebuilds.
            drop(thread.join());
        }
    }
}

impl Cache {
    /// Starts the thread over an open copy; it holds the directory lock until it ends.
    pub(super) fn start(store: SledStore, lock: Arc<DirLock>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("raft-applied".to_owned()).spawn(move || {
            run(store, queue);
            drop(lock);
        })?;
        Ok(Self { inner: Arc::new(Inner { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)) }) })
    }

    pub(super) async fn apply(&self, changes: Vec<Change>, position: Position, records: usize) {
        self.send(Job::Apply { changes, position, records }).await;
    }

    pub(super) async fn replace(&self, taken: Taken) {
        self.send(Job::Replace(taken)).await;
    }

    /// Asks for a flush, unless much else waits already; the next tick asks again.
    pub(crate) fn tick(&self) {
        if let Some(jobs) = &*self.inner.jobs.lock() {
            drop(jobs.try_send(Job::Flush));
        }
    }

    async fn send(&self, job: Job) {
        let jobs = self.inner.jobs.lock().clone();
        if let Some(jobs) = jobs {
            // The thread is gone only when its copy was given up.
            drop(jobs.send(job).await);
        }
    }
}

fn run(mut store: SledStore, mut queue: mpsc::Receiver<Job>) {
    let mut unflushed = 0;
    while let Some(job) = queue.blocking_recv() {
        if let Err(error) = work(&mut store, job, &mut unflushed) {
            let detail = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, detail, "gave up the applied store until the next start");
            return;
        }
    }
    if let Err(error) = store.flush() {
        tracing::warn!(%error, "could not flush the applied store");
    }
}

fn work(store: &mut SledStore, job: Job, unflushed: &mut usize) -> Result<(), SledError> {
    match job {
        Job::Apply { changes, position, records } => {
            store.apply(&changes, &position, records)?;
            *unflushed += changes.len() + 1;
            if *unflushed < FLUSH_CHANGES {
                return Ok(());
            }
        }
        Job::Replace(taken) => {
            *unflushed = 0;
            return store.replace(taken);
        }
        Job::Flush if *unflushed == 0 => return Ok(()),
        Job::Flush => {}
    }
    *unflushed = 0;
    store.flush()
}
