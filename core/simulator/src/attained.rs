//! Least attained service, which preempts: who has had little goes before who has had much (J. Gu and others, "Tiresias: a GPU cluster
//! manager for distributed deep learning", 2019). It is told no durations: most jobs are short, and are over before they have had
//! much. It must not know what a simulation counts.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::{Span, Time};

use crate::brain::{Arrival, Brain, Decision, JobNumber, Start};
use crate::fits::{Fits, whole_node};
use crate::floor::{Place, at};

/// What a job has run for until it leaves the first level, and the second.
const LEVELS: [Span; 2] = [Span::from_secs(2 * 3_600), Span::from_secs(32 * 3_600)];
/// How long a job runs at least before it is preempted.
const REST: Span = Span::from_secs(12 * 3_600);
/// A job that has waited for so long in all goes before all others.
const LONGEST: Span = Span::from_secs(48 * 3_600);
/// One that has waited for so long is preempted no more: the rest is for its next wait.
const SPARED: Span = Span::from_secs(36 * 3_600);
/// For each accelerator of its own a job stops at most so many of others, and a node.
const WORTH: u64 = 4;

/// How much a job has had: 0 is little.
type Level = usize;

#[derive(Debug)]
struct Job {
    devices: u32,
    submitted: Time,
    /// For how long it has run, and waited, before `since`.
    ran: Span,
    waited: Span,
    since: Time,
    places: Vec<Place>,
}

impl Job {
    fn level(&self, now: Time) -> Level {
        let ran = self.ran.0 + if self.places.is_empty() { 0 } else { now.since(self.since).0 };
        LEVELS.iter().filter(|level| ran >= level.0).count()
    }

    fn is_overdue(&self, now: Time) -> bool {
        self.waited.0 + now.since(self.since).0 >= LONGEST.0
    }
}

/// Who asks for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Asks {
    devices: u32,
    level: Level,
    is_overdue: bool,
}

/// Least attained service at work.
#[derive(Debug)]
pub(crate) struct Attained {
    fits: Fits,
    whole: u32,
    on: Vec<BTreeSet<JobNumber>>,
    jobs: BTreeMap<JobNumber, Job>,
    waiting: BTreeSet<JobNumber>,
}

impl Attained {
    pub(crate) fn new(devices: &[u32]) -> Self {
        Self {
            fits: Fits::new(devices),
            whole: whole_node(devices),
            on: vec![BTreeSet::new(); devices.len()],
            jobs: BTreeMap::new(),
            waiting: BTreeSet::new(),
        }
    }

    /// Those that wait, in their order.
    fn order(&self, now: Time) -> Vec<(JobNumber, Asks)> {
        let mut order = Vec::with_capacity(self.waiting.len());
        for number in &self.waiting {
            let Some(job) = self.jobs.get(number) else { continue };
            let asks = Asks { devices: job.devices, level: job.level(now), is_overdue: job.is_overdue(now) };
            let turn = (!asks.is_overdue, if asks.is_overdue { 0 } else { asks.level }, job.submitted);
            order.push((turn, *number, asks));
        }
        order.sort_unstable();
        order.into_iter().map(|(_, number, asks)| (number, asks)).collect()
    }

    fn start(&mut self, number: JobNumber, now: Time) -> Option<Start> {
        let places = self.fits.take(self.jobs.get(&number)?.devices)?;
        for place in &places {
            if let Some(on) = self.on.get_mut(at(place.node)) {
                on.insert(number);
            }
        }
        self.waiting.remove(&number);
        let job = self.jobs.get_mut(&number)?;
        job.waited = Span(job.waited.0 + now.since(job.since).0);
        job.since = now;
        job.places.clone_from(&places);
        Some(Start { job: number, places })
    }

    fn leaves(&mut self, number: JobNumber, places: &[Place]) {
        self.fits.give_back(places);
        for place in places {
            if let Some(on) = self.on.get_mut(at(place.node)) {
                on.remove(&number);
            }
        }
    }

