//! Queues and what their jobs hold. It must not know nodes.

use std::collections::BTreeMap;

use holdfast_types::QueueName;

use crate::snapshot::QueueView;

/// The queues of a snapshot, addressed by position, with the accelerators their jobs hold.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    positions: BTreeMap<QueueName, usize>,
    list: Vec<(QueueView, u64)>,
}

/// Why a queue starts nothing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueRefusal {
    Stopped,
    Full { held: u64, limit: u32 },
}

impl Queues {
    /// Nobody holds anything. Of two queues of one name the first by value counts.
    pub(crate) fn new(views: &[QueueView]) -> Self {
        let mut sorted = views.to_vec();
        sorted.sort_unstable();
        sorted.dedup_by(|later, earlier| later.name == earlier.name);
        let positions = sorted.iter().enumerate().map(|(at, view)| (view.name.clone(), at)).collect();
        Self { positions, list: sorted.into_iter().map(|view| (view, 0)).collect() }
    }

    /// The position of a name.
    pub(crate) fn find(&self, name: &QueueName) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// The name at a position.
    pub(crate) fn name(&self, queue: usize) -> Option<&QueueName> {
        self.list.get(queue).map(|(view, _)| &view.name)
    }

    /// Its priority.
    pub(crate) fn priority(&self, queue: usize) -> i32 {
        self.list.get(queue).map_or(i32::MIN, |(view, _)| view.priority)
    }

    /// Whether a queue may start a gang of this many accelerators now.
    pub(crate) fn check(&self, queue: usize, devices: u64) -> Result<(), QueueRefusal> {
        let Some((view, held)) = self.list.get(queue) else { return Ok(()) };
        if view.stopped {
            return Err(QueueRefusal::Stopped);
        }
        // A gang without accelerators takes nothing of the limit, so a full queue still starts it.
        let within = view.max_devices == 0
            || devices == 0
            || held.saturating_add(devices) <= u64::from(view.max_devices);
        if within { Ok(()) } else { Err(QueueRefusal::Full { held: *held, limit: view.max_devices }) }
    }

    /// The same for a gang that this many accelerators are held for already.
    pub(crate) fn check_holder(&self, queue: usize, devices: u64) -> Result<(), QueueRefusal> {
        let Some((view, held)) = self.list.get(queue) else { return Ok(()) };
        match self.check(queue, 0) {
            Ok(()) if view.max_devices == 0 || devices == 0 || *held <= u64::from(view.max_devices) => Ok(()),
            Ok(()) => Err(QueueRefusal::Full { held: held.saturating_sub(devices), limit: view.max_devices }),
            Err(refusal) => Err(refusal),
        }
    }

    /// Counts accelerators to a queue.
    pub(crate) fn hold(&mut self, queue: usize, devices: u64) {
        if let Some((_, held)) = self.list.get_mut(queue) {
            *held = held.saturating_add(devices);
        }
    }

    /// Undoes [`Queues::hold`].
    pub(crate) fn release(&mut self, queue: usize, devices: u64) {
        if let Some((_, held)) = self.list.get_mut(queue) {
            *held = held.saturating_sub(devices);
        }
    }
}
