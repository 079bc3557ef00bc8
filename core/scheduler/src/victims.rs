//! Which jobs to stop so that one finds room: whole gangs, those whose stop loses least. Nothing is stopped unless the one that asks
//! then has places for all its tasks. It must not know how they are stopped.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::{MilliDevices, Time};

use crate::board::{Fit, greedy};
use crate::catalog::{Catalog, Ground, Shape};
use crate::index::Index;
use crate::job::{Job, JobNumber};
use crate::power::Power;
use crate::room::{Room, Seat};
use crate::terms::{Asks, Terms};

/// What a stop costs beside the work that is lost, in milliseconds for each accelerator: the last checkpoint and the way back.
const RESTART: u64 = 120_000;
/// For each accelerator of its own a job stops at most so many of others, and as many as the largest node has.
const WORTH: u64 = 4;

/// Thousandths of accelerators times milliseconds that are lost.
pub(crate) type Loss = u128;

/// Who is stopped, and the places that this frees.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) victims: Vec<JobNumber>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) loss: Loss,
}

/// The jobs to stop for a gang wherever it finds room then; `None` where that is not enough or not worth it.
pub(crate) fn exchange(index: &Index, asks: Asks<'_>) -> Option<Exchange> {
    let mut search = Search::new(index, asks);
    search.get_back().then_some(())?;
    search.buy(|| 0..index.catalog.nodes().len())?;
    search.settle()
}

/// Whether one task could fit on a node if all were stopped there that may be, or elsewhere for that.
pub(crate) fn could_fit(index: &Index, asks: Asks<'_>, node: usize) -> bool {
    // Who stops here may leave power to nodes elsewhere.
    if index.board.power().binds(&asks.class.bounds, node) {
        return true;
    }
    let search = Search::new(index, asks);
    asks.class.members.iter().any(|member| {
        let shape = index.catalog.shape(member.shape);
        shape.is_some_and(|(shape, ground)| search.offer(node, shape, ground).is_some())
    })
}

/// What a node asks for a place for one task: what is lost, then how well it fits.
type Price = (Loss, Fit);

/// The price of each node.
#[derive(Debug, Default)]
struct Offers {
    by_node: BTreeMap<usize, Price>,
    by_price: BTreeSet<(Price, usize)>,
}

impl Offers {
    fn set(&mut self, node: usize, offer: Option<(Price, Vec<JobNumber>)>) {
        if let Some(old) = self.by_node.remove(&node) {
            self.by_price.remove(&(old, node));
        }
        if let Some((price, _)) = offer {
            self.by_node.insert(node, price);
            self.by_price.insert((price, node));
        }
    }

    fn best(&self) -> Option<usize> {
        self.by_price.first().map(|(_, node)| *node)
    }
}

/// Who is stopped so far.
#[derive(Debug, Clone)]
pub(crate) struct Search<'a> {
    index: &'a Index,
    asks: Asks<'a>,
    /// The nodes that differ from the board.
    rooms: BTreeMap<usize, Room>,
    /// What is drawn.
    power: Power,
    stopped: BTreeSet<JobNumber>,
    seats: Vec<Seat>,
    /// Who else may be then.
    terms: Terms<'a>,
}

impl<'a> Search<'a> {
    /// Nobody yet.
    pub(crate) fn new(index: &'a Index, asks: Asks<'a>) -> Self {
        let mut search = Self {
            index,
            asks,
            rooms: BTreeMap::new(),
            power: index.board.power().clone(),
            stopped: BTreeSet::new(),
            seats: Vec::new(),
            terms: Terms::new(index, asks),
        };
        for seat in asks.held {
            let mut room = search.room(seat.node);
            room.release(seat);
            search.rooms.insert(seat.node, room);
        }
        search
    }

    /// Takes for every task the place at the best price among some nodes. `None` where they have not as many.
    pub(crate) fn buy<N: IntoIterator<Item = usize>>(&mut self, nodes: impl Fn() -> N) -> Option<()> {
        let index = self.index;
        for member in greedy(&index.catalog, self.asks.class) {
            let (shape, ground) = index.catalog.shape(member.shape)?;
            let mut offers = Offers::default();
            for node in nodes() {
                offers.set(node, self.offer(node, shape, ground));
            }
            for rank in member.first_rank..member.first_rank.saturating_add(member.count) {
                let node = offers.best()?;
                for changed in self.take(node, rank, shape, ground)? {
                    offers.set(changed, self.offer(changed, shape, ground));
                }
            }
        }
        Some(())
    }

