//! What queues in trees have of each class of accelerators, what they lend each other and what is left. It must not know what else a
//! queue is, nor who holds anything.
//!
//! The words are Kueue's, and so is the rule (its KEP 79): at every queue of a tree, what it has with what those below it lend, less
//! what is held there, may not fall below what it may borrow. No lender is tied to a borrower: while that holds everywhere, somebody
//! has lent whatever is borrowed. What is held is told to a parent only where it changes what the parent is lent, so every question
//! and every change looks at one path from a queue to its root.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::{DeviceClass, MilliDevices, QueueName};

use crate::snapshot::QueueView;

/// What each queue, by its position, has and lends.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Shares(Vec<Place>);

/// The place of a queue in its tree.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Place {
    parent: Option<usize>,
    /// One for each class that any queue of its tree has; nobody counts the others.
    shares: Vec<Share>,
}

/// What a queue has of one class, in thousandths of accelerators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    class: DeviceClass,
    /// What is its own.
    nominal: i64,
    /// The most it borrows; `None` for no limit.
    borrows: Option<i64>,
    /// The most it lends; `None` for no limit.
    lends: Option<i64>,
    /// What it has with what those below it lend.
    has: i64,
    /// What is left of that; less than nothing is borrowed.
    left: i64,
    /// What its own jobs leave of what is its own; less than nothing is somebody else's.
    own: i64,
}

/// What a queue has of one class, in thousandths of accelerators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassStanding {
    /// The class.
    pub class: DeviceClass,
    /// Its own.
    pub nominal: MilliDevices,
    /// What its own jobs hold, and what is held for them.
    pub held: MilliDevices,
    /// The same with those below it.
    pub held_below: MilliDevices,
    /// How much of that is not its own, nor lent to it by those below.
    pub borrowed: MilliDevices,
    /// How much more its jobs may have now; `None` where its tree sets no limit.
    pub may_take: Option<MilliDevices>,
}

/// A queue on the way from a job to the root that has too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short {
    /// The position of that queue.
    pub(crate) queue: usize,
    pub(crate) class: DeviceClass,
    /// How many of the class the whole gang needs.
    pub(crate) needs: MilliDevices,
    /// What the queue has, with what those below it lend.
    pub(crate) has: MilliDevices,
    /// The same with what it may borrow.
    pub(crate) reach: MilliDevices,
    pub(crate) held: MilliDevices,
    /// It would be too little even if nobody held anything.
    pub(crate) is_forever: bool,
}

impl Share {
    /// What a queue has by itself. What has no parent borrows nothing.
    fn of(view: &QueueView, class: DeviceClass, is_root: bool) -> Self {
        let of = |counts: &BTreeMap<DeviceClass, u32>| {
            counts.get(&class).map(|count| signed(MilliDevices::whole(u64::from(*count))))
        };
        let has = of(&view.nominal).unwrap_or(0);
        let borrows = if is_root { Some(0) } else { of(&view.borrowing_limit) };
        Self { class, nominal: has, borrows, lends: of(&view.lending_limit), has, left: has, own: has }
    }

    /// What a parent is lent where so much is left, or owes where that is less than nothing.
    fn lent(&self, left: i64) -> i64 {
        self.lends.map_or(left, |most| left.min(most))
    }

    /// Whether no more than allowed is borrowed where so much is left.
    fn allows(&self, left: i64) -> bool {
        self.borrows.is_none_or(|most| left >= -most)
    }
}

/// What is left at a queue before somebody takes so many of a class.
type Before = fn(&Share, i64) -> i64;

impl Shares {
    /// Nobody holds anything. The views have the order of positions and names that differ.
    pub(crate) fn new(views: &[QueueView]) -> Self {
        let positions: BTreeMap<&QueueName, usize> =
            views.iter().enumerate().map(|(at, view)| (&view.name, at)).collect();
        let mut parents: Vec<Option<usize>> =
            views.iter().map(|view| positions.get(view.parent.as_ref()?).copied()).collect();
        let upwards = cut_circles(&mut parents);
        let counted = counted(views, &parents, &upwards);
        let place = |((view, parent), classes): ((&QueueView, Option<usize>), BTreeSet<DeviceClass>)| {
            let share = |class: DeviceClass| Share::of(view, class, parent.is_none());
            Place { parent, shares: classes.into_iter().map(share).collect() }
        };
        let mut shares = Self(views.iter().zip(parents).zip(counted).map(place).collect());
        for at in upwards {
            shares.lend(at);
        }
        shares
    }

