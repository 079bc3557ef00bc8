//! Queues and what their jobs hold. It must not know nodes.

use std::collections::BTreeMap;

use holdfast_types::QueueName;

use crate::snapshot::{JobState, JobView, QueueView};

/// The queues of a snapshot, addressed by position, with the accelerators their jobs hold.
#[derive(Debug)]
pub(crate) struct Queues<'a> {
    positions: BTreeMap<&'a QueueName, usize>,
    list: Vec<(&'a QueueView, u64)>,
}

/// Why a queue starts nothing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueRefusal {
    Stopped,
    Full { held: u64, limit: u32 },
}

impl<'a> Queues<'a> {
    /// Counts what the placed jobs hold. Of two queues of one name the first by value counts.
    pub(crate) fn new(views: &'a [QueueView], jobs: &[JobView]) -> Self {
        let mut sorted: Vec<&QueueView> = views.iter().collect();
        sorted.sort_unstable();
        sorted.dedup_by(|later, earlier| later.name == earlier.name);
        let positions = sorted.iter().enumerate().map(|(position, view)| (&view.name, position)).collect();
        let list = sorted.into_iter().map(|view| (view, 0)).collect();
        let mut queues = Self { positions, list };
        for job in jobs {
            if let (Some(queue), JobState::Placed { assignments, .. }) = (queues.find(&job.queue), &job.state)
            {
                let held: usize = assignments.iter().map(|assignment| assignment.devices.len()).sum();
                queues.hold(queue, u64::try_from(held).unwrap_or(u64::MAX));
            }
        }
        queues
    }

    /// The position of a name.
    pub(crate) fn find(&self, name: &QueueName) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// The name at a position.
    pub(crate) fn name(&self, queue: usize) -> Option<&'a QueueName> {
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

    /// Counts accelerators to a queue.
    pub(crate) fn hold(&mut self, queue: usize, devices: u64) {
        if let Some((_, held)) = self.list.get_mut(queue) {
            *held = held.saturating_add(devices);
        }
    }
}
