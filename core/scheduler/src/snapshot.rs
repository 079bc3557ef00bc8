//! What the planner sees of a cluster at one revision. Plain data: it must not know how the state is stored, nor how a
//! verdict was reached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_types::{
    Bytes, DeviceClass, DeviceIndex, DeviceShare, Disruptions, Indexes, JobName, JobSpec, Jurisdiction,
    Millicores, NodeName, NodePhase, Place, Precision, QueueName, Rank, ReservationName, ReservationSpec,
    Span, Time, TopologyLevel, USAGE_HALF_LIFE, Usage,
};

/// The rule named for a node that nothing was decided about.
pub const DEFAULT_DENY: &str = "default-deny";

/// The cluster at one revision. The order of the vectors carries no meaning.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The revision of the state this was read from.
    pub revision: u64,
    /// Every node known, whether or not it takes work.
    pub nodes: Vec<NodeView>,
    /// Every queue.
    pub queues: Vec<QueueView>,
    /// Every reservation.
    pub reservations: Vec<ReservationView>,
    /// Every job that waits or holds places.
    pub jobs: Vec<JobView>,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationView {
    /// Its name, unique.
    pub name: ReservationName,
    /// What is kept for whom, and when.
    pub spec: ReservationSpec,
}

/// A node: what it has, not what is free of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeView {
    /// Its name, unique.
    pub name: NodeName,
    /// That of its issuing CA.
    pub jurisdiction: Jurisdiction,
    /// The domains it stands in.
    pub place: Place,
    /// Whether it takes new work.
    pub schedulable: Schedulable,
    /// All of its processor share that tasks may use.
    pub cores: Millicores,
    /// All of its memory that tasks may use.
    pub memory: Bytes,
    /// Its accelerators; those past [`crate::MAX_DEVICES_PER_NODE`] take no work.
    pub devices: Vec<DeviceView>,
}

/// Whether a node takes new work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Schedulable {
    /// It does.
    Yes,
    /// It does not, because of its phase.
    No(NodePhase),
}

/// An accelerator of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceView {
    /// Its index on the node, unique there.
    pub index: DeviceIndex,
    /// Who made it.
    pub class: DeviceClass,
    /// Its own memory.
    pub memory: Bytes,
    /// Whether it may be given to a task.
    pub healthy: bool,
    /// The formats it computes in; empty where nobody knows, and then it is taken for able.
    pub precisions: BTreeSet<Precision>,
    /// The most watts that it draws.
    pub watts: u32,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueView {
    /// Its name, unique.
    pub name: QueueName,
    /// Higher queues are served first.
    pub priority: i32,
    /// A stopped queue starts nothing.
    pub stopped: bool,
    /// The most accelerators its jobs may hold at once; 0 for no limit.
    pub max_devices: u32,
    /// The queue it shares with; one that is not known, or that is below this one, is none.
    pub parent: Option<QueueName>,
    /// How many accelerators of a class are its own. In a tree in which no queue has any of a class nobody counts that class; in
    /// another one a queue that does not say has none.
    pub nominal: BTreeMap<DeviceClass, u32>,
    /// The most that it, with those below it, borrows through its parent; a class that is not in it has no limit.
    pub borrowing_limit: BTreeMap<DeviceClass, u32>,
    /// The most that it, with those below it, lends through its parent; a class that is not in it is lent whole.
    pub lending_limit: BTreeMap<DeviceClass, u32>,
    /// Beside the other queues below the same parent it gets this many parts; 0 counts as 1.
    pub weight: u32,
    /// How long until what was used counts half; only that of the root of a tree counts.
    pub half_life: Span,
    /// For how long its jobs run on end before they are stopped for a higher priority, or by whom it borrows from; `None` for what the
    /// queue above says, and the configuration where none does.
    pub min_run: Option<Span>,
    /// How many of its jobs, with those below it, are stopped for others; `None` for any number.
    pub disruptions: Option<Disruptions>,
    /// When that was lately; what counts no more does no harm. Empty where it has no budget.
    pub disrupted: Vec<Time>,
    /// What its own jobs hold by what is recorded, and held on average.
    pub usage: Usage,
}

impl QueueView {
    /// A queue that says nothing: open, of no priority, without a limit, sharing with nobody, and that never used anything.
    #[must_use]
    pub fn new(name: QueueName) -> Self {
        Self {
            name,
            priority: 0,
            stopped: false,
            max_devices: 0,
            parent: None,
            nominal: BTreeMap::new(),
            borrowing_limit: BTreeMap::new(),
            lending_limit: BTreeMap::new(),
            weight: 1,
            half_life: USAGE_HALF_LIFE,
            min_run: None,
            disruptions: None,
            disrupted: Vec::new(),
            usage: Usage::default(),
        }
    }
}

/// A job that waits or holds places.
#[derive(Debug, Clone)]
pub struct JobView {
    /// Its name, unique.
    pub name: JobName,
    /// Tells this job from an earlier one of the same name.
    pub uid: String,
    /// Where it queues.
    pub queue: QueueName,
    /// What it wants. Shared, so that taking a snapshot of a deep queue copies no specification.
    pub spec: Arc<JobSpec>,
    /// When it was submitted.
    pub submitted: Time,
    /// What it has had before it began to wait, or to hold places, this time.
    pub past: Past,
    /// Where it is an array that waits: of which the next element may start. Each becomes a job of its own by that.
    pub array: Option<ArrayView>,
    /// Where it waits as a part of a job that has places: of which.
    pub part_of: Option<Arc<PartOf>>,
    /// Whether it waits or holds places.
    pub state: JobState,
}