    /// The queue above each, without circles.
    pub(crate) fn parents(&self) -> Vec<Option<usize>> {
        self.0.iter().map(|place| place.parent).collect()
    }

    /// Whether a queue may have so many more of a class.
    pub(crate) fn check(&self, queue: usize, class: DeviceClass, count: MilliDevices) -> Result<(), Short> {
        self.walk(queue, class, count, |share, _| share.left)
    }

    /// Whether a queue may have so many of a class that are counted already.
    pub(crate) fn check_counted(
        &self,
        queue: usize,
        class: DeviceClass,
        count: MilliDevices,
    ) -> Result<(), Short> {
        self.walk(queue, class, count, |share, count| share.left.saturating_add(count))
    }

    /// Counts accelerators of a class to a queue.
    pub(crate) fn hold(&mut self, queue: usize, class: DeviceClass, count: MilliDevices) {
        self.change(queue, class, signed(count).saturating_neg());
    }

    /// Undoes [`Shares::hold`].
    pub(crate) fn release(&mut self, queue: usize, class: DeviceClass, count: MilliDevices) {
        self.change(queue, class, signed(count));
    }

    /// What a queue has of each class that its tree counts.
    pub(crate) fn classes(&self, queue: usize) -> Vec<ClassStanding> {
        let shares = self.0.get(queue).map(|place| place.shares.as_slice()).unwrap_or_default();
        let of = |share: &Share| ClassStanding {
            class: share.class,
            nominal: positive(share.nominal),
            held: positive(share.nominal.saturating_sub(share.own)),
            held_below: positive(share.has.saturating_sub(share.left)),
            borrowed: positive(share.left.saturating_neg()),
            may_take: self.room(queue, share.class),
        };
        shares.iter().map(of).collect()
    }

    /// The most that a queue may have more of a class; `None` where there is no limit.
    fn room(&self, queue: usize, class: DeviceClass) -> Option<MilliDevices> {
        const ANY: u64 = 1 << 50;
        let may = |count: u64| self.check(queue, class, MilliDevices(count)).is_ok();
        if may(ANY) {
            return None;
        }
        let (mut may_take, mut too_many) = (0, ANY);
        while may_take + 1 < too_many {
            let middle = may_take.midpoint(too_many);
            if may(middle) {
                may_take = middle;
            } else {
                too_many = middle;
            }
        }
        Some(MilliDevices(may_take))
    }

    /// Whether any queue shares anything.
    pub(crate) fn is_any(&self) -> bool {
        self.0.iter().any(|place| !place.shares.is_empty())
    }

    /// Whether what the jobs of a queue hold is its own with so many more of a class; `None` where nobody counts the class.
    pub(crate) fn is_own(&self, queue: usize, class: DeviceClass, more: MilliDevices) -> Option<bool> {
        Some(self.share(queue, class)?.own >= signed(more))
    }

    /// Whether the jobs of another queue of the tree hold what one could use: more than is their own, and every queue between it and
    /// the first above both borrows.
    pub(crate) fn takes_from(&self, queue: usize, class: DeviceClass, borrower: usize) -> bool {
        let above = |at: &usize| self.0.get(*at).and_then(|place| place.parent);
        let is_above = |at: usize| std::iter::successors(Some(queue), above).any(|up| up == at);
        if borrower == queue || self.share(borrower, class).is_none_or(|share| share.own >= 0) {
            return false;
        }
        let mut at = borrower;
        while !is_above(at) {
            if self.share(at, class).is_none_or(|share| share.left >= 0) {
                return false;
            }
            let Some(parent) = above(&at) else { return false };
            at = parent;
        }
        true
    }

    fn share(&self, queue: usize, class: DeviceClass) -> Option<&Share> {
        self.0.get(queue)?.shares.iter().find(|share| share.class == class)
    }

    fn change(&mut self, queue: usize, class: DeviceClass, more: i64) {
        let shares = self.0.get_mut(queue).map(|place| place.shares.as_mut_slice()).unwrap_or_default();
        if let Some(share) = shares.iter_mut().find(|share| share.class == class) {
            share.own = share.own.saturating_add(more);
        }
        let (mut at, mut more) = (Some(queue), more);
        while more != 0
            && let Some(place) = at.and_then(|at| self.0.get_mut(at))
            && let Some(share) = place.shares.iter_mut().find(|share| share.class == class)
        {
            let before = share.left;
            share.left = before.saturating_add(more);
            more = share.lent(share.left).saturating_sub(share.lent(before));
            at = place.parent;
        }
    }

