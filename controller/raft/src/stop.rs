//! Tells a thread to stop, also where it rests. A leaf.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Where nobody waits for work, it rests for so many times as long as it goes on.
const RESTS: u32 = 2;

/// Whether the thread is to stop.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    said: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(crate) fn say(&self) {
        *self.said.lock() = true;
        self.changed.notify_all();
    }

    /// Whether it was said.
    pub(crate) fn said(&self) -> bool {
        *self.said.lock()
    }

    /// Waits for so long, or until it is said; answers whether it was.
    fn within(&self, time: Duration) -> bool {
        let mut said = self.said.lock();
        let deadline = Instant::now() + time;
        while !*said && !self.changed.wait_until(&mut said, deadline).timed_out() {}
        *said
    }
}

/// Keeps work that nobody waits for from taking a core.
pub(crate) struct Pace<'a> {
    stop: &'a Stop,
    since: Instant,
}

impl<'a> Pace<'a> {
    pub(crate) fn begin(stop: &'a Stop) -> Self {
        Self { stop, since: Instant::now() }
    }

    /// Rests for as long as the work since the last rest is worth; answers whether to stop.
    pub(crate) fn rest(&mut self) -> bool {
        let stopped = self.stop.within(self.since.elapsed() * RESTS);
        self.since = Instant::now();
        stopped
    }
}
