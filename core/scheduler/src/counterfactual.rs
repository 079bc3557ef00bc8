//! What would have to be otherwise for a job to start now. Everything that is said was tried: the planner starts the job then. It must not
//! know how the planner decides.

use std::collections::BTreeSet;

use holdfast_types::{
    Bytes, DeviceClass, JobName, JobSpec, Jurisdiction, NodeName, QueueName, ReservationName, Span, Time,
    TopologyLevel,
};

use crate::config::Config;
use crate::job::is_preemptible;
use crate::plan::{Cause, Plan};
use crate::queues::QueueRefusal;
use crate::scheduler::Scheduler;
use crate::snapshot::{JobState, JobView, NodeView, ReservationView, Schedulable, Snapshot};

mod change;

use change::{Change, apply, sentence};

/// So many nodes and jobs are looked at in all: more tries on a small cluster than on a large one.
const WORK: usize = 400_000;
/// The fewest and the most tries.
const FEWEST: usize = 6;
const MOST: usize = 48;
/// The most nodes that are imagined.
const MAX_MORE: u32 = 64;
/// Of one kind of change no more are tried than this.
const MAX_ALIKE: usize = 8;

/// The sentences `if ...` of what would start a job, each by itself; none for a job that does not wait, or that would start anyway.
#[must_use]
pub fn counterfactuals(snapshot: &Snapshot, config: &Config, now: Time, job: &JobName) -> Vec<String> {
    let waits = |view: &&JobView| view.name == *job && matches!(view.state, JobState::Waiting { .. });
    let Some(view) = snapshot.jobs.iter().find(waits) else { return Vec::new() };
    let size = (snapshot.nodes.len() + snapshot.jobs.len()).max(1);
    let config = Config { max_gangs_per_plan: u32::MAX, ..config.clone() };
    let mut trial = Trial { snapshot, config, now, job, left: (WORK / size).clamp(FEWEST, MOST) };
    let Some(refusal) = trial.refusal(&[]) else { return Vec::new() };
    let mut found = Vec::new();
    match refusal {
        Refusal::Queue(_) => found.extend(trial.queue(view)),
        Refusal::Room => {
            found.extend(trial.asks_less(view));
            found.extend(trial.nodes(view));
        }
    }
    found.extend(trial.stops());
    found.extend(trial.ends(view));
    found.iter().map(|changes| sentence(changes, &view.spec)).collect()
}

/// Why a job does not start.
enum Refusal {
    /// The queue that refuses, and why.
    Queue((QueueName, QueueRefusal)),
    Room,
}

struct Trial<'a> {
    snapshot: &'a Snapshot,
    config: Config,
    now: Time,
    job: &'a JobName,
    left: usize,
}