    fn walk(
        &self,
        queue: usize,
        class: DeviceClass,
        needs: MilliDevices,
        before: Before,
    ) -> Result<(), Short> {
        match self.first_short(queue, class, needs, before) {
            None => Ok(()),
            Some((at, share, held)) => Err(Short {
                queue: at,
                class,
                needs,
                has: positive(share.has),
                reach: positive(share.has.saturating_add(share.borrows.unwrap_or(i64::MAX))),
                held: positive(held),
                is_forever: self.first_short(queue, class, needs, |share, _| share.has).is_some(),
            }),
        }
    }

    /// The first queue on the way to the root that would have too little, and how much is held there.
    fn first_short(
        &self,
        queue: usize,
        class: DeviceClass,
        needs: MilliDevices,
        before: Before,
    ) -> Option<(usize, Share, i64)> {
        let (mut at, mut more) = (queue, signed(needs));
        while more > 0 {
            let place = self.0.get(at)?;
            let share = place.shares.iter().find(|share| share.class == class)?;
            let left = before(share, more);
            let after = left.saturating_sub(more);
            if !share.allows(after) {
                return Some((at, *share, share.has.saturating_sub(left)));
            }
            more = share.lent(left).saturating_sub(share.lent(after));
            at = place.parent?;
        }
        None
    }

    /// Adds to its parent what a queue lends, after those below it have.
    fn lend(&mut self, at: usize) {
        let Some(Place { parent: Some(parent), shares }) = self.0.get(at) else { return };
        let (parent, shares) = (*parent, shares.clone());
        for share in shares {
            let above = self.0.get_mut(parent).map(|place| place.shares.as_mut_slice()).unwrap_or_default();
            if let Some(above) = above.iter_mut().find(|above| above.class == share.class) {
                above.has = above.has.saturating_add(share.lent(share.has));
                above.left = above.has;
            }
        }
    }
}

/// Gives those on a circle no parent, and names all queues, each after those below it.
fn cut_circles(parents: &mut [Option<usize>]) -> Vec<usize> {
    let mut below = vec![0_usize; parents.len()];
    for parent in parents.iter().flatten() {
        if let Some(count) = below.get_mut(*parent) {
            *count += 1;
        }
    }
    let mut order: Vec<usize> =
        (0..).zip(&below).filter(|(_, count)| **count == 0).map(|(at, _)| at).collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        let parent = parents.get(at).copied().flatten();
        if let Some((parent, count)) = parent.and_then(|parent| Some((parent, below.get_mut(parent)?))) {
            *count -= 1;
            if *count == 0 {
                order.push(parent);
            }
        }
    }
    // Nobody comes to the end of a circle.
    for (at, parent) in parents.iter_mut().enumerate().filter(|(at, _)| below.get(*at) > Some(&0)) {
        *parent = None;
        order.push(at);
    }
    order
}

/// For each queue the classes that any queue of its tree has.
fn counted(views: &[QueueView], parents: &[Option<usize>], upwards: &[usize]) -> Vec<BTreeSet<DeviceClass>> {
    let mut roots: Vec<usize> = (0..views.len()).collect();
    let mut classes = vec![BTreeSet::new(); views.len()];
    for at in upwards.iter().rev().copied() {
        let parent = parents.get(at).copied().flatten();
        let root = parent.and_then(|parent| roots.get(parent).copied()).unwrap_or(at);
        if let Some(slot) = roots.get_mut(at) {
            *slot = root;
        }
        if let Some((view, classes)) = views.get(at).zip(classes.get_mut(root)) {
            classes.extend(view.nominal.keys().copied());
        }
    }
    roots.iter().map(|root| classes.get(*root).cloned().unwrap_or_default()).collect()
}

/// More than there ever are counts as the most there can be.
fn signed(count: MilliDevices) -> i64 {
    i64::try_from(count.0).unwrap_or(i64::MAX)
}

/// Less than nothing counts as nothing.
fn positive(number: i64) -> MilliDevices {
    MilliDevices(u64::try_from(number).unwrap_or(0))
}
