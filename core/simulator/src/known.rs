//! The baselines. It must not know what a simulation counts.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::{Span, Time};

use crate::brain::{Arrival, Brain, Decision, JobNumber, Start};
use crate::fits::Fits;
use crate::floor::Place;
use crate::policy::Baseline;

/// A place in the order: by arrival, or by duration where the shortest goes first.
type Turn = (u64, JobNumber);

/// A baseline at work.
#[derive(Debug)]
pub(crate) struct Known {
    baseline: Baseline,
    fits: Fits,
    /// Jobs that wait, by what they want: jobs that want the same find the same room.
    by_size: BTreeMap<u32, BTreeSet<Turn>>,
    /// All of them in their order, for a rule that passes jobs by their duration.
    order: BTreeMap<Turn, u32>,
    walls: BTreeMap<JobNumber, Span>,
    /// When what runs ends, and how many accelerators that frees.
    ends: BTreeMap<(Time, JobNumber), u32>,
    running: BTreeMap<JobNumber, Time>,
}

/// What must stay free for the job at the head.
#[derive(Debug, Clone, Copy)]
struct Shadow {
    /// When it starts.
    at: Time,
    /// How many accelerators are free then besides its own.
    extra: u64,
}

impl Known {
    pub(crate) fn new(baseline: Baseline, devices: &[u32]) -> Self {
        Self {
            baseline,
            fits: Fits::new(devices),
            by_size: BTreeMap::new(),
            order: BTreeMap::new(),
            walls: BTreeMap::new(),
            ends: BTreeMap::new(),
            running: BTreeMap::new(),
        }
    }

    /// The next job whose size has not failed yet.
    fn next(&self, failed: &BTreeSet<u32>) -> Option<(Turn, u32)> {
        let open = self.by_size.iter().filter(|(size, _)| !failed.contains(size));
        open.filter_map(|(size, turns)| turns.first().map(|turn| (*turn, *size))).min()
    }

    fn starts(&mut self, turn: Turn, size: u32, now: Time) -> Option<Start> {
        let places = self.fits.take(size)?;
        let job = turn.1;
        if let Some(turns) = self.by_size.get_mut(&size) {
            turns.remove(&turn);
        }
        self.order.remove(&turn);
        let end = now + self.walls.remove(&job).unwrap_or_default();
        self.ends.insert((end, job), size);
        self.running.insert(job, end);
        Some(Start { job, places })
    }

    fn shadow(&self, size: u32) -> Shadow {
        let (mut free, wanted) = (self.fits.total(), u64::from(size));
        for ((at, _), devices) in &self.ends {
            if free >= wanted {
                break;
            }
            free += u64::from(*devices);
            if free >= wanted {
                return Shadow { at: *at, extra: free - wanted };
            }
        }
        // Enough are free and do not fit, or a node is away: nobody knows when it starts, and nothing is kept from it.
        Shadow { at: Time(u64::MAX), extra: free.saturating_sub(wanted) }
    }

    /// What may pass the job at the head.
    fn behind(&mut self, head: (Turn, u32), now: Time, starts: &mut Vec<Start>) {
        let mut shadow = self.shadow(head.1);
        let mut failed = BTreeSet::from([head.1]);
        let waiting: Vec<(Turn, u32)> =
            self.order.range(head.0..).map(|(turn, size)| (*turn, *size)).collect();
        for (turn, size) in waiting {
            if failed.contains(&size) {
                continue;
            }
            let wall = self.walls.get(&turn.1).copied().unwrap_or_default();
            let outlasts = now + wall > shadow.at;
            if outlasts && u64::from(size) > shadow.extra {
                continue;
            }
            match self.starts(turn, size, now) {
                None => {
                    failed.insert(size);
                }
                Some(start) => {
                    shadow.extra -= if outlasts { u64::from(size) } else { 0 };
                    starts.push(start);
                }
            }
        }
    }
}

impl Brain for Known {
    fn arrives(&mut self, Arrival { job, devices, submitted, wall }: Arrival, _: Time) {
        let by = if self.baseline == Baseline::Sjf { wall.0 } else { submitted.0 };
        self.by_size.entry(devices).or_default().insert((by, job));
        self.order.insert((by, job), devices);
        self.walls.insert(job, wall);
    }

    fn ends(&mut self, job: JobNumber, places: &[Place], _: bool, _: Time) {
        self.fits.give_back(places);
        if let Some(end) = self.running.remove(&job) {
            self.ends.remove(&(end, job));
        }
    }

    fn node(&mut self, node: u32, up: bool) {
        self.fits.set_up(node, up);
    }

    fn decide(&mut self, now: Time) -> Decision {
        let (mut starts, mut failed) = (Vec::new(), BTreeSet::new());
        while let Some((turn, size)) = self.next(&failed) {
            match self.starts(turn, size, now) {
                Some(start) => starts.push(start),
                None if self.baseline == Baseline::Fifo => break,
                None if self.baseline == Baseline::Easy => {
                    self.behind((turn, size), now, &mut starts);
                    break;
                }
                None => {
                    failed.insert(size);
                }
            }
        }
        Decision { starts, ..Decision::default() }
    }
}