    fn stop(&mut self, number: JobNumber, now: Time) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        job.ran = Span(job.ran.0 + now.since(job.since).0);
        job.since = now;
        let places = std::mem::take(&mut job.places);
        self.leaves(number, &places);
        self.waiting.insert(number);
    }

    fn may_stop(&self, number: JobNumber, asks: Asks, now: Time) -> bool {
        let Some(job) = self.jobs.get(&number) else { return false };
        let rested = now.since(job.since) >= REST && job.waited < SPARED;
        let level = job.level(now);
        rested && (level > asks.level || (asks.is_overdue && level > 0))
    }

    /// When the next job that runs may be stopped.
    fn rested_next(&self, now: Time) -> Option<Time> {
        let running = self.jobs.values().filter(|job| !job.places.is_empty());
        running.map(|job| job.since + REST).filter(|at| *at > now).min()
    }

    /// The jobs to stop so that one finds room, each whole; `None` where that is not enough or not worth it.
    fn victims(&self, asks: Asks, now: Time) -> Option<BTreeSet<JobNumber>> {
        let (count, rest) = (asks.devices / self.whole, asks.devices % self.whole);
        let mut wanted = vec![self.whole; usize::try_from(count).unwrap_or(usize::MAX)];
        wanted.extend((rest > 0).then_some(rest));
        let (mut used, mut victims) = (BTreeSet::new(), BTreeSet::new());
        for need in wanted {
            let nodes = (0..self.on.len()).filter(|node| !used.contains(node));
            let offers = nodes.filter_map(|node| Some((self.offer(node, need, asks, now)?, node)));
            let ((_, stopped), node) = offers.min()?;
            used.insert(node);
            victims.extend(stopped);
        }
        let cost: u64 =
            victims.iter().filter_map(|victim| self.jobs.get(victim)).map(|job| u64::from(job.devices)).sum();
        (cost <= u64::from(asks.devices) * WORTH + u64::from(self.whole)).then_some(victims)
    }

    /// What has to be stopped for `need` accelerators of a node, and how many accelerators that stops: the smallest job that frees
    /// enough, or the largest ones until it is enough.
    fn offer(&self, node: usize, need: u32, asks: Asks, now: Time) -> Option<(u64, Vec<JobNumber>)> {
        let mut free = self.fits.free(u32::try_from(node).ok()?)?;
        if free >= need {
            return Some((0, Vec::new()));
        }
        let mut stoppable = Vec::new();
        for number in self.on.get(node)?.iter().filter(|number| self.may_stop(**number, asks, now)) {
            let job = self.jobs.get(number)?;
            let here = job.places.iter().find(|place| at(place.node) == node)?.devices;
            stoppable.push((u64::from(job.devices), *number, here));
        }
        stoppable.sort_unstable();
        if let Some((cost, number, _)) = stoppable.iter().find(|(.., here)| free + here >= need) {
            return Some((*cost, vec![*number]));
        }
        let (mut cost, mut stopped) = (0, Vec::new());
        for (devices, number, here) in stoppable.into_iter().rev() {
            free += here;
            cost += devices;
            stopped.push(number);
            if free >= need {
                return Some((cost, stopped));
            }
        }
        None
    }
}

impl Brain for Attained {
    fn arrives(&mut self, Arrival { job, devices, submitted, .. }: Arrival, now: Time) {
        let new = Job { devices, submitted, ran: Span(0), waited: Span(0), since: now, places: Vec::new() };
        // One that a failure stopped is known, and keeps what it has had.
        self.jobs.entry(job).or_insert(new);
        self.waiting.insert(job);
    }

    fn ends(&mut self, job: JobNumber, places: &[Place], again: bool, now: Time) {
        if again {
            self.stop(job, now);
        } else {
            self.leaves(job, places);
            self.jobs.remove(&job);
        }
    }

    fn node(&mut self, node: u32, up: bool) {
        self.fits.set_up(node, up);
    }

    fn decide(&mut self, now: Time) -> Decision {
        let mut decision = Decision::default();
        // Room shrinks while jobs start, so what failed fails again, until somebody is stopped.
        let (mut full, mut hopeless) = (BTreeSet::new(), BTreeSet::new());
        for (number, asks) in self.order(now) {
            if !full.contains(&asks.devices) {
                if let Some(start) = self.start(number, now) {
                    decision.starts.push(start);
                    continue;
                }
                full.insert(asks.devices);
            }
            if (asks.level == LEVELS.len() && !asks.is_overdue) || hopeless.contains(&asks) {
                continue;
            }
            let Some(victims) = self.victims(asks, now) else {
                hopeless.insert(asks);
                continue;
            };
            for victim in &victims {
                self.stop(*victim, now);
            }
            decision.preempts.extend(victims);
            decision.starts.extend(self.start(number, now));
            full.clear();
            hopeless.clear();
        }
        // Somebody may have rested enough by then.
        let waits = !hopeless.is_empty();
        decision.ask_again = waits.then(|| self.rested_next(now)).flatten();
        decision
    }
}
