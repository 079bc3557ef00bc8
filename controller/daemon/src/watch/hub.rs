//! Where changes are read once and handed to everybody who watches: one task, woken by every applied batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use holdfast_state::{State, WatchItem};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::event::{Event, Frame};
use super::group::{Group, Lagged};
use super::groups::{Filter, Groups};

/// The most watchers of one controller.
pub(crate) const MAX_WATCHERS: usize = 20_000;
/// The most watchers of one principal: whoever opens them without end leaves room for the others.
pub(crate) const MAX_WATCHERS_EACH: usize = 10_000;

/// What watches read from.
pub(crate) trait Source: Send + Sync + 'static {
    /// Reads the state.
    fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R;
    /// Whether this member knows a leader; without one its state may stand still while the cluster goes on.
    fn is_led(&self) -> bool;
}

/// Who may not watch as well, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The controller has as many as it takes.
    All,
    /// The principal has as many as one may have.
    Principal,
    /// The controller stops.
    Closed,
}

/// What the hub has done, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct WatchCounts {
    /// Changes handed to watchers.
    pub(crate) sent: AtomicU64,
    /// Watchers that were cut off because they did not keep up.
    pub(crate) cut: AtomicU64,
}

#[derive(Default)]
struct Inner {
    groups: Groups,
    principals: BTreeMap<String, usize>,
    watchers: usize,
    /// Everything up to here has been handed on; of no meaning while nobody watches.
    revision: u64,
}

/// The watchers of one controller.
#[derive(Default)]
pub(crate) struct Hub {
    inner: Mutex<Inner>,
    /// As in the inner part, to be read without its lock. Written after what it speaks of was handed on.
    revision: AtomicU64,
    closed: AtomicBool,
    pub(crate) counts: WatchCounts,
}

impl Hub {
    /// Takes a place among the watchers.
    pub(crate) fn join(
        self: &Arc<Self>,
        principal: &str,
        filter: Filter,
        source: &impl Source,
    ) -> Result<Seat, Full> {
        let mut inner = self.inner.lock();
        if self.closed.load(Ordering::Acquire) {
            return Err(Full::Closed);
        }
        if inner.watchers >= MAX_WATCHERS {
            return Err(Full::All);
        }
        let own = inner.principals.entry(principal.to_owned()).or_default();
        if *own >= MAX_WATCHERS_EACH {
            return Err(Full::Principal);
        }
        *own += 1;
        if inner.watchers == 0 {
            inner.revision = source.read(State::revision);
            self.revision.store(inner.revision, Ordering::Release);
        }
        inner.watchers += 1;
        let through = inner.revision;
        let group = inner.groups.of(&filter);
        let (cursor, woken) = group.enter();
        drop(inner);
        let (hub, principal) = (Arc::clone(self), principal.to_owned());
        Ok(Seat { hub, principal, filter, group, cursor, woken, through })
    }

    /// How many watch.
    pub(crate) fn watchers(&self) -> usize {
        self.inner.lock().watchers
    }

    /// Whether the controller stops.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Everything up to this revision has been handed on.
    pub(super) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    /// Hands on what has changed.
    pub(crate) fn pump(&self, source: &impl Source) {
        let mut inner = self.inner.lock();
        if inner.watchers == 0 {
            return;
        }
        let (since, groups) = (inner.revision, &inner.groups);
        let wanted = |item: &&WatchItem| groups.want(item.kind, &item.name);
        let read = source.read(|state| {
            let changes = state.changes_since(since)?;
            let items: Vec<WatchItem> = changes.filter(wanted).cloned().collect();
            Ok::<_, holdfast_state::Compacted>((items, state.revision()))
        });
        let Ok((items, revision)) = read else {
            // The state was replaced by a newer one: everybody has to see for himself whether he can go on from it.
            std::mem::take(&mut inner.groups).end();
            inner.revision = source.read(State::revision);
            self.revision.store(inner.revision, Ordering::Release);
            return;
        };
        // The state was let go: encoding takes as long as it takes, and the log goes on meanwhile.
        let events: Vec<Arc<Event>> = items.iter().map(|item| Arc::new(Event::of(item))).collect();
        if !events.is_empty() {
            inner.groups.push(&events, Instant::now());
        }
        inner.revision = revision;
        self.revision.store(revision, Ordering::Release);
    }

    /// Ends every watch: the controller stops.
    pub(crate) fn close(&self) {
        let inner = self.inner.lock();
        self.closed.store(true, Ordering::Release);
        inner.groups.end();
    }

    fn leave(&self, seat: &Seat) {
        let mut inner = self.inner.lock();
        inner.watchers = inner.watchers.saturating_sub(1);
        if let Some(own) = inner.principals.get_mut(&seat.principal) {
            *own -= 1;
            if *own == 0 {
                inner.principals.remove(&seat.principal);
            }
        }
        if seat.group.leave(seat.cursor) {
            inner.groups.forget(&seat.filter, &seat.group);
        }
    }
}

/// Hands changes on until it is cancelled.
pub(crate) async fn run(
    hub: Arc<Hub>,
    source: Arc<impl Source>,
    mut applied: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            changed = applied.changed() => if changed.is_err() { break },
        }
        hub.pump(&*source);
    }
    hub.close();
}

/// A place among the watchers; given back when it is dropped.
pub(crate) struct Seat {
    hub: Arc<Hub>,
    principal: String,
    filter: Filter,
    group: Arc<Group>,
    cursor: u64,
    woken: watch::Receiver<u64>,
    /// Changes up to here have to be read from the state, those after come by themselves.
    through: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.leave(self);
    }
}

impl Seat {
    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    pub(super) fn through(&self) -> u64 {
        self.through
    }

    /// The next changes, at most `most`.
    pub(super) fn take(&mut self, most: usize) -> Result<Vec<Frame>, Lagged> {
        let (frames, cursor) = self.group.take(self.cursor, most)?;
        self.cursor = cursor;
        Ok(frames)
    }

    /// Whether nothing more comes here, because the state was replaced or the controller stops.
    pub(super) fn is_ended(&self) -> bool {
        self.group.is_ended()
    }

    /// Waits until there may be more.
    pub(super) async fn more(&mut self) {
        // The group is held by this very seat, so its sender is there.
        drop(self.woken.changed().await);
    }

    /// A place anew, after the state was replaced.
    pub(super) fn again(&self, source: &impl Source) -> Result<Self, Full> {
        self.hub.join(&self.principal, self.filter.clone(), source)
    }
}
