//! Whose turn is next: of those that waited too long, or else of the highest priority, the queue that has had least, level by level
//! from the root; within a queue who has had little, then the eldest. It must not know what is done for whom.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::fair::{Branch, DominantShare, Fair};
use crate::job::{JobNumber, Priority, Turn};
use crate::lines::LineKey;

/// The first of a line.
pub(crate) type Head = (Turn, LineKey, JobNumber);

/// Those whose queues are compared: of one timeliness and one priority.
type Rank = (bool, Priority);

/// The first of each line, in turn.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    heads: BTreeMap<Rank, BTreeMap<usize, BinaryHeap<Reverse<Head>>>>,
    /// The queues of one rank, once more than one of it waits.
    order: Option<(Rank, Order)>,
}

impl Turns {
    /// Nobody waits.
    pub(crate) fn clear(&mut self) {
        self.heads.clear();
        self.order = None;
    }

    /// The first of a line waits for its turn.
    pub(crate) fn push(&mut self, head: Head, fair: &Fair) {
        let (key, rank) = (head.1, rank(&head));
        self.heads.entry(rank).or_default().entry(key.queue).or_default().push(Reverse(head));
        if let Some((_, order)) = self.order.as_mut().filter(|(of, _)| *of == rank) {
            order.enter(fair, key.queue);
        }
    }

    /// Takes the one whose turn it is.
    pub(crate) fn pop(&mut self, fair: &Fair) -> Option<Head> {
        let (rank, queues) = self.heads.first_key_value()?;
        let rank = *rank;
        if self.order.as_ref().is_none_or(|(of, _)| *of != rank) {
            let order = || (rank, Order::new(fair, queues.keys().copied()));
            self.order = (queues.len() > 1).then(order);
        }
        let queue = match &self.order {
            Some((_, order)) => order.next()?,
            None => *queues.first_key_value()?.0,
        };
        self.take(rank, queue, fair)
    }

    /// What these queues hold has changed.
    pub(crate) fn changed(&mut self, queues: &BTreeSet<usize>, fair: &Fair) {
        for queue in queues {
            if let Some((_, order)) = &mut self.order {
                order.changed(fair, *queue);
            }
        }
    }

    fn take(&mut self, rank: Rank, queue: usize, fair: &Fair) -> Option<Head> {
        let queues = self.heads.get_mut(&rank)?;
        let heap = queues.get_mut(&queue)?;
        let head = heap.pop().map(|Reverse(head)| head);
        if heap.is_empty() {
            queues.remove(&queue);
            if let Some((_, order)) = &mut self.order {
                order.done(fair, queue);
            }
        }
        if queues.is_empty() {
            self.heads.remove(&rank);
        }
        head
    }
}

fn rank((turn, _, _): &Head) -> Rank {
    (turn.0.is_timely, turn.0.priority)
}

/// Queues in which somebody waits. A change costs the depth of the tree.
#[derive(Debug, Default)]
struct Order {
    /// The branches below each queue, and those at the top, by share.
    branches: BTreeMap<Option<usize>, BTreeSet<(DominantShare, Branch)>>,
    shares: BTreeMap<Branch, DominantShare>,
}

impl Order {
    fn new(fair: &Fair, waiting: impl Iterator<Item = usize>) -> Self {
        let mut order = Self::default();
        waiting.for_each(|queue| order.enter(fair, queue));
        order
    }

    /// The queue that has had least. Of equals the jobs of a queue itself come before those below it, and those by their names.
    fn next(&self) -> Option<usize> {
        let mut above = None;
        loop {
            match self.branches.get(&above)?.first()?.1 {
                Branch::Own(queue) => return Some(queue),
                Branch::Below(queue) => above = Some(queue),
            }
        }
    }

    fn enter(&mut self, fair: &Fair, queue: usize) {
        for branch in
            branches(fair, queue).filter(|branch| !self.shares.contains_key(branch)).collect::<Vec<_>>()
        {
            self.add(fair, branch);
        }
    }

    fn changed(&mut self, fair: &Fair, queue: usize) {
        for branch in branches(fair, queue) {
            if self.shares.contains_key(&branch) {
                self.remove(fair, branch);
                self.add(fair, branch);
            }
        }
    }

    /// Nobody waits in a queue any more.
    fn done(&mut self, fair: &Fair, queue: usize) {
        for branch in branches(fair, queue) {
            let is_needed = match branch {
                Branch::Own(_) => false,
                Branch::Below(at) => self.branches.contains_key(&Some(at)),
            };
            if is_needed {
                return;
            }
            self.remove(fair, branch);
        }
    }

    fn add(&mut self, fair: &Fair, branch: Branch) {
        let share = fair.share(branch);
        self.shares.insert(branch, share);
        self.branches.entry(above(fair, branch)).or_default().insert((share, branch));
    }

    fn remove(&mut self, fair: &Fair, branch: Branch) {
        let Some(share) = self.shares.remove(&branch) else { return };
        let above = above(fair, branch);
        if let Some(branches) = self.branches.get_mut(&above) {
            branches.remove(&(share, branch));
            if branches.is_empty() {
                self.branches.remove(&above);
            }
        }
    }
}

/// The jobs of a queue, the queue, and those above it.
fn branches(fair: &Fair, queue: usize) -> impl Iterator<Item = Branch> {
    std::iter::once(Branch::Own(queue)).chain(fair.path(queue).map(Branch::Below))
}

fn above(fair: &Fair, branch: Branch) -> Option<usize> {
    match branch {
        Branch::Own(queue) => Some(queue),
        Branch::Below(queue) => fair.parent(queue),
    }
}
