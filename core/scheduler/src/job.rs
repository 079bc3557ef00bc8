//! A job as the planner keeps it, and what its turn depends on. It must not know other jobs.

use std::cmp::Reverse;
use std::sync::Arc;

use holdfast_types::{Amounts, JobKind, JobName, JobSpec, MilliDevices, Span, Time, element_name};

use crate::config::Config;
use crate::log::Moment;
use crate::need::Devices;
use crate::room::Seat;
use crate::snapshot::{ArrayView, Past};

/// Where a job stands in the table of jobs. It says nothing of its turn.
pub(crate) type JobNumber = usize;

/// What a job is called: the last that decides between two.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ident {
    pub(crate) name: JobName,
    pub(crate) uid: String,
}

/// The priority of the queue, then that of the job: the lesser goes first.
pub(crate) type Priority = (Reverse<i32>, Reverse<i32>);

/// How much a job has had: 0 is little.
pub(crate) type Level = usize;

/// Who goes first: the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Standing {
    /// It has not waited for too long.
    pub(crate) is_timely: bool,
    pub(crate) priority: Priority,
    /// What it has had; 0 for one that has waited for too long.
    pub(crate) level: Level,
}

/// Which job goes first: the lesser.
pub(crate) type Turn = (Standing, Time, Arc<Ident>);

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ident: Arc<Ident>,
    pub(crate) spec: Arc<JobSpec>,
    /// `None` where there is no such queue.
    pub(crate) queue: Option<usize>,
    pub(crate) priority: Priority,
    /// The accelerators the whole gang needs: in the variant it has places in, or else in the one it wants most.
    pub(crate) devices: Devices,
    pub(crate) submitted: Time,
    pub(crate) past: Past,
    /// For how long it runs on end before it is stopped for a higher priority, or by whom its queue borrows from.
    pub(crate) min_run: Span,
    /// Where it is an array: those of its elements that have not started.
    pub(crate) array: Option<ArrayView>,
    pub(crate) state: State,
}

#[derive(Debug)]
pub(crate) enum State {
    Waiting(Wait),
    Placed(Stay),
}

/// A job that waits.
#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) since: Time,
    pub(crate) not_before: Option<Time>,
    pub(crate) class: usize,
    /// The places held for it.
    pub(crate) held: Vec<Seat>,
    /// In which of its variants those are.
    pub(crate) held_in: u32,
    pub(crate) held_since: Time,
    /// As what it stands in line; `None` where it does not yet.
    pub(crate) standing: Option<Standing>,
    /// Since when nobody could be stopped for it, where places are held for it.
    pub(crate) hopeless: Option<Moment>,
    /// Since when it is known to find no room elsewhere, where places are held for it.
    pub(crate) tried: Option<Moment>,
}

/// A job that has places.
#[derive(Debug)]
pub(crate) struct Stay {
    pub(crate) since: Time,
    pub(crate) seats: Vec<Seat>,
    pub(crate) unsaved: Option<Time>,
    pub(crate) stopping: bool,
}

impl Job {
    /// What it is called when it starts: an array starts its next element. `None` where none may.
    pub(crate) fn starts_as(&self) -> Option<Arc<Ident>> {
        let Some(array) = &self.array else { return Some(Arc::clone(&self.ident)) };
        let index = array.index()?;
        let uid = element_name(&self.ident.uid, index);
        Some(Arc::new(Ident { name: self.ident.name.element(index)?, uid }))
    }

