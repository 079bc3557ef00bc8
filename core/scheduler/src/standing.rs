//! How a queue stands: what it has and may take, who comes to their turn before it, and who is next in it. It must not know why a job
//! waits.

use holdfast_types::{JobName, QueueName};

use crate::budgets::BudgetStanding;
use crate::fair::{Branch, DominantShare};
use crate::index::Index;
use crate::job::Turn;
use crate::queues::Queues;
use crate::shares::ClassStanding;

/// The most jobs that are named.
const MAX_NEXT: usize = 32;

/// How a queue stands after a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStanding {
    /// What it has of each class that its tree counts.
    pub classes: Vec<ClassStanding>,
    /// For its root, then for each below on the way to it: the queues beside it, itself among them, in the order of their turns.
    pub turns: Vec<Vec<QueueTurn>>,
    /// Its disruption budget and those of the queues above it, from its own to that of the root.
    pub budgets: Vec<(QueueName, BudgetStanding)>,
    /// How many jobs wait in it.
    pub waiting: usize,
    /// The first of them, in the order of their turns.
    pub next: Vec<JobName>,
}

/// One of the queues below the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueTurn {
    /// Its name.
    pub queue: QueueName,
    /// What it has had, in thousandths.
    pub share: u64,
    /// Whether it is the queue that was asked for, or one above it.
    pub is_on_path: bool,
}

/// How a queue stands; `None` where it is not known.
pub(crate) fn standing(index: &Index, queue: &QueueName) -> Option<QueueStanding> {
    let at = index.queues.find(queue)?;
    let fair = index.queues.fair();
    let mut path: Vec<usize> = fair.path(at).collect();
    let budget = |at: &usize| {
        Some((index.queues.name(*at)?.clone(), index.queues.budgets().standing(*at, index.now())?))
    };
    let budgets = path.iter().filter_map(budget).collect();
    path.reverse();
    let mut waiting: Vec<Turn> = index
        .jobs()
        .filter(|(_, job)| job.queue == Some(at) && job.wait().is_some())
        .map(|(_, job)| job.turn(&index.config, index.now()))
        .collect();
    waiting.sort_unstable();
    Some(QueueStanding {
        classes: index.queues.shares().classes(at),
        turns: path.into_iter().map(|step| beside(&index.queues, step)).collect(),
        budgets,
        waiting: waiting.len(),
        next: waiting.into_iter().take(MAX_NEXT).map(|(_, _, ident)| ident.name.clone()).collect(),
    })
}

/// The queues below the same one as this, in the order of their turns.
fn beside(queues: &Queues, queue: usize) -> Vec<QueueTurn> {
    let fair = queues.fair();
    let parent = fair.parent(queue);
    let mut found: Vec<_> = (0..queues.len())
        .filter(|at| fair.parent(*at) == parent)
        .filter_map(|at| Some((fair.share(Branch::Below(at)), queues.name(at)?, at == queue)))
        .collect();
    found.sort_unstable();
    let turn = |(share, name, is_on_path): (DominantShare, &QueueName, bool)| QueueTurn {
        queue: name.clone(),
        share: share.per_mille(),
        is_on_path,
    };
    found.into_iter().map(turn).collect()
}
