//! The loop: what happens next happens, the policy is asked, what it starts is held against what is free. It must not know any
//! policy.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use holdfast_types::{Span, Time};

use crate::attained::Attained;
use crate::brain::{Arrival, Brain, JobNumber, Start};
use crate::chance::Chance;
use crate::cluster::{Checkpoints, Cluster};
use crate::event::Event;
use crate::fits::Fits;
use crate::floor::{Floor, Place};
use crate::known::Known;
use crate::outcome::Outcome;
use crate::planned::Planned;
use crate::policy::{Baseline, Policy};
use crate::tally::{Done, Tally};
use crate::trace::{Trace, TraceJob};
use crate::work::Work;

/// A week: what the utilisation is asked for in.
pub const WEEK: Span = Span::from_secs(7 * 24 * 3_600);
/// A job that was stopped so often is given up: nodes fail faster than it gets on.
const MAX_STOPS: u32 = 1_000;

/// Why there is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// The policy took what was not free: a defect of it.
    #[error("policy `{policy}` gave job {job} places that were not free")]
    Taken {
        /// Which policy.
        policy: String,
        /// Which job of the trace, from 0.
        job: u32,
    },
    /// The policy took places away where there were none: a defect of it.
    #[error("policy `{policy}` preempted job {job}, which does not run")]
    Idle {
        /// Which policy.
        policy: String,
        /// Which job of the trace, from 0.
        job: u32,
    },
    /// The policy starts nothing although everything is free: a defect of it.
    #[error("policy `{policy}` leaves {waiting} jobs waiting in an empty cluster")]
    Stuck {
        /// Which policy.
        policy: String,
        /// How many jobs wait.
        waiting: u64,
    },
    /// A job cannot be said in a manifest.
    #[error("a job of {devices} accelerators cannot be said in a manifest: {why}")]
    Unsaid {
        /// How many it wants.
        devices: u32,
        /// Why not.
        why: String,
    },
}

/// What happens at an instant, in this order: places are free before somebody asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Ends {
        job: JobNumber,
        attempt: u32,
    },
    Returns {
        node: u32,
    },
    Fails {
        node: u32,
    },
    /// Nothing but time passed, and the policy wanted to be asked.
    Asks,
}

/// A job that is not over.
#[derive(Debug, Clone, Copy)]
struct Live {
    work: Work,
    waited: Span,
    /// Since when it waits.
    since: Time,
    /// How often it has lost its places, to whatever, and to failures.
    attempt: u32,
    stops: u32,
}

#[derive(Debug)]
struct Running {
    started: Time,
    places: Vec<Place>,
}

/// A simulation that is about to run.
pub struct Simulation<'a> {
    trace: &'a Trace,
    policy: String,
    brain: Box<dyn Brain>,
    checkpoints: Option<Checkpoints>,
    chance: Option<Chance>,
    floor: Floor,
    devices: u64,
    agenda: BinaryHeap<Reverse<(Time, Happens)>>,
    live: BTreeMap<JobNumber, Live>,
    running: BTreeMap<JobNumber, Running>,
    /// The jobs of the trace that fit, and how many of them have come.
    jobs: Vec<JobNumber>,
    came: usize,
    away: u32,
    /// When the policy is asked next although nothing happens.
    asks: Option<Time>,
    tally: Tally,
    left_out: u64,
    begin: Event,
    hears: Box<dyn FnMut(Event) + 'a>,
}

