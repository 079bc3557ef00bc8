//! Which of two queues of a tree has had less: of what they hold now and held on average, the largest part of any one resource of the
//! cluster, over the weight of the queue. It must not know jobs, nor what a queue may have.
//!
//! The rule is dominant resource fairness (A. Ghodsi and others, NSDI 2011), level by level from the root (A. Bhattacharya and others,
//! SoCC 2013): a queue counts with all below it, and the jobs of a queue above others count as one more queue below it, of weight 1.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use holdfast_types::{Amounts, Span, Time, Usage, in_parts};

use crate::snapshot::QueueView;

/// What each queue, by its position, has had.
#[derive(Debug, Default)]
pub(crate) struct Fair {
    places: Vec<Place>,
    /// All that the cluster has.
    capacity: Amounts,
    /// When the averages were worked out.
    counted: Option<Time>,
    /// The queues whose jobs hold more or less than they did.
    touched: BTreeSet<usize>,
}

#[derive(Debug)]
struct Place {
    parent: Option<usize>,
    weight: u64,
    /// That of the root.
    half_life: Span,
    usage: Usage,
    own: Used,
    /// With all below it.
    all: Used,
}

/// What is held, and what was on average, in parts.
#[derive(Debug, Default, Clone, Copy)]
struct Used {
    holds: Amounts,
    average: Amounts,
}

/// Somebody below a queue, or at the top: the jobs of the queue itself, or a queue with all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Branch {
    Own(usize),
    Below(usize),
}

/// The largest part of any one resource, divided by a weight. Fractions of one value are equal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DominantShare {
    used: u64,
    of: u64,
}

impl Fair {
    /// Nobody holds anything. The views have the order of positions, and so have the parents, which form no circle.
    pub(crate) fn new(views: &[QueueView], parents: &[Option<usize>], capacity: Amounts) -> Self {
        let above = |at: &usize| parents.get(*at).copied().flatten();
        let place = |(at, view): (usize, &QueueView)| {
            let root = std::iter::successors(Some(at), above).last().unwrap_or(at);
            Place {
                parent: above(&at),
                weight: u64::from(view.weight.max(1)),
                half_life: views.get(root).map_or(view.half_life, |root| root.half_life),
                usage: view.usage,
                own: Used::default(),
                all: Used::default(),
            }
        };
        let places = views.iter().enumerate().map(place).collect();
        Self { places, capacity, counted: None, touched: BTreeSet::new() }
    }

    /// A queue and those above it, to the root.
    pub(crate) fn path(&self, queue: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(queue), |at| self.parent(*at))
    }

    /// The queue above one.
    pub(crate) fn parent(&self, queue: usize) -> Option<usize> {
        self.places.get(queue)?.parent
    }

    /// The jobs of a queue hold more.
    pub(crate) fn hold(&mut self, queue: usize, amounts: &Amounts) {
        self.change(queue, |holds| holds.plus(amounts));
    }

    /// The jobs of a queue hold less.
    pub(crate) fn release(&mut self, queue: usize, amounts: &Amounts) {
        self.change(queue, |holds| holds.minus(amounts));
    }

    /// What was recorded of a queue, and how long until it counts half.
    pub(crate) fn usage(&self, queue: usize) -> Option<(Usage, Span)> {
        self.places.get(queue).map(|place| (place.usage, place.half_life))
    }

    /// What was recorded of a queue. `false` where it is not known.
    pub(crate) fn set_usage(&mut self, queue: usize, usage: Usage) -> bool {
        let place = self.places.get_mut(queue).map(|place| place.usage = usage);
        self.counted = None;
        place.is_some()
    }

    /// The queues that hold more or less since this was last asked.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.touched)
    }

    /// Works out what each queue held on average until now.
    pub(crate) fn pass(&mut self, now: Time) {
        if self.counted == Some(now) {
            return;
        }
        self.counted = Some(now);
        for place in &mut self.places {
            place.own.average = place.usage.average_at(now, place.half_life);
            place.all.average = Amounts::default();
        }
        for queue in 0..self.places.len() {
            let more = self.places.get(queue).map_or_else(Amounts::default, |place| place.own.average);
            self.on_path(queue, |place| place.all.average = place.all.average.plus(&more));
        }
    }

    /// How much somebody has had.
    pub(crate) fn share(&self, branch: Branch) -> DominantShare {
        let none = DominantShare { used: 0, of: 1 };
        match branch {
            Branch::Own(queue) => self.places.get(queue).map_or(none, |place| self.share_of(&place.own, 1)),
            Branch::Below(queue) => {
                self.places.get(queue).map_or(none, |place| self.share_of(&place.all, place.weight))
            }
        }
    }

    fn share_of(&self, used: &Used, weight: u64) -> DominantShare {
        let parts = used.holds.map(in_parts).plus(&used.average);
        // What the cluster has none of by now nobody can be said to have a part of.
        let known = self.capacity.iter().zip(parts.iter()).filter(|((_, capacity), _)| *capacity > 0);
        let shares = known.map(|((_, capacity), (_, used))| {
            let of = capacity.saturating_mul(weight);
            DominantShare { used, of }
        });
        shares.max().unwrap_or(DominantShare { used: 0, of: 1 })
    }

    fn change(&mut self, queue: usize, with: impl Fn(&Amounts) -> Amounts) {
        if let Some(place) = self.places.get_mut(queue) {
            place.own.holds = with(&place.own.holds);
        }
        self.on_path(queue, |place| place.all.holds = with(&place.all.holds));
        self.touched.insert(queue);
    }

    fn on_path(&mut self, queue: usize, change: impl Fn(&mut Place)) {
        let mut at = Some(queue);
        while let Some(place) = at.and_then(|at| self.places.get_mut(at)) {
            change(place);
            at = place.parent;
        }
    }
}

impl DominantShare {
    /// In thousandths, rounded down.
    pub(crate) fn per_mille(self) -> u64 {
        let of = u128::from(in_parts(1)) * u128::from(self.of.max(1));
        u64::try_from(u128::from(self.used) * 1_000 / of).unwrap_or(u64::MAX)
    }
}

impl Ord for DominantShare {
    fn cmp(&self, other: &Self) -> Ordering {
        let cross = |one: &Self, two: &Self| u128::from(one.used) * u128::from(two.of);
        cross(self, other).cmp(&cross(other, self))
    }
}

impl PartialOrd for DominantShare {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DominantShare {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for DominantShare {}