/// What a part of a job that has places belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartOf {
    /// The job, which does not stop for it.
    pub job: JobName,
    /// The domain that it has to stand in; `None` where any will do.
    pub beside: Option<Beside>,
}

/// The domain of a level that a node stands in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Beside {
    /// The node.
    pub node: NodeName,
    /// Of which level.
    pub level: TopologyLevel,
}

/// The elements of an array that have not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayView {
    /// The numbers of all of its elements.
    pub indexes: Arc<Indexes>,
    /// The next to start is at this place among them.
    pub next: u32,
    /// How many more may be under way than are.
    pub room: u32,
}

impl ArrayView {
    /// How many may start now.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.indexes.count().saturating_sub(self.next).min(self.room)
    }

    /// The number of the next to start; `None` where none may.
    pub(crate) fn index(&self) -> Option<u32> {
        self.indexes.nth(self.next).filter(|_| self.room > 0)
    }

    /// One less is under way.
    pub(crate) fn ended(&mut self) {
        self.room = self.room.saturating_add(1);
    }

    /// Whether each was started.
    pub(crate) fn is_done(&self) -> bool {
        self.next >= self.indexes.count()
    }

    /// One more was started.
    pub(crate) fn started(&mut self) {
        (self.next, self.room) = (self.next.saturating_add(1), self.room.saturating_sub(1));
    }
}

/// What a job has had before it began to wait, or to hold places, this time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Past {
    /// For how long it has held places.
    pub ran: Span,
    /// For how long it has waited.
    pub waited: Span,
}

/// Whether a job waits or holds places.
#[derive(Debug, Clone)]
pub enum JobState {
    /// It waits for its gang to be placed.
    Waiting {
        /// What the law says of each node.
        verdicts: Verdicts,
        /// Since when it waits.
        since: Time,
        /// It may not start before this.
        not_before: Option<Time>,
        /// The places that an earlier plan holds for it until all of them are free; empty where it waits without.
        held: Vec<Assignment>,
        /// In which of its variants those are.
        held_in: u32,
        /// Since when it is these places.
        held_since: Time,
    },
    /// Its gang has places, and their resources are taken.
    Placed {
        /// In which of its variants.
        variant: u32,
        /// Where each task is.
        assignments: Vec<Assignment>,
        /// When they were taken.
        since: Time,
        /// Since when the work would be lost if it were stopped now; `None` where it saves its work when it is told to stop.
        unsaved: Option<Time>,
        /// It is told to stop, and its places are about to be free.
        stopping: bool,
    },
}

impl JobState {
    /// The variant it has places in; while it waits the one it wants most.
    pub(crate) fn variant(&self) -> u32 {
        match self {
            Self::Waiting { .. } => 0,
            Self::Placed { variant, .. } => *variant,
        }
    }
}

/// The place of one task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assignment {
    /// Which task.
    pub rank: Rank,
    /// On which node.
    pub node: NodeName,
    /// With which accelerators of it, ascending.
    pub devices: Vec<DeviceIndex>,
    /// Only this part of the one accelerator; `None` where they are its own.
    pub share: Option<DeviceShare>,
}

/// What the law says of one node for one job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The job may run there.
    Allow,
    /// It may not.
    Deny {
        /// The rule that says so.
        rule: String,
    },
}

/// What the law says of every node for one job; a node that is not in it is denied by [`DEFAULT_DENY`].
///
/// Jobs the law cannot tell apart should share one value by `clone`, which copies nothing: the planner then works the
/// nodes out once for all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdicts(Arc<BTreeMap<NodeName, Verdict>>);

impl From<BTreeMap<NodeName, Verdict>> for Verdicts {
    fn from(map: BTreeMap<NodeName, Verdict>) -> Self {
        Self(Arc::new(map))
    }
}

impl FromIterator<(NodeName, Verdict)> for Verdicts {
    fn from_iter<I: IntoIterator<Item = (NodeName, Verdict)>>(verdicts: I) -> Self {
        Self(Arc::new(verdicts.into_iter().collect()))
    }
}

impl Verdicts {
    /// The rule that denies a node; `None` where it is allowed.
    #[must_use]
    pub fn denied_by(&self, node: &NodeName) -> Option<&str> {
        match self.0.get(node) {
            Some(Verdict::Allow) => None,
            Some(Verdict::Deny { rule }) => Some(rule),
            None => Some(DEFAULT_DENY),
        }
    }

    /// With what it says of more nodes.
    pub(crate) fn with(&self, more: impl IntoIterator<Item = (NodeName, Verdict)>) -> Self {
        let known = self.0.iter().map(|(node, verdict)| (node.clone(), verdict.clone()));
        known.chain(more).collect()
    }

    /// The allowed nodes, in the order of their names.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = &NodeName> {
        self.0.iter().filter(|(_, verdict)| **verdict == Verdict::Allow).map(|(node, _)| node)
    }

    /// Where the shared map lies. Equal addresses mean equal verdicts as long as somebody keeps them; only look-ups may use it,
    /// never an order that reaches the plan.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}
