//! Queues and what their jobs hold. It must not know nodes.

use std::collections::BTreeMap;

use holdfast_types::{Amounts, MilliDevices, QueueName, Span, Time, Usage};

use crate::budgets::Budgets;
use crate::config::Config;
use crate::fair::{Branch, Fair};
use crate::need::Devices;
use crate::nodes::Nodes;
use crate::shares::{Shares, Short};
use crate::snapshot::{QueueView, Snapshot};

/// The queues of a snapshot, addressed by position, with the accelerators their jobs hold.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    positions: BTreeMap<QueueName, usize>,
    list: Vec<(QueueView, MilliDevices)>,
    shares: Shares,
    fair: Fair,
    budgets: Budgets,
}

/// Why a queue starts nothing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueRefusal {
    Stopped,
    Full {
        held: MilliDevices,
        limit: u32,
    },
    /// It, or one above it, has too little of a class.
    Short(Short),
}

/// Whose that is what a gang needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stake {
    /// Nobody counts it.
    None,
    /// Its queue's own: who borrows of it gives it back.
    Own(usize),
    /// Somebody else's, at least in part: it stops nobody of another queue, for that one could stop it in turn.
    Borrowed(usize),
}

impl Stake {
    /// The queue that gets something back.
    pub(crate) fn owner(self) -> Option<usize> {
        match self {
            Self::Own(queue) => Some(queue),
            Self::None | Self::Borrowed(_) => None,
        }
    }
}

/// How much each queue has had, with those below it: of what is recorded to be held and to have been on average, the largest part of any
/// resource of the cluster over the weight of the queue, in thousandths. It is by this that queues come to their turn.
#[must_use]
pub fn dominant_shares(snapshot: &Snapshot, now: Time) -> BTreeMap<QueueName, u64> {
    let mut queues = Queues::new(&snapshot.queues, Nodes::new(&snapshot.nodes).amounts());
    for view in &snapshot.queues {
        if let Some(queue) = queues.find(&view.name) {
            queues.fair.hold(queue, &view.usage.holds);
        }
    }
    queues.fair.pass(now);
    let share = |(name, queue): (&QueueName, &usize)| {
        (name.clone(), queues.fair.share(Branch::Below(*queue)).per_mille())
    };
    queues.positions.iter().map(share).collect()
}

impl Queues {
    /// Nobody holds anything of what the cluster has. Of two queues of one name the first by value counts.
    pub(crate) fn new(views: &[QueueView], capacity: Amounts) -> Self {
        let mut sorted = views.to_vec();
        sorted.sort_unstable();
        sorted.dedup_by(|later, earlier| later.name == earlier.name);
        let positions = sorted.iter().enumerate().map(|(at, view)| (view.name.clone(), at)).collect();
        let shares = Shares::new(&sorted);
        let fair = Fair::new(&sorted, &shares.parents(), capacity);
        let budgets = Budgets::new(&sorted);
        let list = sorted.into_iter().map(|view| (view, MilliDevices(0))).collect();
        Self { positions, list, shares, fair, budgets }
    }

    /// The position of a name.
    pub(crate) fn find(&self, name: &QueueName) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The name at a position.
    pub(crate) fn name(&self, queue: usize) -> Option<&QueueName> {
        self.list.get(queue).map(|(view, _)| &view.name)
    }

    /// For how long its jobs run on end, as it says or the first above it that does. What one plan starts it does not stop.
    pub(crate) fn min_run(&self, queue: usize, config: &Config) -> Span {
        let said = self.fair.path(queue).find_map(|at| self.list.get(at)?.0.min_run);
        said.unwrap_or(config.min_run).max(Span(1))
    }

    /// Its name and those of the queues above it.
    pub(crate) fn names_above(&self, queue: usize) -> impl Iterator<Item = &QueueName> {
        self.fair.path(queue).filter_map(|at| self.name(at))
    }

    /// Its priority.
    pub(crate) fn priority(&self, queue: usize) -> i32 {
        self.list.get(queue).map_or(i32::MIN, |(view, _)| view.priority)
    }

