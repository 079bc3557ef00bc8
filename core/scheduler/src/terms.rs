//! Who may be stopped for somebody while some are already: what queues lend each other then, and what is left of their disruption budgets.
//! It must not know places.

use std::borrow::Cow;

use holdfast_types::Time;

use crate::budgets::Budgets;
use crate::catalog::Class;
use crate::index::Index;
use crate::job::{Job, Standing};
use crate::need::Devices;
use crate::queues::Stake;
use crate::room::Seat;
use crate::shares::Shares;

/// Who asks, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asks<'a> {
    pub(crate) class: &'a Class,
    pub(crate) standing: Standing,
    /// The places held for it, which it gives up for others.
    pub(crate) held: &'a [Seat],
    pub(crate) stake: Stake,
    pub(crate) now: Time,
}

/// What bounds who may be stopped.
#[derive(Debug, Clone)]
pub(crate) struct Terms<'a> {
    index: &'a Index,
    asks: Asks<'a>,
    /// What queues lend each other, where it gets something back.
    shares: Cow<'a, Shares>,
    budgets: Cow<'a, Budgets>,
}

impl<'a> Terms<'a> {
    /// Nobody is stopped yet. What is held for the one that asks, and what those hold who are told to stop, counts as free already.
    pub(crate) fn new(index: &'a Index, asks: Asks<'a>) -> Self {
        let (shares, budgets) = (index.queues.shares(), index.queues.budgets());
        let mut terms = Self { index, asks, shares: Cow::Borrowed(shares), budgets: Cow::Borrowed(budgets) };
        if let Some(queue) = asks.stake.owner() {
            terms.release(queue, &Devices::from(&Seat::amounts_of(asks.held)));
            let stops = |job: &&Job| job.stay().is_some_and(|stay| stay.stopping);
            for job in index.jobs().map(|(_, job)| job).filter(stops) {
                terms.let_go(job);
            }
        }
        terms
    }

    /// Whether a job may be stopped.
    pub(crate) fn may_stop(&self, job: &Job) -> bool {
        let Asks { standing, now, stake, class, .. } = self.asks;
        if class.bounds.part_of.as_ref().is_some_and(|of| of.job == job.ident.name) {
            return false;
        }
        let is_equal = match stake {
            Stake::None | Stake::Own(_) => true,
            Stake::Borrowed(queue) => job.queue == Some(queue),
        };
        let may = (is_equal && job.may_stop_for(&standing, &self.index.config, now)) || self.lends_back(job);
        may && self.has_budget(job)
    }

    /// Whether a job may be stopped because it has what its queue borrows of that of the one that asks.
    pub(crate) fn gives_back(&self, job: &Job) -> bool {
        self.lends_back(job) && self.has_budget(job)
    }

    /// Whether the queues let start the one that asks.
    pub(crate) fn is_let(&self) -> bool {
        let mut classes = self.asks.class.devices.iter();
        let let_in = |queue| classes.all(|(class, count)| self.shares.check(queue, class, count).is_ok());
        self.asks.stake.owner().is_none_or(let_in)
    }

    /// A job is stopped.
    pub(crate) fn stop(&mut self, job: &Job) {
        self.let_go(job);
        if let Some(queue) = self.budget_of(job) {
            self.budgets.to_mut().spend(self.index.queues.fair().path(queue), self.asks.now);
        }
    }

    /// One that was stopped goes on.
    pub(crate) fn go_on(&mut self, job: &Job) {
        if let Some(queue) = job.queue.filter(|_| self.asks.stake.owner().is_some()) {
            job.has().iter().for_each(|(class, count)| self.shares.to_mut().hold(queue, class, count));
        }
        if let Some(queue) = self.budget_of(job) {
            self.budgets.to_mut().give_back(self.index.queues.fair().path(queue));
        }
    }

    fn lends_back(&self, job: &Job) -> bool {
        let (Some(queue), Some(borrower)) = (self.asks.stake.owner(), job.queue) else { return false };
        let mut classes = self.asks.class.devices.iter();
        job.may_give_back(self.asks.now)
            && classes.any(|(class, _)| {
                let has = job.devices.iter().any(|(other, _)| other == class);
                has && self.shares.takes_from(queue, class, borrower)
            })
    }

    /// Whether the budgets leave room to stop a job.
    fn has_budget(&self, job: &Job) -> bool {
        let path = |queue| self.index.queues.fair().path(queue);
        self.budget_of(job).is_none_or(|queue| self.budgets.allow(path(queue), self.asks.now))
    }

    /// The queue whose budgets a job counts in. A gang that goes on without one of its tasks is not stopped.
    fn budget_of(&self, job: &Job) -> Option<usize> {
        job.queue.filter(|_| !self.budgets.is_empty() && !job.ident.name.is_part())
    }

    /// A job holds nothing any more.
    fn let_go(&mut self, job: &Job) {
        if let Some(queue) = job.queue.filter(|_| self.asks.stake.owner().is_some()) {
            self.release(queue, &job.has());
        }
    }

    fn release(&mut self, queue: usize, devices: &Devices) {
        devices.iter().for_each(|(class, count)| self.shares.to_mut().release(queue, class, count));
    }
}