    /// Stops everybody on some nodes who may be, those first that lose least: once a queue has given enough back, who is left of it may
    /// not be.
    pub(crate) fn stop_all(&mut self, nodes: &[usize]) {
        for node in nodes {
            while let Some((number, job)) =
                self.stoppable(*node).into_iter().min_by_key(|(_, job)| (self.loss(job), &job.ident))
            {
                self.stop(number, job);
            }
        }
    }

    /// What is free on a node once all have stopped, without the places taken so far.
    pub(crate) fn emptied(&self, node: usize) -> Room {
        let mut room = self.room(node);
        self.seats.iter().filter(|seat| seat.node == node).for_each(|seat| room.give_back(seat));
        room
    }

    /// What is drawn then.
    pub(crate) fn power_emptied(&self) -> Power {
        let mut power = self.power.clone();
        self.seats.iter().for_each(|seat| power.rest(seat));
        power
    }

    /// Takes other places instead of those taken so far.
    pub(crate) fn sit(&mut self, seats: Vec<Seat>) {
        for seat in std::mem::take(&mut self.seats) {
            let mut room = self.room(seat.node);
            room.give_back(&seat);
            self.power.rest(&seat);
            self.rooms.insert(seat.node, room);
        }
        for seat in &seats {
            let mut room = self.room(seat.node);
            room.take(seat);
            self.power.draw(seat);
            self.rooms.insert(seat.node, room);
        }
        self.seats = seats;
    }

    /// What is lost.
    pub(crate) fn price(&self) -> Loss {
        self.stopped.iter().filter_map(|job| self.index.job(*job)).map(|job| self.loss(job)).sum()
    }

    /// Who has to stop after all; `None` where it is not worth it.
    pub(crate) fn settle(mut self) -> Option<Exchange> {
        self.spare();
        let index = self.index;
        let stopped = self.stopped.iter().filter_map(|job| index.job(*job));
        let freed: u64 = stopped.map(|job| job.devices.total().0).sum();
        let needs = self.asks.class.devices.total().0;
        let node = if needs > 0 { MilliDevices::whole(index.catalog.nodes().most_devices()).0 } else { 0 };
        if freed > needs.saturating_mul(WORTH).saturating_add(node) {
            return None;
        }
        let loss = self.price();
        self.seats.sort_unstable_by_key(|seat| seat.rank);
        let mut victims: Vec<JobNumber> = self.stopped.into_iter().collect();
        victims.sort_by_key(|job| index.job(*job).map(|job| &job.ident));
        Some(Exchange { victims, seats: self.seats, loss })
    }

    fn catalog(&self) -> &Catalog {
        &self.index.catalog
    }

    fn room(&self, node: usize) -> Room {
        let room = self.rooms.get(&node).or_else(|| self.index.board.room(node));
        room.cloned().unwrap_or_else(Room::none)
    }

    /// What a node asks for a place, and whom that stops: the job that loses least of those that free enough by themselves, or those
    /// that free most until it is enough.
    fn offer(&self, node: usize, shape: &Shape, ground: &Ground) -> Option<(Price, Vec<JobNumber>)> {
        if !ground.allows(node) || self.index.board.is_closed(node) {
            return None;
        }
        let state = (self.room(node), self.power.clone());
        let watts = self.catalog().nodes().watts(node, &shape.need);
        let fit = |(room, power): &(Room, Power)| {
            let is_powered = power.too_low(&ground.bounds, node, watts).is_none();
            Fit::of(self.catalog(), shape, room, node).filter(|_| is_powered)
        };
        if let Some(fit) = fit(&state) {
            return Some(((0, fit), Vec::new()));
        }
        let mut stoppable = self.stoppable(node);
        stoppable.sort_unstable_by_key(|(number, job)| (self.loss(job), &job.ident, *number));
        let without = |(room, power): &(Room, Power), job: &Job| {
            let (mut room, mut power) = (room.clone(), power.clone());
            job.seats().iter().filter(|seat| seat.node == node).for_each(|seat| room.give_back(seat));
            job.seats().iter().for_each(|seat| power.rest(seat));
            (room, power)
        };
        let alone = stoppable
            .iter()
            .find_map(|(number, job)| Some((*number, self.loss(job), fit(&without(&state, job))?)));
        if let Some((number, loss, fit)) = alone {
            return Some(((loss, fit), vec![number]));
        }
        stoppable.sort_by_key(|(_, job)| std::cmp::Reverse(freed(job, node)));
        let (mut state, mut loss, mut stopped) = (state, 0, Vec::new());
        let mut terms = self.terms.clone();
        for (number, job) in stoppable {
            if !terms.may_stop(job) {
                continue;
            }
            terms.stop(job);
            state = without(&state, job);
            loss += self.loss(job);
            stopped.push(number);
            if let Some(fit) = fit(&state) {
                return Some(((loss, fit), stopped));
            }
        }
        None
    }