    /// The wait of a job that waits.
    pub(crate) fn wait(&self) -> Option<&Wait> {
        match &self.state {
            State::Waiting(wait) => Some(wait),
            State::Placed(_) => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn wait_mut(&mut self) -> Option<&mut Wait> {
        match &mut self.state {
            State::Waiting(wait) => Some(wait),
            State::Placed(_) => None,
        }
    }

    /// The stay of a job that has places.
    pub(crate) fn stay(&self) -> Option<&Stay> {
        match &self.state {
            State::Waiting(_) => None,
            State::Placed(stay) => Some(stay),
        }
    }

    /// The places it has.
    pub(crate) fn seats(&self) -> &[Seat] {
        self.stay().map_or(&[], |stay| &stay.seats)
    }

    /// The places held for it.
    pub(crate) fn held(&self) -> &[Seat] {
        self.wait().map_or(&[], |wait| &wait.held)
    }

    /// In which of its variants places are held for it; 0 where none are.
    pub(crate) fn held_in(&self) -> u32 {
        self.wait().map_or(0, |wait| wait.held_in)
    }

    /// The accelerators it has, or that are held for it.
    pub(crate) fn has(&self) -> Devices {
        Devices::from(&self.takes())
    }

    /// Whether it takes anything, or anything is held for it.
    pub(crate) fn takes_any(&self) -> bool {
        !self.seats().is_empty() || !self.held().is_empty()
    }

    /// All that it takes, or that is held for it.
    pub(crate) fn takes(&self) -> Amounts {
        Seat::amounts_of(self.seats().iter().chain(self.held()))
    }

    /// How much of what runs it is: its accelerators in thousandths, or one where it has none.
    pub(crate) fn weight(&self) -> u64 {
        let count = || self.seats().iter().map(|seat| seat.thousandths().0).sum::<u64>();
        if self.stay().is_none() {
            return 0;
        }
        match count() {
            0 => MilliDevices::whole(1).0,
            some => some,
        }
    }

    /// For how long it has waited in all.
    pub(crate) fn waited(&self, now: Time) -> Span {
        let since = self.wait().map_or(0, |wait| now.since(wait.since).0);
        Span(self.past.waited.0.saturating_add(since))
    }

    /// How a job that waits stands.
    pub(crate) fn standing(&self, config: &Config, now: Time) -> Standing {
        let is_timely = self.waited(now) < config.overdue_after;
        let level = if is_timely { level(config, self.past.ran) } else { 0 };
        Standing { is_timely, priority: self.priority, level }
    }

    /// When it will stand otherwise although nothing happens.
    pub(crate) fn stands_until(&self, config: &Config, now: Time) -> Option<Time> {
        let wait = self.wait()?;
        let overdue = wait.since + Span(config.overdue_after.0.saturating_sub(self.past.waited.0));
        wait.not_before.into_iter().chain([overdue]).filter(|time| *time > now).min()
    }

    /// Its turn among those that wait.
    pub(crate) fn turn(&self, config: &Config, now: Time) -> Turn {
        (self.standing(config, now), self.submitted, Arc::clone(&self.ident))
    }

    /// Whether it may be stopped at all: its owner said so, or it writes checkpoints and said nothing.
    pub(crate) fn is_preemptible(&self) -> bool {
        is_preemptible(&self.spec)
    }

    /// Whether it may be stopped now for one that stands so.
    pub(crate) fn may_stop_for(&self, asks: &Standing, config: &Config, now: Time) -> bool {
        let Some(stay) = self.stay().filter(|stay| !stay.stopping && self.is_preemptible()) else {
            return false;
        };
        let on_end = now.since(stay.since);
        if self.priority != asks.priority {
            return asks.priority < self.priority && on_end >= self.min_run;
        }
        let had = level(config, Span(self.past.ran.0.saturating_add(on_end.0)));
        on_end >= config.slice && self.past.waited < config.spared_after && had > asks.level
    }

    /// Whether it may be stopped now for one that only wants back what this one's queue borrows.
    pub(crate) fn may_give_back(&self, now: Time) -> bool {
        let stay = self.stay().filter(|stay| !stay.stopping && self.is_preemptible());
        stay.is_some_and(|stay| now.since(stay.since) >= self.min_run)
    }

    /// When it may first be stopped for one of a higher priority, or by whom its queue borrows from.
    pub(crate) fn yields_at(&self) -> Option<Time> {
        Some(self.stay()?.since + self.min_run)
    }

    /// When it may next be stopped for more of its own priority.
    pub(crate) fn ripens_at(&self, config: &Config, now: Time) -> Option<Time> {
        let stay = self.stay()?;
        let slice = stay.since + config.slice;
        let levels = config.levels.iter().map(|level| {
            let left = Span(level.0.saturating_sub(self.past.ran.0));
            (stay.since + left).max(slice)
        });
        levels.filter(|time| *time > now).min()
    }
}

/// Whether a job may be stopped at all.
pub(crate) fn is_preemptible(spec: &JobSpec) -> bool {
    match spec.kind {
        JobKind::Service => false,
        JobKind::Train | JobKind::Finetune | JobKind::Batch => spec.is_preemptible(),
    }
}

fn level(config: &Config, ran: Span) -> Level {
    config.levels.iter().filter(|level| ran >= **level).count()
}