impl std::fmt::Debug for Simulation<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Simulation").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl<'a> Simulation<'a> {
    /// A trace on a cluster under a policy; the seed says which nodes fail when. Utilisation is counted apart from the end of the first of
    /// `weeks` to the end of the second: `(5, 13)` are days 35 to 91, `(0, 1)` is the first week.
    ///
    /// # Errors
    ///
    /// A job cannot be said in the words of the scheduler.
    pub fn new(
        trace: &'a Trace,
        cluster: &Cluster,
        policy: &Policy,
        seed: u64,
        weeks: (u64, u64),
    ) -> Result<Self, SimulationError> {
        let devices = cluster.devices();
        let fitting = fitting(trace, &devices);
        let brain: Box<dyn Brain> = match policy {
            Policy::Baseline(Baseline::Las) => Box::new(Attained::new(&devices)),
            Policy::Baseline(baseline) => Box::new(Known::new(*baseline, &devices)),
            Policy::Holdfast(config) => {
                let unsaid = |devices: u32| {
                    move |why: crate::planned::Unsaid| SimulationError::Unsaid {
                        devices,
                        why: why.to_string(),
                    }
                };
                let mut planned = Planned::new(config, &devices, cluster).map_err(unsaid(0))?;
                for (size, fits) in &fitting {
                    if *fits {
                        planned.says(*size).map_err(unsaid(*size))?;
                    }
                }
                Box::new(planned)
            }
        };
        let fits = |job: &&(JobNumber, &TraceJob)| fitting.get(&job.1.devices).copied().unwrap_or(false);
        let all: Vec<(JobNumber, &TraceJob)> = (0..).zip(trace.jobs()).collect();
        let jobs: Vec<JobNumber> = all.iter().filter(fits).map(|(number, _)| *number).collect();
        let at = |weeks: u64| Time(weeks.saturating_mul(WEEK.0));
        let window = (at(weeks.0), at(weeks.1));
        let chance = cluster.failures.map(|failures| Chance::new(seed, failures));
        let mut agenda = BinaryHeap::new();
        if let Some(chance) = &chance {
            let nodes = u32::try_from(devices.len()).unwrap_or(u32::MAX);
            agenda.extend(
                (0..nodes).map(|node| Reverse((chance.fails(node, Time(0)), Happens::Fails { node }))),
            );
        }
        Ok(Self {
            trace,
            policy: policy.to_string(),
            brain,
            checkpoints: cluster.checkpoints,
            chance,
            floor: Floor::new(&devices),
            devices: devices.iter().map(|&devices| u64::from(devices)).sum(),
            agenda,
            live: BTreeMap::new(),
            running: BTreeMap::new(),
            left_out: u64::try_from(all.len() - jobs.len()).unwrap_or(u64::MAX),
            jobs,
            came: 0,
            away: 0,
            asks: None,
            tally: Tally::new(window),
            begin: Event::begin(policy, cluster),
            hears: Box::new(drop),
        })
    }

    /// The same, and `hears` is told of everything that happens to jobs and nodes, in the order in which it does.
    #[must_use]
    pub fn heard(mut self, hears: impl FnMut(Event) + 'a) -> Self {
        self.hears = Box::new(hears);
        self
    }

    /// Runs it to the end of its last job. `told` hears how many jobs are over, of how many.
    ///
    /// # Errors
    ///
    /// The policy gives away what is not free, or starts nothing in an empty cluster: a defect of it.
    pub fn run(mut self, told: &mut dyn FnMut(u64, u64)) -> Result<Outcome, SimulationError> {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        (self.hears)(self.begin.clone());
        let all = count(self.jobs.len());
        while self.came < self.jobs.len() || !self.live.is_empty() {
            let Some(now) = self.next() else { break };
            self.tally.pass(now, &self.floor, count(self.live.len() - self.running.len()));
            self.happen(now);
            let decision = self.brain.decide(now);
            self.tally.decided(now, &decision);
            let sooner = |at: &Time| *at > now && self.asks.is_none_or(|asks| asks <= now || *at < asks);
            if let Some(at) = decision.ask_again.filter(sooner) {
                self.asks = Some(at);
                self.agenda.push(Reverse((at, Happens::Asks)));
            }
            for job in decision.preempts {
                self.preempt(job, now, decision.makes_way.contains(&job))?;
            }
            for start in decision.starts {
                self.start(now, start)?;
            }
            let waits_for_time = self.asks.is_some_and(|asks| asks > now);
            let over =
                self.came == self.jobs.len() && self.away == 0 && self.running.is_empty() && !waits_for_time;
            if over && !self.live.is_empty() {
                return Err(SimulationError::Stuck { policy: self.policy, waiting: count(self.live.len()) });
            }
            told(count(self.tally.done.len()), all);
        }
        let Self { trace, policy, tally, devices, left_out, .. } = self;
        Ok(Outcome::of(policy, trace.queues(), tally, devices, left_out))
    }

    /// When something happens next.
    fn next(&self) -> Option<Time> {
        let arrival = self.arriving().map(|(_, job)| job.arrival);
        let other = self.agenda.peek().map(|Reverse((at, _))| *at);
        arrival.into_iter().chain(other).min()
    }

    fn arriving(&self) -> Option<(JobNumber, &'a TraceJob)> {
        let number = *self.jobs.get(self.came)?;
        Some((number, self.job(number)?))
    }

    fn job(&self, number: JobNumber) -> Option<&'a TraceJob> {
        self.trace.jobs().get(usize::try_from(number).ok()?)
    }

    fn happen(&mut self, now: Time) {
        while let Some(Reverse((at, happens))) = self.agenda.peek().copied() {
            if at > now {
                break;
            }
            self.agenda.pop();
            match happens {
                Happens::Ends { job, attempt } => self.ends(job, attempt, now),
                Happens::Fails { node } => self.fails(node, now),
                Happens::Returns { node } => self.returns(node, now),
                Happens::Asks => {}
            }
        }
        while let Some((number, job)) = self.arriving().filter(|(_, job)| job.arrival <= now) {
            self.came += 1;
            let work = Work::new(job.duration);
            self.live.insert(number, Live { work, waited: Span(0), since: now, attempt: 0, stops: 0 });
            self.waits(number, job, work, now);
        }
    }

    fn waits(&mut self, job: JobNumber, of: &TraceJob, work: Work, now: Time) {
        let wall = work.wall(self.checkpoints);
        self.brain.arrives(Arrival { job, devices: of.devices, submitted: of.arrival, wall }, now);
    }

    fn start(&mut self, now: Time, Start { job, places }: Start) -> Result<(), SimulationError> {
        let taken = || SimulationError::Taken { policy: self.policy.clone(), job };
        let held: u32 = places.iter().map(|place| place.devices).sum();
        let wanted = self.job(job);
        let waits = self.live.get_mut(&job).filter(|_| !self.running.contains_key(&job));
        let (Some(live), true) = (waits, wanted.is_some_and(|job| job.devices == held)) else {
            return Err(taken());
        };
        if !self.floor.take(&places) {
            return Err(taken());
        }
        live.waited = Span(live.waited.0 + now.since(live.since).0);
        if let Some(of) = wanted {
            (self.hears)(Event::start(now, job, of, self.trace.queues(), &places));
        }
        let end = now + live.work.wall(self.checkpoints);
        self.agenda.push(Reverse((end, Happens::Ends { job, attempt: live.attempt })));
        self.running.insert(job, Running { started: now, places });
        Ok(())
    }

    fn ends(&mut self, job: JobNumber, attempt: u32, now: Time) {
        // One that was stopped meanwhile ends another time.
        if self.live.get(&job).is_none_or(|live| live.attempt != attempt) {
            return;
        }
        let (Some(running), Some(live)) = (self.running.remove(&job), self.live.remove(&job)) else { return };
        (self.hears)(Event::End { at: now, job });
        self.floor.give_back(&running.places);
        self.brain.ends(job, &running.places, false, now);
        let Some(of) = self.job(job) else { return };
        let TraceJob { queue, devices, duration, arrival } = *of;
        let took = now.since(arrival);
        self.tally.done.push(Done { queue, devices, duration, waited: live.waited, took });
    }

    fn fails(&mut self, node: u32, now: Time) {
        let on = |running: &Running| running.places.iter().any(|place| place.node == node);
        let hit: Vec<JobNumber> =
            self.running.iter().filter(|(_, running)| on(running)).map(|(job, _)| *job).collect();
        for job in hit {
            self.stops(job, now);
        }
        (self.hears)(Event::Fail { at: now, node });
        self.floor.set_up(node, false);
        self.brain.node(node, false);
        self.away += 1;
        let again = self.chance.map_or(Time(u64::MAX), |chance| chance.returns(now));
        self.agenda.push(Reverse((again, Happens::Returns { node })));
    }

    /// A job loses its places, and waits again unless it was stopped too often.
    fn stops(&mut self, job: JobNumber, now: Time) {
        let Some(of) = self.job(job) else { return };
        let (Some(running), Some(live)) = (self.running.remove(&job), self.live.get_mut(&job)) else {
            return;
        };
        let (work, lost) = live.work.stopped(now.since(running.started), self.checkpoints);
        (live.work, live.since) = (work, now);
        (live.attempt, live.stops) = (live.attempt + 1, live.stops + 1);
        (self.hears)(Event::Stop { at: now, job });
        let again = live.stops < MAX_STOPS;
        self.tally.stops += 1;
        self.tally.lost += u128::from(lost.0) * u128::from(of.devices);
        self.floor.give_back(&running.places);
        self.brain.ends(job, &running.places, again, now);
        if again {
            self.waits(job, of, work, now);
        } else {
            self.live.remove(&job);
            self.tally.given_up += 1;
        }
    }

    /// A job gives up its places for others.
    fn preempt(&mut self, job: JobNumber, now: Time, makes_way: bool) -> Result<(), SimulationError> {
        let of = self.job(job);
        let (Some(running), Some(live), Some(of)) = (self.running.remove(&job), self.live.get_mut(&job), of)
        else {
            return Err(SimulationError::Idle { policy: self.policy.clone(), job });
        };
        let (work, lost) = live.work.preempted(now.since(running.started), self.checkpoints);
        (live.work, live.since, live.attempt) = (work, now, live.attempt + 1);
        (self.hears)(Event::Preempt { at: now, job, makes_way });
        self.tally.preemptions += 1;
        self.tally.lost += u128::from(lost.0) * u128::from(of.devices);
        self.floor.give_back(&running.places);
        Ok(())
    }

    fn returns(&mut self, node: u32, now: Time) {
        (self.hears)(Event::Return { at: now, node });
        self.floor.set_up(node, true);
        self.brain.node(node, true);
        self.away = self.away.saturating_sub(1);
        if let Some(chance) = self.chance {
            self.agenda.push(Reverse((chance.fails(node, now), Happens::Fails { node })));
        }
    }
}

/// Which sizes of jobs an empty cluster has room for.
fn fitting(trace: &Trace, devices: &[u32]) -> BTreeMap<u32, bool> {
    let mut fits = Fits::new(devices);
    let mut known = BTreeMap::new();
    for job in trace.jobs() {
        known.entry(job.devices).or_insert_with(|| {
            let places = fits.take(job.devices);
            fits.give_back(places.as_deref().unwrap_or_default());
            places.is_some()
        });
    }
    known
}