    fn stoppable(&self, node: usize) -> Vec<(JobNumber, &'a Job)> {
        let index = self.index;
        let on = index.on(node).iter().filter(|number| !self.stopped.contains(number));
        let jobs = on.filter_map(|number| Some((*number, index.job(*number)?)));
        jobs.filter(|(_, job)| self.terms.may_stop(job)).collect()
    }

    /// Stops of those who have what others borrow the ones that lose least, until the queues let this one start. `false` where they
    /// do not even then.
    pub(crate) fn get_back(&mut self) -> bool {
        if self.terms.is_let() {
            return true;
        }
        let mut borrowers: Vec<(JobNumber, &Job)> =
            self.index.jobs().filter(|(_, job)| self.terms.gives_back(job)).collect();
        borrowers.sort_unstable_by_key(|(_, job)| (self.loss(job), &job.ident));
        for (number, job) in borrowers {
            if self.terms.gives_back(job) {
                self.stop(number, job);
            }
            if self.terms.is_let() {
                return true;
            }
        }
        false
    }

    fn stop(&mut self, number: JobNumber, job: &Job) {
        for seat in job.seats() {
            let mut room = self.room(seat.node);
            room.give_back(seat);
            self.power.rest(seat);
            self.rooms.insert(seat.node, room);
        }
        self.terms.stop(job);
        self.stopped.insert(number);
    }

    fn loss(&self, job: &Job) -> Loss {
        loss(job, self.asks.now)
    }

    /// Takes a place at the price of its node, and names the nodes that this changes.
    fn take(&mut self, node: usize, rank: u32, shape: &Shape, ground: &Ground) -> Option<BTreeSet<usize>> {
        let (_, stopped) = self.offer(node, shape, ground)?;
        let mut changed = BTreeSet::from([node]);
        for number in stopped {
            let Some(job) = self.index.job(number) else { continue };
            changed.extend(job.seats().iter().map(|seat| seat.node));
            self.stop(number, job);
        }
        let mut room = self.room(node);
        let serving = shape.serving(self.catalog().nodes().get(node)?.layout);
        let (need, devices) = (shape.need, room.choose(&shape.need, serving));
        let seat = Seat { rank, node, need, devices, watts: self.catalog().nodes().watts(node, &need) };
        room.take(&seat);
        self.power.draw(&seat);
        self.rooms.insert(node, room);
        self.seats.push(seat);
        Some(changed)
    }

    /// Lets those go on that are not in the way after all, the most expensive first.
    fn spare(&mut self) {
        let job = |number: &JobNumber| Some((*number, self.index.job(*number)?));
        let mut stopped: Vec<(JobNumber, &Job)> = self.stopped.iter().filter_map(job).collect();
        stopped.sort_by_key(|(_, job)| (std::cmp::Reverse(self.loss(job)), &job.ident));
        for (number, job) in stopped {
            let mut rooms = BTreeMap::new();
            let goes_on = job.seats().iter().all(|seat| {
                let room = rooms.entry(seat.node).or_insert_with(|| self.room(seat.node));
                let has = room.has(seat);
                room.take(seat);
                has
            });
            let mut power = self.power.clone();
            job.seats().iter().for_each(|seat| power.draw(seat));
            let goes_on = goes_on && power.holds(&self.asks.class.bounds);
            let mut terms = self.terms.clone();
            terms.go_on(job);
            if goes_on && terms.is_let() {
                self.rooms.extend(rooms);
                (self.terms, self.power) = (terms, power);
                self.stopped.remove(&number);
            }
        }
    }
}

/// What is lost where a job is stopped.
pub(crate) fn loss(job: &Job, now: Time) -> Loss {
    let unsaved = job.stay().and_then(|stay| stay.unsaved).map_or(0, |since| now.since(since).0);
    // One without accelerators loses work too.
    let all = job.devices.total().0;
    Loss::from(if all == 0 { MilliDevices::whole(1).0 } else { all })
        * Loss::from(unsaved.saturating_add(RESTART))
}

/// How many thousandths of the accelerators of a node a job has.
fn freed(job: &Job, node: usize) -> u64 {
    job.seats().iter().filter(|seat| seat.node == node).map(|seat| seat.thousandths().0).sum()
}
