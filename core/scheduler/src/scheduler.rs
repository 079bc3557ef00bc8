//! The faces of the planner: one that is told what changes, and one that looks at everything. Both decide the same.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use holdfast_types::{JobName, NodeName, QueueName, Span, Time, Usage};

use crate::config::Config;
use crate::elements::make_room;
use crate::explain::Explainer;
use crate::explanation::Explanation;
use crate::index::Index;
use crate::job::JobNumber;
use crate::plan::Plan;
use crate::planner::decide;
use crate::queues::QueueRefusal;
use crate::snapshot::{JobView, Schedulable, Snapshot};
use crate::standing::{QueueStanding, standing};

/// Decides what starts now, and who stops. Equal snapshots give equal plans, whatever the order of their vectors.
#[must_use]
pub fn plan(snapshot: &Snapshot, config: &Config, now: Time) -> Plan {
    Scheduler::new(snapshot, config, now).plan(snapshot.revision, now)
}

/// A planner that keeps what it has worked out, and is told what changes. It plans as if it had been made from the snapshot of that
/// moment.
///
/// It takes its own plans for done: what starts has its places, what stops is about to, what is held is held. What comes out otherwise
/// has to be told by [`Scheduler::set_job`]; of what comes out as planned nothing need be told, but may.
#[derive(Debug)]
pub struct Scheduler {
    index: Index,
    is_full: bool,
}

impl Scheduler {
    /// One that knows a snapshot. Other nodes, other queues or other settings need another one; a node that only takes work or none
    /// does not.
    #[must_use]
    pub fn new(snapshot: &Snapshot, config: &Config, now: Time) -> Self {
        Self { index: Index::new(snapshot, config.clone(), now), is_full: false }
    }

    /// A job is new, or is otherwise than before.
    pub fn set_job(&mut self, job: &JobView) {
        self.index.set_job(job);
    }

    /// One element less is under way of an array. `false` where none of its elements could start: then it is to be set.
    pub(crate) fn make_room(&mut self, array: &JobName) -> bool {
        make_room(&mut self.index, array)
    }

    /// A job neither waits nor holds places any more.
    pub fn remove_job(&mut self, job: &JobName) {
        self.index.remove_job(job);
    }

    /// A node takes work from now on, or none. `false` where it is not known: then another planner is needed.
    pub fn set_node(&mut self, node: &NodeName, schedulable: Schedulable) -> bool {
        self.index.set_node(node, schedulable)
    }

    /// What the jobs of a queue held by what is recorded now: it changes whenever one gets its places or gives them back, and only who
    /// records it knows when that was. `false` where the queue is not known: then another planner is needed.
    pub fn set_usage(&mut self, queue: &QueueName, usage: Usage) -> bool {
        self.index.set_usage(queue, usage)
    }

    /// When jobs of a queue, with those below it, were stopped for others by what is recorded. `false` where the queue is not known: then
    /// another planner is needed.
    pub fn set_disrupted(&mut self, queue: &QueueName, stops: &[Time]) -> bool {
        self.index.set_disrupted(queue, stops)
    }

    /// What was recorded of a queue, and how long until it counts half.
    pub(crate) fn usage(&self, queue: &QueueName) -> Option<(Usage, Span)> {
        self.index.queues.fair().usage(self.index.queues.find(queue)?)
    }

    /// Decides what starts now, and who stops. Time does not go back.
    pub fn plan(&mut self, revision: u64, now: Time) -> Plan {
        let plan = decide(&mut self.index, revision, now);
        self.is_full = plan.is_full;
        plan
    }

    /// Why a job waits, after the last plan; `None` where no such job does.
    #[must_use]
    pub fn explain(&self, job: &JobName) -> Option<Explanation> {
        let mut explainer = Explainer::new(&self.index, self.is_full);
        let same = explainer.same(self.index.find(job)?)?;
        Some(explainer.explain(same))
    }

    /// How a queue stands, after the last plan; `None` where it is not known.
    #[must_use]
    pub fn standing(&self, queue: &QueueName) -> Option<QueueStanding> {
        standing(&self.index, queue)
    }

    /// The queue that does not let a job start that waits, and why.
    pub(crate) fn queue_refusal(&self, job: &JobName) -> Option<(QueueName, QueueRefusal)> {
        let job = self.index.job(self.index.find(job)?)?;
        let queue = job.queue?;
        let refusal = self.index.queues.check(queue, &job.devices).err()?;
        let refuses = match refusal {
            QueueRefusal::Short(short) => short.queue,
            QueueRefusal::Stopped | QueueRefusal::Full { .. } => queue,
        };
        Some((self.index.queues.name(refuses)?.clone(), refusal))
    }

    /// Why each job waits that does, after the last plan. Jobs that wait for the same reason share one explanation.
    #[must_use]
    pub fn explanations(&self) -> BTreeMap<JobName, Arc<Explanation>> {
        let each = self.explain_each(self.waiting_after(None));
        each.map(|(job, explanation)| (job.clone(), explanation)).collect()
    }

    /// Why each of these jobs waits, after the last plan; none for one that does not wait.
    pub fn explain_each<'a>(
        &'a self,
        jobs: impl Iterator<Item = &'a JobName>,
    ) -> impl Iterator<Item = (&'a JobName, Arc<Explanation>)> {
        let (mut explainer, mut known) = (Explainer::new(&self.index, self.is_full), BTreeMap::new());
        jobs.filter_map(move |job| {
            let same = explainer.same(self.index.find(job)?)?;
            let explanation = known.entry(same).or_insert_with(|| Arc::new(explainer.explain(same)));
            Some((job, Arc::clone(explanation)))
        })
    }

    /// The jobs that wait, in the order of their names, from the one after this on.
    pub fn waiting_after(&self, job: Option<&JobName>) -> impl Iterator<Item = &JobName> {
        let waits = |number: &JobNumber| self.index.job(*number).is_some_and(|job| job.wait().is_some());
        let from = job.map_or(Bound::Unbounded, Bound::Excluded);
        let after = self.index.numbers.range::<JobName, _>((from, Bound::Unbounded));
        after.filter(move |(_, number)| waits(number)).map(|(name, _)| name)
    }
}