impl Trial<'_> {
    /// Why the job does not start where these things are otherwise; `None` where it does.
    fn refusal(&self, changes: &[Change]) -> Option<Refusal> {
        let (scheduler, plan) = self.plan(changes);
        if plan.gangs.iter().any(|gang| gang.job == *self.job) {
            return None;
        }
        Some(scheduler.queue_refusal(self.job).map_or(Refusal::Room, Refusal::Queue))
    }

    /// What is decided where these things are otherwise.
    fn plan(&self, changes: &[Change]) -> (Scheduler, Plan) {
        let mut changed = self.snapshot.clone();
        changes.iter().for_each(|change| apply(&mut changed, self.job, change));
        let mut scheduler = Scheduler::new(&changed, &self.config, self.now);
        let plan = scheduler.plan(changed.revision, self.now);
        (scheduler, plan)
    }

    /// How many are stopped for the job where these things are otherwise.
    fn stopped(&self, changes: &[Change]) -> usize {
        let by = Cause::Job(self.job.clone());
        self.plan(changes).1.preempts.iter().filter(|stop| stop.by == by).count()
    }

    fn starts(&mut self, change: &Change) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        self.refusal(std::slice::from_ref(change)).is_none()
    }

    /// Those that start it by themselves, of the first few.
    fn those(&mut self, changes: impl IntoIterator<Item = Change>) -> Vec<Vec<Change>> {
        let few = changes.into_iter().take(MAX_ALIKE);
        few.filter(|change| self.starts(change)).map(|change| vec![change]).collect()
    }

    /// What its queue, and those above it, would have to allow.
    fn queue(&mut self, view: &JobView) -> Option<Vec<Change>> {
        let mut changes: Vec<Change> = Vec::new();
        while let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            match self.refusal(&changes) {
                None => return Some(changes),
                Some(Refusal::Room) => return None,
                Some(Refusal::Queue((queue, refusal))) => {
                    let change = self.allow(view, queue, refusal)?;
                    if changes.contains(&change) {
                        return None;
                    }
                    changes.push(change);
                }
            }
        }
        None
    }

    /// What takes away one refusal.
    fn allow(&self, view: &JobView, queue: QueueName, refusal: QueueRefusal) -> Option<Change> {
        let of = |name: &QueueName| self.snapshot.queues.iter().find(|queue| queue.name == *name);
        match refusal {
            QueueRefusal::Stopped => Some(Change::QueueOpens(queue)),
            QueueRefusal::Full { held, .. } => {
                let needs = crate::need::gang_devices(&view.spec, 0).total();
                Some(Change::QueueAllows(queue, whole(held.0.saturating_add(needs.0))?))
            }
            QueueRefusal::Short(short) => {
                let missing = short.held.0.saturating_add(short.needs.0).saturating_sub(short.reach.0);
                let more = whole(missing)?;
                let is_limited =
                    of(&queue).is_some_and(|queue| queue.borrowing_limit.contains_key(&short.class));
                Some(if is_limited && !short.is_forever {
                    Change::QueueBorrows(queue, short.class, more)
                } else {
                    Change::QueueHas(queue, short.class, more)
                })
            }
        }
    }

    /// What the job could do without.
    fn asks_less(&mut self, view: &JobView) -> Vec<Vec<Change>> {
        let devices: Vec<_> =
            view.spec.groups.iter().filter_map(|group| group.resources.devices.as_ref()).collect();
        let asked: BTreeSet<DeviceClass> = devices.iter().map(|request| request.class).collect();
        let memory = devices.iter().map(|request| request.memory).max().unwrap_or_default();
        let there = || self.snapshot.nodes.iter().flat_map(|node| &node.devices);
        let classes: BTreeSet<DeviceClass> = there().map(|device| device.class).collect();
        let smaller: BTreeSet<Bytes> =
            there().map(|device| device.memory).filter(|size| *size < memory).collect();
        let places: BTreeSet<Jurisdiction> =
            self.snapshot.nodes.iter().map(|node| node.jurisdiction.clone()).collect();
        let own = &view.spec.jurisdictions;
        let mut found = Vec::new();
        if asked.len() == 1 {
            found.extend(self.those(classes.difference(&asked).map(|class| Change::Accepts(*class))));
        }
        // The most that there is says most.
        found.extend(self.first(smaller.into_iter().rev().map(Change::AcceptsMemory)));
        if view.spec.precision.is_some() {
            found.extend(self.first([Change::AnyPrecision]));
        }
        found.extend(self.first(wider(&view.spec).into_iter().map(Change::Within)));
        if !own.is_empty() {
            found.extend(self.those(places.difference(own).cloned().map(Change::MayRunIn)));
        }
        found.extend(self.makes_way(view));
        found
    }

    /// Where nodes are kept for others, or capped, later: how long it could take at most, or that it made way then.
    fn makes_way(&mut self, view: &JobView) -> Vec<Vec<Change>> {
        let begins = |reservation: &ReservationView| {
            let (start, _) = reservation.spec.window.next(self.now)?;
            let left = start.since(self.now).0;
            Some(Span(left - left % 60_000)).filter(|left| *left > Span(0))
        };
        let is_less = |left: &Span| view.spec.max_run_time.is_none_or(|takes| takes > *left);
        let spans: BTreeSet<Span> =
            self.snapshot.reservations.iter().filter_map(begins).filter(is_less).collect();
        let mut found = Vec::new();
        found.extend(self.first(spans.into_iter().rev().map(Change::Takes)));
        if !self.snapshot.reservations.is_empty() && !is_preemptible(&view.spec) {
            found.extend(self.first([Change::MayStop]));
        }
        found
    }

    /// The queue whose disruption budget leaves too little for others to be stopped for the job, which starts once they are.
    fn stops(&mut self) -> Option<Vec<Change>> {
        if self.stopped(&[]) > 0 {
            return None;
        }
        let mut spared: Vec<QueueName> = self
            .snapshot
            .queues
            .iter()
            .filter(|queue| queue.disruptions.is_some())
            .map(|queue| queue.name.clone())
            .collect();
        spared.sort_unstable();
        let most = u32::try_from(MAX_ALIKE).unwrap_or(u32::MAX);
        spared.into_iter().take(MAX_ALIKE).find_map(|queue| {
            let mut helps = |more| {
                self.left = self.left.checked_sub(1)?;
                let change = Change::Stops(queue.clone(), more);
                (self.stopped(std::slice::from_ref(&change)) > 0).then(|| vec![change])
            };
            helps(most)?;
            (1..=most).find_map(helps)
        })
    }

    /// Nodes that take work again, and nodes that are not there.
    fn nodes(&mut self, view: &JobView) -> Vec<Vec<Change>> {
        let closed = self.snapshot.nodes.iter().filter(|node| node.schedulable != Schedulable::Yes);
        let mut closed: Vec<NodeName> = closed.map(|node| node.name.clone()).collect();
        closed.sort_unstable();
        let mut found = self.those(closed.into_iter().map(Change::Opens));
        let mut kept: Vec<ReservationName> =
            self.snapshot.reservations.iter().map(|reservation| reservation.name.clone()).collect();
        kept.sort_unstable();
        found.extend(self.those(kept.into_iter().map(Change::Without)));
        found.extend(self.more(view));
        found
    }

    /// The fewest nodes more of a kind that the job could use.
    fn more(&mut self, view: &JobView) -> Option<Vec<Change>> {
        let like = kind(self.snapshot, view)?;
        let more = |count| Change::More(like.clone(), count);
        let mut enough = 1;
        while !self.starts(&more(enough)) {
            enough *= 2;
            if enough > MAX_MORE || self.left == 0 {
                return None;
            }
        }
        let mut too_few = enough / 2;
        while too_few + 1 < enough && self.left > 0 {
            let middle = too_few.midpoint(enough);
            if self.starts(&more(middle)) {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        Some(vec![more(enough)])
    }

    /// The smallest job that would make room by its end.
    fn ends(&mut self, view: &JobView) -> Option<Vec<Change>> {
        let size = |job: &JobView| crate::need::gang_devices(&job.spec, job.state.variant()).total();
        let runs = |job: &&JobView| matches!(job.state, JobState::Placed { .. }) && job.name != view.name;
        let mut running: Vec<&JobView> = self.snapshot.jobs.iter().filter(runs).collect();
        running.sort_unstable_by_key(|job| (size(job).0, &job.name));
        // One that is smaller than what waits may still be all that is missing, but mostly is not.
        let small = running.partition_point(|job| size(job).0 < size(view).0);
        running.rotate_left(small);
        self.first(running.into_iter().take(MAX_ALIKE).map(|job| Change::Ends(job.name.clone())))
    }

    /// The first that starts it.
    fn first(&mut self, changes: impl IntoIterator<Item = Change>) -> Option<Vec<Change>> {
        changes.into_iter().take(MAX_ALIKE).find(|change| self.starts(change)).map(|change| vec![change])
    }
}

/// Thousandths of accelerators as whole ones, and more.
fn whole(millis: u64) -> Option<u32> {
    u32::try_from(millis.div_ceil(1_000)).ok()
}

/// The levels in which the tasks could be instead of those required, the narrowest first.
fn wider(spec: &JobSpec) -> Vec<Option<TopologyLevel>> {
    let required = spec.groups.iter().filter_map(|group| group.topology.as_ref()?.required).min();
    let asks = spec.groups.iter().any(|group| group.topology.is_some());
    let levels =
        TopologyLevel::ALL.into_iter().rev().filter(|level| required.is_some_and(|own| *level < own));
    let mut levels: Vec<Option<TopologyLevel>> = levels.map(Some).collect();
    if asks {
        levels.push(None);
    }
    levels
}

/// A node of a kind that a task of the job could be on: of those that the law and the job allow the one with the most accelerators that
/// it asks for, or the largest.
fn kind(snapshot: &Snapshot, view: &JobView) -> Option<NodeName> {
    let JobState::Waiting { verdicts, .. } = &view.state else { return None };
    let asked = view.spec.groups.iter().find_map(|group| group.resources.devices.as_ref());
    let worth = |node: &NodeView| {
        let serves =
            node.devices.iter().filter(|device| asked.is_some_and(|asked| asked.class == device.class));
        (serves.count(), node.cores, node.memory)
    };
    let may = |node: &&NodeView| {
        let is_asked =
            view.spec.jurisdictions.is_empty() || view.spec.jurisdictions.contains(&node.jurisdiction);
        is_asked && verdicts.denied_by(&node.name).is_none()
    };
    let allowed = snapshot.nodes.iter().filter(may);
    allowed
        .max_by(|one, two| worth(one).cmp(&worth(two)).then_with(|| two.name.cmp(&one.name)))
        .map(|node| node.name.clone())
}
