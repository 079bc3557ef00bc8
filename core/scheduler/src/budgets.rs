//! How many jobs of a queue, with those below it, are still stopped for others in a stretch of time. It must not know who is stopped, nor
//! what for.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::{Disruptions, Time};

use crate::snapshot::QueueView;

/// The disruption budgets, each by the position of its queue. Most queues have none.
#[derive(Debug, Default, Clone)]
pub(crate) struct Budgets {
    by_queue: BTreeMap<usize, Budget>,
    /// Those of which a stop may count no more since time last passed.
    refilled: BTreeSet<usize>,
    /// When time last passed.
    now: Time,
}

#[derive(Debug, Clone)]
struct Budget {
    allows: Disruptions,
    /// When the stops were that count, in order.
    stops: Vec<Time>,
}

impl Budget {
    fn counted(&self, now: Time) -> impl Iterator<Item = Time> {
        self.stops.iter().copied().filter(move |at| *at + self.allows.per > now)
    }

    fn has_left(&self, now: Time) -> bool {
        self.counted(now).count() < usize::try_from(self.allows.max).unwrap_or(usize::MAX)
    }
}

/// What is left of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetStanding {
    /// What it allows.
    pub allows: Disruptions,
    /// How many stops count now.
    pub counted: usize,
    /// When the oldest of them counts no more; `None` where none does.
    pub until: Option<Time>,
}

impl Budgets {
    /// Those of queues, which have the order of positions.
    pub(crate) fn new(views: &[QueueView]) -> Self {
        let budget = |view: &QueueView| {
            let mut stops = view.disrupted.clone();
            stops.sort_unstable();
            Some(Budget { allows: view.disruptions?, stops })
        };
        let by_queue = views.iter().enumerate().filter_map(|(at, view)| Some((at, budget(view)?))).collect();
        Self { by_queue, refilled: BTreeSet::new(), now: Time(0) }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_queue.is_empty()
    }

    /// Whether one more may be stopped of a queue, which is given with those above it.
    pub(crate) fn allow(&self, path: impl Iterator<Item = usize>, now: Time) -> bool {
        let mut budgets = path.filter_map(|queue| self.by_queue.get(&queue));
        self.is_empty() || budgets.all(|budget| budget.has_left(now))
    }

    /// One more is stopped.
    pub(crate) fn spend(&mut self, path: impl Iterator<Item = usize>, now: Time) {
        for queue in path {
            if let Some(budget) = self.by_queue.get_mut(&queue) {
                budget.stops.push(now);
            }
        }
    }

    /// One who was stopped now goes on after all.
    pub(crate) fn give_back(&mut self, path: impl Iterator<Item = usize>) {
        for queue in path {
            if let Some(budget) = self.by_queue.get_mut(&queue) {
                budget.stops.pop();
            }
        }
    }

    /// The stops of a queue that were recorded; those that count no more do no harm.
    pub(crate) fn set(&mut self, queue: usize, stops: &[Time]) {
        let Some(budget) = self.by_queue.get_mut(&queue) else { return };
        let per = budget.allows.per;
        let mut stops: Vec<Time> = stops.iter().copied().filter(|at| *at + per > self.now).collect();
        stops.sort_unstable();
        if budget.stops != stops {
            budget.stops = stops;
            self.refilled.insert(queue);
        }
    }

    /// The queues that may have more left than when time last passed.
    pub(crate) fn pass(&mut self, now: Time) -> BTreeSet<usize> {
        self.now = now;
        let mut refilled = std::mem::take(&mut self.refilled);
        for (queue, budget) in &mut self.by_queue {
            let before = budget.stops.len();
            budget.stops.retain(|at| *at + budget.allows.per > now);
            if budget.stops.len() < before {
                refilled.insert(*queue);
            }
        }
        refilled
    }

    /// When one has next more left.
    pub(crate) fn next(&self) -> Option<Time> {
        let first = |budget: &Budget| Some(*budget.stops.first()? + budget.allows.per);
        self.by_queue.values().filter_map(first).min()
    }

    /// How that of a queue stands; `None` where it has none.
    pub(crate) fn standing(&self, queue: usize, now: Time) -> Option<BudgetStanding> {
        let budget = self.by_queue.get(&queue)?;
        let until = budget.counted(now).next().map(|at| at + budget.allows.per);
        Some(BudgetStanding { allows: budget.allows, counted: budget.counted(now).count(), until })
    }
}