    /// Whether a queue may start a gang that needs these accelerators now.
    pub(crate) fn check(&self, queue: usize, devices: &Devices) -> Result<(), QueueRefusal> {
        self.check_own(queue, devices.total(), MilliDevices(0))?;
        for (class, count) in devices.iter() {
            self.shares.check(queue, class, count).map_err(QueueRefusal::Short)?;
        }
        Ok(())
    }

    /// The same for a gang that these accelerators are held for already.
    pub(crate) fn check_holder(&self, queue: usize, devices: &Devices) -> Result<(), QueueRefusal> {
        self.check_own(queue, devices.total(), devices.total())?;
        for (class, count) in devices.iter() {
            self.shares.check_counted(queue, class, count).map_err(QueueRefusal::Short)?;
        }
        Ok(())
    }

    /// Counts what a job takes to a queue.
    pub(crate) fn hold(&mut self, queue: usize, amounts: &Amounts) {
        let devices = Devices::from(amounts);
        if let Some((_, held)) = self.list.get_mut(queue) {
            held.0 = held.0.saturating_add(devices.total().0);
        }
        devices.iter().for_each(|(class, count)| self.shares.hold(queue, class, count));
        self.fair.hold(queue, amounts);
    }

    /// Undoes [`Queues::hold`].
    pub(crate) fn release(&mut self, queue: usize, amounts: &Amounts) {
        let devices = Devices::from(amounts);
        if let Some((_, held)) = self.list.get_mut(queue) {
            held.0 = held.0.saturating_sub(devices.total().0);
        }
        devices.iter().for_each(|(class, count)| self.shares.release(queue, class, count));
        self.fair.release(queue, amounts);
    }

    /// What was recorded of a queue. `false` where it is not known.
    pub(crate) fn set_usage(&mut self, queue: usize, usage: Usage) -> bool {
        self.fair.set_usage(queue, usage)
    }

    /// One more job of a queue is stopped for another one.
    pub(crate) fn disrupt(&mut self, queue: usize, now: Time) {
        self.budgets.spend(self.fair.path(queue), now);
    }

    /// How many more jobs may be stopped for others.
    pub(crate) fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// The same, to be changed.
    pub(crate) fn budgets_mut(&mut self) -> &mut Budgets {
        &mut self.budgets
    }

    /// Which of them have had less.
    pub(crate) fn fair(&self) -> &Fair {
        &self.fair
    }

    /// The same, to be changed.
    pub(crate) fn fair_mut(&mut self) -> &mut Fair {
        &mut self.fair
    }

    /// What queues lend each other.
    pub(crate) fn shares(&self) -> &Shares {
        &self.shares
    }

    /// What a queue shares of what a gang needs, which is counted already or not.
    pub(crate) fn stake(&self, queue: usize, devices: &Devices, is_counted: bool) -> Stake {
        let own = |(class, count)| {
            self.shares.is_own(queue, class, if is_counted { MilliDevices(0) } else { count })
        };
        match devices.iter().filter_map(own).reduce(|all, is_own| all && is_own) {
            None => Stake::None,
            Some(true) => Stake::Own(queue),
            Some(false) => Stake::Borrowed(queue),
        }
    }

    /// What a queue says for itself, whomever it shares with, where so many of the gang are counted already.
    fn check_own(
        &self,
        queue: usize,
        needs: MilliDevices,
        counted: MilliDevices,
    ) -> Result<(), QueueRefusal> {
        let Some((view, held)) = self.list.get(queue) else { return Ok(()) };
        if view.stopped {
            return Err(QueueRefusal::Stopped);
        }
        let held = MilliDevices(held.0.saturating_sub(counted.0));
        let most = MilliDevices::whole(u64::from(view.max_devices)).0;
        // A gang without accelerators takes nothing of the limit, so a full queue still starts it.
        let within = view.max_devices == 0 || needs.0 == 0 || held.0.saturating_add(needs.0) <= most;
        if within { Ok(()) } else { Err(QueueRefusal::Full { held, limit: view.max_devices }) }
    }
}
