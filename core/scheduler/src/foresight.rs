//! What would come to pass if nobody asked for anything more: the planner is asked now and at every end, as it will be. It must not know
//! how the planner decides, nor where it is known from how long jobs take.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::{Amounts, JobName, QueueName, Span, Time, Usage};

use crate::config::Config;
use crate::plan::{Cause, GangPlacement, Plan};
use crate::scheduler::Scheduler;
use crate::snapshot::{ArrayView, Assignment, JobState, JobView, Past, Snapshot, Verdicts};

/// So many nodes and jobs are looked at in all: further ahead on a small cluster than on a large one.
const WORK: usize = 8_000_000;
/// The fewest and the most plans.
const FEWEST: usize = 64;
const MOST: usize = 4_096;
/// The most plans of one instant: one that stops somebody is followed by one for who comes after.
const MAX_AT_ONCE: usize = 64;

/// What is expected of jobs.
pub trait Expectation {
    /// For how long a job holds its places, from when it gets them; `None` where nobody knows.
    fn takes(&self, job: &JobView) -> Option<Span>;

    /// What the law says of a job that waits again after it was stopped; `None` where it does not wait again.
    fn again(&mut self, job: &JobView) -> Option<Verdicts>;
}

/// A start that is foreseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeseenStart {
    /// When.
    pub at: Time,
    /// Where.
    pub assignments: Vec<Assignment>,
}

/// A cluster as it goes on from a snapshot.
#[derive(Debug)]
pub struct Foresight<'a, E> {
    scheduler: Scheduler,
    revision: u64,
    expectation: E,
    known: BTreeMap<&'a JobName, &'a JobView>,
    /// Those that are otherwise than in the snapshot.
    changed: BTreeMap<JobName, JobView>,
    /// Those that neither wait nor hold places any more.
    gone: BTreeSet<JobName>,
    ends: BTreeSet<(Time, JobName)>,
    starts: BTreeMap<JobName, ForeseenStart>,
    stopped: BTreeMap<JobName, Cause>,
    now: Time,
    /// When the last plan would be decided otherwise although nothing happened.
    asks: Option<Time>,
    left: usize,
}

impl<'a, E: Expectation> Foresight<'a, E> {
    /// From now on. What starts now is planned.
    pub fn new(snapshot: &'a Snapshot, config: &Config, now: Time, expectation: E) -> Self {
        let size = (snapshot.nodes.len() + snapshot.jobs.len()).max(1);
        let mut foresight = Self {
            scheduler: Scheduler::new(snapshot, config, now),
            revision: snapshot.revision,
            expectation,
            known: snapshot.jobs.iter().map(|job| (&job.name, job)).collect(),
            changed: BTreeMap::new(),
            gone: BTreeSet::new(),
            ends: BTreeSet::new(),
            starts: BTreeMap::new(),
            stopped: BTreeMap::new(),
            now,
            asks: None,
            left: (WORK / size).clamp(FEWEST, MOST),
        };
        let placed = snapshot.jobs.iter().filter_map(|job| match &job.state {
            JobState::Placed { since, stopping, .. } => Some((job, *since, *stopping)),
            JobState::Waiting { .. } => None,
        });
        for (job, since, stopping) in placed {
            if stopping {
                foresight.stop(job.clone());
            } else if let Some(takes) = foresight.expectation.takes(job) {
                // One that has taken longer is over any moment.
                foresight.ends.insert(((since + takes).max(now), job.name.clone()));
            }
        }
        foresight.instant();
        foresight
    }

    /// The planner as it is at the moment that was reached.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// The moment that was reached.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The jobs that wait or hold places, by name, as they are at that moment. What is told of the places that are held for those that
    /// wait may be old.
    pub fn jobs(&self) -> impl Iterator<Item = &JobView> {
        let mut there = self.known.clone();
        there.extend(&self.changed);
        there.into_values().filter(|job| !self.gone.contains(&job.name))
    }

    /// The jobs that hold places and of which nobody knows for how long, by name.
    pub fn endless(&self) -> impl Iterator<Item = &JobName> {
        let runs = |job: &&JobView| matches!(job.state, JobState::Placed { stopping: false, .. });
        self.jobs().filter(runs).filter(|job| self.expectation.takes(job).is_none()).map(|job| &job.name)
    }

    /// The first start of each job, also of one that was stopped before.
    pub fn starts(&self) -> &BTreeMap<JobName, ForeseenStart> {
        &self.starts
    }

    /// Who was stopped, and for whom.
    pub fn stopped(&self) -> &BTreeMap<JobName, Cause> {
        &self.stopped
    }

