//! The watchers that ask for the same, and what they have not all taken yet. A change is kept once for all of them, and
//! dropped when the last has it, or when one keeps the others' memory busy: that one is cut off.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::event::{Event, Frame, frames};

/// The most changes a watcher may be behind.
pub(super) const MAX_EVENTS: usize = 2_048;
/// The most bytes a watcher may be behind.
pub(super) const MAX_BYTES: usize = 16 << 20;
/// The longest a change waits for a watcher while others come.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// A watcher asked for changes that its group has dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lagged;

struct Slot {
    frame: Frame,
    bytes: usize,
    at: Instant,
    /// How many watchers have still to take it.
    left: usize,
}

#[derive(Default)]
struct Ring {
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    base: u64,
    bytes: usize,
    watchers: usize,
}

impl Ring {
    fn head(&self) -> u64 {
        self.base + u64::try_from(self.slots.len()).unwrap_or(0)
    }

    fn drop_first(&mut self) {
        if let Some(slot) = self.slots.pop_front() {
            self.base += 1;
            self.bytes -= slot.bytes;
        }
    }

    fn drop_taken(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.left == 0) {
            self.drop_first();
        }
    }

    fn skip(&self, cursor: u64) -> usize {
        usize::try_from(cursor.saturating_sub(self.base)).unwrap_or(usize::MAX)
    }
}

/// Watchers with one filter.
pub(super) struct Group {
    ring: Mutex<Ring>,
    /// The number of the next slot, to wake whoever waits for it.
    head: watch::Sender<u64>,
    ended: AtomicBool,
}

impl Default for Group {
    fn default() -> Self {
        Self { ring: Mutex::default(), head: watch::Sender::new(0), ended: AtomicBool::new(false) }
    }
}

impl Group {
    /// One watcher more, who is sent what comes from here on.
    pub(super) fn enter(&self) -> (u64, watch::Receiver<u64>) {
        let mut ring = self.ring.lock();
        ring.watchers += 1;
        (ring.head(), self.head.subscribe())
    }

    /// One watcher fewer, who stood at `cursor`. Says whether none is left.
    pub(super) fn leave(&self, cursor: u64) -> bool {
        let mut ring = self.ring.lock();
        ring.watchers = ring.watchers.saturating_sub(1);
        let skip = ring.skip(cursor);
        for slot in ring.slots.iter_mut().skip(skip) {
            slot.left = slot.left.saturating_sub(1);
        }
        ring.drop_taken();
        ring.watchers == 0
    }

    /// Adds changes, in order, and wakes everybody.
    pub(super) fn push(&self, events: Vec<Arc<Event>>, at: Instant) {
        let mut ring = self.ring.lock();
        let left = ring.watchers;
        for frame in frames(events) {
            let bytes = frame.parts().0.len();
            ring.bytes += bytes;
            ring.slots.push_back(Slot { frame, bytes, at, left });
        }
        let waits = |slot: &Slot| at.saturating_duration_since(slot.at) > MAX_WAIT;
        // One change alone is kept however large it is: somebody has to get it.
        while ring.slots.len() > MAX_EVENTS
            || (ring.bytes > MAX_BYTES && ring.slots.len() > 1)
            || ring.slots.front().is_some_and(waits)
        {
            ring.drop_first();
        }
        let head = ring.head();
        drop(ring);
        self.head.send_replace(head);
    }

    /// Nothing more comes here; everybody is woken to see it.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.head.send_modify(|_| {});
    }

    /// Whether nothing more comes here.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The next changes for the watcher that stands at `cursor`, at most `most`, and where it stands then.
    pub(super) fn take(&self, cursor: u64, most: usize) -> Result<(Vec<Frame>, u64), Lagged> {
        let mut ring = self.ring.lock();
        if cursor < ring.base {
            return Err(Lagged);
        }
        let skip = ring.skip(cursor);
        let mut taken = Vec::new();
        for slot in ring.slots.iter_mut().skip(skip).take(most) {
            slot.left = slot.left.saturating_sub(1);
            taken.push(slot.frame.clone());
        }
        ring.drop_taken();
        let cursor = cursor + u64::try_from(taken.len()).unwrap_or(0);
        Ok((taken, cursor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_state::WatchItem;

    fn event(revision: u64) -> Arc<Event> {
        let name = "n".to_owned();
        Arc::new(Event::of(&WatchItem { revision, kind: "Node", name, resource: None }))
    }

    fn revisions(frames: &[Frame]) -> Vec<u64> {
        frames.iter().map(|frame| frame.message().revision).collect()
    }

    #[test]
    fn what_all_have_taken_is_dropped_and_who_leaves_holds_nothing_back() {
        let group = Group::default();
        let now = Instant::now();
        let (one, _) = group.enter();
        group.push(vec![event(1)], now);
        let (two, _) = group.enter();
        group.push(vec![event(2), event(3)], now);
        let (frames, one) = group.take(one, 2).unwrap();
        assert_eq!(revisions(&frames), [1, 2]);
        assert_eq!(group.ring.lock().slots.len(), 2, "the second has not taken 2 and 3");
        let (frames, _) = group.take(two, 9).unwrap();
        assert_eq!(revisions(&frames), [2, 3]);
        assert_eq!(group.ring.lock().slots.len(), 1);
        assert!(!group.leave(one));
        assert!(group.ring.lock().slots.is_empty());
        assert_eq!(group.ring.lock().bytes, 0);
    }

    #[test]
    fn who_does_not_keep_up_is_cut_off_and_the_others_are_not() {
        let group = Group::default();
        let now = Instant::now();
        let (slow, _) = group.enter();
        let (mut quick, _) = group.enter();
        for revision in 1..=u64::try_from(MAX_EVENTS).unwrap() + 1 {
            group.push(vec![event(revision)], now);
            let (frames, next) = group.take(quick, 9).unwrap();
            assert_eq!(revisions(&frames), [revision]);
            quick = next;
        }
        assert!(matches!(group.take(slow, 9), Err(Lagged)));
        assert_eq!(group.ring.lock().slots.len(), MAX_EVENTS);
        assert!(!group.leave(slow));
        assert!(group.ring.lock().slots.is_empty());
    }

    #[test]
    fn a_change_does_not_wait_for_ever() {
        let group = Group::default();
        let now = Instant::now();
        let (slow, _) = group.enter();
        group.push(vec![event(1)], now);
        group.push(vec![event(2)], now + MAX_WAIT + Duration::from_secs(1));
        assert!(matches!(group.take(slow, 9), Err(Lagged)));
    }
}