    /// Goes on until these have started, or until nothing more is known to happen, or too much was looked at. `false` where not all
    /// of them have.
    pub fn until_started<'j>(&mut self, mut jobs: impl Iterator<Item = &'j JobName> + Clone) -> bool {
        loop {
            if jobs.clone().all(|job| self.starts.contains_key(job)) {
                return true;
            }
            if !self.next() {
                return jobs.all(|job| self.starts.contains_key(job));
            }
        }
    }

    /// Goes on to the next moment at which something ends or would be decided otherwise. `false` where none is known.
    fn next(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        let ends = self.ends.first().map(|(at, _)| *at);
        let asks = self.asks.filter(|at| *at > self.now);
        let Some(next) = ends.into_iter().chain(asks).min() else { return false };
        self.now = self.now.max(next);
        while let Some((at, _)) = self.ends.first()
            && *at <= self.now
            && let Some((_, job)) = self.ends.pop_first()
        {
            let queue = self
                .view(&job)
                .map(|view| (view.queue.clone(), Amounts::of_gang(&view.spec, view.state.variant())));
            if let Some((queue, amounts)) = queue {
                self.record(&queue, &amounts, Usage::give_back);
            }
            self.scheduler.remove_job(&job);
            self.more_of(&job);
            self.gone.insert(job);
        }
        self.instant();
        true
    }

    /// Plans until nothing more comes of this moment.
    fn instant(&mut self) {
        for _ in 0..MAX_AT_ONCE {
            let plan = self.scheduler.plan(self.revision, self.now);
            self.asks = plan.ask_again;
            let goes_on = plan.is_full || !plan.preempts.is_empty();
            self.take(plan);
            if !goes_on {
                return;
            }
        }
    }

    /// Does what a plan says: the planner takes what starts for done.
    fn take(&mut self, plan: Plan) {
        for preempt in plan.preempts {
            let Some(job) = self.view(&preempt.job).cloned() else { continue };
            self.stopped.entry(preempt.job).or_insert(preempt.by);
            self.stop(job);
        }
        for gang in plan.gangs {
            let known = self.view(&gang.job).cloned();
            let Some(mut job) = known.or_else(|| self.split(&gang)) else { continue };
            let since = self.now;
            if let JobState::Waiting { since: waited, .. } = &job.state {
                job.past.waited = Span(job.past.waited.0.saturating_add(since.since(*waited).0));
                let start = ForeseenStart { at: since, assignments: gang.assignments.clone() };
                self.starts.entry(gang.job.clone()).or_insert(start);
            }
            let (variant, assignments, unsaved) = (gang.variant, gang.assignments, Some(since));
            job.state = JobState::Placed { variant, assignments, since, unsaved, stopping: false };
            if let Some(takes) = self.expectation.takes(&job) {
                self.ends.insert((since + takes, gang.job.clone()));
            }
            self.record(&job.queue, &Amounts::of_gang(&job.spec, job.state.variant()), Usage::take);
            self.changed.insert(gang.job, job);
        }
    }

    /// The next element of an array is a job of its own from now on.
    fn split(&mut self, gang: &GangPlacement) -> Option<JobView> {
        let (array, _) = gang.job.array()?;
        let mut array = self.view(&array).cloned()?;
        let element = JobView { name: gang.job.clone(), uid: gang.uid.clone(), array: None, ..array.clone() };
        array.array.as_mut()?.started();
        if let JobState::Waiting { since, held, .. } = &mut array.state {
            (*since, *held) = (self.now, Vec::new());
        }
        let start = ForeseenStart { at: self.now, assignments: gang.assignments.clone() };
        self.starts.entry(array.name.clone()).or_insert(start);
        if array.array.as_ref().is_some_and(ArrayView::is_done) {
            self.gone.insert(array.name.clone());
        }
        self.changed.insert(array.name.clone(), array);
        Some(element)
    }

    /// An element has ended: of an array that has no more under way than it may, another one may start.
    fn more_of(&mut self, element: &JobName) {
        let array = element.array().map(|(array, _)| array);
        let Some(mut view) = array.and_then(|array| self.view(&array).cloned()) else { return };
        let Some(array) = &mut view.array else { return };
        array.ended();
        if !self.scheduler.make_room(&view.name) {
            self.scheduler.set_job(&view);
        }
        self.changed.insert(view.name.clone(), view);
    }

    /// A job gives its places back at once, and waits again where it does.
    fn stop(&mut self, job: JobView) {
        let JobState::Placed { since, .. } = &job.state else { return };
        self.ends.retain(|(_, name)| *name != job.name);
        self.record(&job.queue, &Amounts::of_gang(&job.spec, job.state.variant()), Usage::give_back);
        let Some(verdicts) = self.expectation.again(&job) else {
            self.scheduler.remove_job(&job.name);
            self.gone.insert(job.name);
            return;
        };
        let ran = Span(job.past.ran.0.saturating_add(self.now.since(*since).0));
        let (since, not_before, held) = (self.now, None, Vec::new());
        let state = JobState::Waiting { verdicts, since, not_before, held_in: 0, held, held_since: since };
        let job = JobView { past: Past { ran, ..job.past }, state, ..job };
        self.scheduler.set_job(&job);
        self.changed.insert(job.name.clone(), job);
    }

    /// A job got its places, or gave them back.
    fn record(&mut self, queue: &QueueName, amounts: &Amounts, what: fn(&mut Usage, &Amounts, Time, Span)) {
        if let Some((mut usage, half_life)) = self.scheduler.usage(queue) {
            what(&mut usage, amounts, self.now, half_life);
            self.scheduler.set_usage(queue, usage);
        }
    }

    fn view(&self, job: &JobName) -> Option<&JobView> {
        self.changed.get(job).or_else(|| self.known.get(job).copied())
    }
}
