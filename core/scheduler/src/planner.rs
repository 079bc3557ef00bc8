//! Decides job after job: those that waited too long, then by priority of queue and job, by what their queues have had, by what they have
//! had, by age, by name. A job that finds no room does not stop those below it. Others are stopped for it where they have had more, and
//! once it has waited long enough the places are held for it that are free for it first. It must not know how a job becomes a sentence,
//! nor how a node is found.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_types::{Span, Time};

use crate::elements::{split, wait_anew};
use crate::guests::{in_the_way, too_much};
use crate::holds::{foresee, in_turn, is_due, is_free, is_old, is_served, is_sound, may_start, revocable};
use crate::index::Index;
use crate::job::{Ident, Job, JobNumber};
use crate::lines::{InLine, LineKey};
use crate::log::Change;
use crate::plan::{Cause, GangPlacement, Plan, Preemption};
use crate::queues::{QueueRefusal, Stake};
use crate::room::Seat;
use crate::terms::Asks;
use crate::together::exchange_for;
use crate::turns::{Head, Turns};
use crate::victims::could_fit;

/// Decides what happens now, and takes it for done.
pub(crate) fn decide(index: &mut Index, base_revision: u64, now: Time) -> Plan {
    index.pass(now);
    let patience = if index.shares_time() { index.config.overdue_after } else { index.config.reserve_after };
    let mut round = Round {
        index,
        now,
        patience,
        preempts: Vec::new(),
        gangs: Vec::new(),
        held: BTreeSet::new(),
        split: BTreeSet::new(),
        turns: Turns::default(),
        has_released: false,
    };
    round.make_way();
    round.fulfil();
    round.line_up();
    while !round.is_full()
        && let Some((turn, key, number)) = round.next()
    {
        let begun = round.gangs.len();
        if round.decide(key, number) {
            if round.gangs.len() > begun && round.has_more(number) {
                round.turns.push((turn, key, number), round.index.queues.fair());
            } else {
                let (_, submitted, ident) = turn;
                round.call_next(key, Some(&(submitted, ident, number)));
            }
        }
        if std::mem::take(&mut round.has_released) {
            round.line_up();
        }
    }
    round.finish(base_revision)
}

struct Round<'a> {
    index: &'a mut Index,
    now: Time,
    /// How long a job waits in all until places are held for it.
    patience: Span,
    preempts: Vec<Preemption>,
    gangs: Vec<GangPlacement>,
    /// The jobs whose held places changed.
    held: BTreeSet<JobNumber>,
    /// The arrays of which elements were started.
    split: BTreeSet<JobNumber>,
    /// The first of each line of which anything can come.
    turns: Turns,
    /// Places that were held are free, so that others may find room that found none before.
    has_released: bool,
}

impl Round<'_> {
    /// Starts those whose places are free by now, and lets go of places that will never be.
    fn fulfil(&mut self) {
        for (_, number) in in_turn(self.index) {
            let job = self.index.job(number);
            let is_sound = job.is_some_and(|job| is_sound(self.index, job));
            let free = job.filter(|job| is_free(self.index, job, self.now)).map(|job| job.held().to_vec());
            let variant = job.map_or(0, Job::held_in);
            let is_old = job.is_some_and(|job| is_old(self.index, job, self.now));
            if !is_sound {
                self.index.hold(number, 0, Vec::new(), self.now);
                self.held.insert(number);
            } else if self.is_full() {
                continue;
            } else if let Some(seats) = free.or_else(|| self.elsewhere(number)) {
                self.start(number, variant, seats);
            } else if is_old {
                self.index.hold(number, 0, Vec::new(), self.now);
                self.held.insert(number);
                self.hold(number);
            }
        }
    }

    /// Where a job finds room with some of the places that are held for it, or with none.
    fn elsewhere(&mut self, number: JobNumber) -> Option<Vec<Seat>> {
        let now = self.index.board.log().now();
        let job = self.index.job(number)?;
        let wait = job.wait().filter(|wait| may_start(self.index, job, wait, self.now))?;
        let class = self.index.catalog.class(wait.class);
        let is_tight =
            class.is_some_and(|class| self.index.board.power().is_tight(&class.bounds, class.watts));
        let news = wait.tried.and_then(|tried| self.index.board.log().since(tried));
        if !is_tight && news.is_some_and(|news| news.iter().all(|(_, change)| *change != Change::More)) {
            return None;
        }
        let (mut classes, held) = (self.index.catalog.variants(wait.class).zip(0..), wait.held.clone());
        let (class, _) = classes.find(|(_, variant)| *variant == wait.held_in)?;
        let Index { catalog, board, .. } = &mut *self.index;
        let seats = catalog.class(class).and_then(|class| board.would_place(catalog, class, &held));
        self.index.tried(number, now);
        seats
    }

    fn line_up(&mut self) {
        self.turns.clear();
        self.index.queues.fair_mut().pass(self.now);
        let keys: Vec<LineKey> = self.index.lines.iter().map(|(key, _)| *key).collect();
        let mut classes = BTreeSet::new();
        for key in keys {
            let mut is_open = false;
            for class in self.index.catalog.variants(key.class) {
                if classes.insert(class) {
                    self.look_again(class);
                }
                is_open |= self.index.vain.parked(class).is_none();
            }
            if is_open || self.is_hopeful(key) {
                self.call_next(key, None);
            }
        }
    }

    /// Whether a class that found no room may find some by now.
    fn look_again(&mut self, number: usize) {
        let Some(since) = self.index.vain.parked(number) else { return };
        let Some(class) = self.index.catalog.class(number) else { return };
        let board = &self.index.board;
        let news = board.log().since(since);
        let news = news.filter(|_| !self.index.board.power().is_tight(&class.bounds, class.watts));
        let woke = news.is_none_or(|news| {
            let mut more = news.iter().filter(|(_, change)| *change == Change::More);
            more.any(|(node, _)| board.has_room(&self.index.catalog, class, *node))
        });
        let now = board.log().now();
        self.index.vain.park(number, (!woke).then_some(now));
    }

    /// Whether something can be done for a line that finds no room.
    fn is_hopeful(&mut self, key: LineKey) -> bool {
        let Some(head) = self.index.lines.get(&key).and_then(|line| line.next(None)) else { return false };
        let number = head.2;
        let Some(job) = self.index.job(number) else { return false };
        job.waited(self.now) > self.patience
            || !revocable(self.index, &key.standing).is_empty()
            || self.may_stop_others(key, number)
    }

    /// Whether others may be found by now that can be stopped for a job.
    fn may_stop_others(&mut self, key: LineKey, number: JobNumber) -> bool {
        // Nobody stops for what it wants less.
        if self.index.job(number).is_some_and(|job| job.held_in() > 0) {
            return false;
        }
        // Who borrows by now is not written on nodes.
        let stake = self.stake(key, number);
        if stake.owner().is_some() {
            return true;
        }
        let Some(since) = self.index.hopeless(&key, number) else { return true };
        let Some(class) = self.index.catalog.class(key.class) else { return false };
        let held = self.index.job(number).map_or(&[][..], Job::held);
        let asks = Asks { class, standing: key.standing, held, stake, now: self.now };
        let news = self.index.board.log().since(since);
        let news = news.filter(|_| !self.index.board.power().is_tight(&class.bounds, class.watts));
        let woke = news.is_none_or(|news| {
            let mut more = news.iter().filter(|(_, change)| *change != Change::Less);
            more.any(|(node, _)| could_fit(self.index, asks, *node))
        });
        if !woke {
            self.index.despair(&key, number);
        }
        woke
    }

    fn stake(&self, key: LineKey, number: JobNumber) -> Stake {
        let stake = |job: &Job| self.index.queues.stake(key.queue, &job.devices, !job.held().is_empty());
        self.index.job(number).map_or(Stake::None, stake)
    }

    /// The next of a line takes part.
    fn call_next(&mut self, key: LineKey, after: Option<&InLine>) {
        let next = self.index.lines.get(&key).and_then(|line| line.next(after));
        if let Some((submitted, ident, number)) = next {
            let turn = (key.standing, *submitted, Arc::clone(ident));
            self.turns.push((turn, key, *number), self.index.queues.fair());
        }
    }

    /// The one whose turn it is.
    fn next(&mut self) -> Option<Head> {
        let touched = self.index.queues.fair_mut().take_touched();
        self.turns.changed(&touched, self.index.queues.fair());
        self.turns.pop(self.index.queues.fair())
    }

    fn is_full(&self) -> bool {
        u32::try_from(self.gangs.len()).unwrap_or(u32::MAX) >= self.index.config.max_gangs_per_plan
    }

    /// Does for a job what can be done; others stop, and places are held, for what it wants most. `false` where nothing can be for the
    /// others of its line.
    fn decide(&mut self, key: LineKey, number: JobNumber) -> bool {
        let Some(job) = self.index.job(number) else { return true };
        // Somebody is stopping for it, or the places held for it will be free some time.
        let (is_served, holds, wants) = (is_served(self.index, job), !job.held().is_empty(), job.devices);
        if self.place_in_some(key, number) {
            return true;
        }
        match self.index.queues.check(key.queue, &wants) {
            Ok(()) => {
                is_served
                    || self.revoke(key, number)
                    || self.preempt(key, number)
                    || holds
                    || self.hold(number)
            }
            Err(QueueRefusal::Short(_)) => {
                let gets_back = !holds && self.stake(key, number).owner().is_some();
                is_served || (gets_back && self.preempt(key, number)) || self.hold_other(number)
            }
            Err(QueueRefusal::Full { .. }) => self.hold_other(number),
            Err(QueueRefusal::Stopped) => false,
        }
    }

    /// Starts a job in the first of its variants that its queue allows and that finds room.
    fn place_in_some(&mut self, key: LineKey, number: JobNumber) -> bool {
        for (variant, class) in (0..).zip(self.index.catalog.variants(key.class)) {
            let is_let = self.index.vain.parked(class).is_none()
                && self
                    .index
                    .catalog
                    .class(class)
                    .is_some_and(|class| self.index.queues.check(key.queue, &class.devices).is_ok());
            if is_let && self.place(class, number, variant) {
                return true;
            }
        }
        false
    }

    fn place(&mut self, class: usize, number: JobNumber, variant: u32) -> bool {
        let Index { catalog, board, .. } = &mut *self.index;
        let before = board.log().now();
        let seats = catalog.class(class).and_then(|class| board.place(catalog, class));
        let since = self.index.board.log().now();
        let Some(seats) = seats else {
            self.index.vain.park(class, Some(since));
            return false;
        };
        self.index.board.put_all_back(&seats, before);
        self.start(number, variant, seats);
        true
    }

    fn start(&mut self, number: JobNumber, variant: u32, seats: Vec<Seat>) {
        let Some(job) = self.index.job(number) else { return };
        let (is_array, had_held) = (job.array.is_some(), !job.held().is_empty());
        let Some(gang) = job.starts_as().and_then(|ident| self.gang(&ident, variant, &seats)) else { return };
        self.has_released |= had_held;
        self.gangs.push(gang);
        if is_array {
            let is_first = self.split.insert(number);
            split(self.index, number, (variant, seats), (self.now, is_first));
            // They were for the element that has started.
            self.held.extend(had_held.then_some(number));
        } else {
            self.index.start(number, variant, seats, self.now);
            self.held.remove(&number);
        }
    }

    /// Whether an array has more elements that may start.
    fn has_more(&self, number: JobNumber) -> bool {
        let array = self.index.job(number).and_then(|job| job.array.as_ref());
        array.is_some_and(|array| array.left() > 0)
    }

    /// Starts a job on places that are held for jobs of lower priority.
    fn revoke(&mut self, key: LineKey, number: JobNumber) -> bool {
        let holders = revocable(self.index, &key.standing);
        if holders.is_empty() {
            return false;
        }
        let mut held = Vec::new();
        for holder in holders {
            let wait = self.index.job(holder).and_then(Job::wait);
            let Some(wait) = wait else { continue };
            held.push((holder, wait.held_in, wait.held.clone(), wait.held_since));
            self.index.hold(holder, 0, Vec::new(), self.now);
        }
        let is_placed = self.place(key.class, number, 0);
        for (holder, variant, seats, since) in held {
            let rooms = self.index.board.rooms();
            let is_taken = |seat: &Seat| {
                let own = self.index.job(number).map_or(&[][..], Job::seats).iter();
                own.clone().any(|own| {
                    own.node == seat.node && rooms.get(seat.node).is_none_or(|room| !room.has(seat))
                })
            };
            if is_placed && seats.iter().any(is_taken) {
                self.held.insert(holder);
            } else {
                self.index.hold(holder, variant, seats, since);
            }
        }
        self.has_released |= is_placed;
        is_placed
    }

    /// Stops who is on nodes that are kept for others by now, and who draws too much.
    fn make_way(&mut self) {
        for (number, by) in in_the_way(self.index, self.now) {
            self.stop(number, Cause::Reservation(by));
        }
        for (number, by) in too_much(self.index, self.now) {
            self.stop(number, Cause::Reservation(by));
        }
    }

    fn stop(&mut self, number: JobNumber, by: Cause) {
        if let Some(ident) = self.index.job(number).map(|job| Arc::clone(&job.ident)) {
            self.preempts.push(Preemption { job: ident.name.clone(), uid: ident.uid.clone(), by });
        }
        self.index.stop(number);
    }

    /// Stops one for a job, which its queue has a budget for.
    fn stop_for(&mut self, number: JobNumber, by: Cause) {
        self.index.disrupt(number, self.now);
        self.stop(number, by);
    }

    /// Stops others for a job, and holds their places for it.
    fn preempt(&mut self, key: LineKey, number: JobNumber) -> bool {
        if !self.may_stop_others(key, number) {
            return false;
        }
        let Some(class) = self.index.catalog.class(key.class) else { return false };
        let held = self.index.job(number).map_or(&[][..], Job::held);
        let stake = self.stake(key, number);
        let found =
            exchange_for(self.index, Asks { class, standing: key.standing, held, stake, now: self.now });
        let Some(exchange) = found else {
            self.index.despair(&key, number);
            return false;
        };
        let is_let = self.index.job(number).is_some_and(|job| {
            let holds = !job.held().is_empty();
            let queues = &self.index.queues;
            let check = if holds {
                queues.check_holder(key.queue, &job.devices)
            } else {
                queues.check(key.queue, &job.devices)
            };
            check.is_ok()
        });
        if exchange.victims.is_empty() && is_let {
            self.start(number, 0, exchange.seats);
            return true;
        }
        let by = self.index.job(number).map(|job| Cause::Job(job.ident.name.clone()));
        for (victim, by) in exchange.victims.into_iter().zip(std::iter::repeat(by)) {
            if let Some(by) = by {
                self.stop_for(victim, by);
            }
        }
        self.has_released |= self.index.job(number).is_some_and(|job| !job.held().is_empty());
        self.index.hold(number, 0, exchange.seats, self.now);
        self.held.insert(number);
        true
    }

    /// Holds places for a job in a variant that its queue allows, where it does not allow what it wants most.
    fn hold_other(&mut self, number: JobNumber) -> bool {
        let Some(job) = self.index.job(number) else { return false };
        let is_varied = job.spec.variants() > 1;
        is_varied && (!job.held().is_empty() || self.hold(number))
    }

    /// Holds for a job the places that are free for it first.
    fn hold(&mut self, number: JobNumber) -> bool {
        let Some(job) = self.index.job(number) else { return false };
        let is_due = job.wait().is_some_and(|wait| is_due(self.index, job, wait, self.patience));
        let Some((variant, seats)) = is_due.then(|| foresee(self.index, number)).flatten() else {
            return false;
        };
        self.index.hold(number, variant, seats.clone(), self.now);
        // The order in which a gang is placed can miss a way that is there when others have ended, and needs none of their places.
        let is_free = self.index.job(number).is_some_and(|job| is_free(self.index, job, self.now));
        if is_free && !self.is_full() {
            self.start(number, variant, seats);
        } else {
            self.held.insert(number);
        }
        true
    }

    fn gang(&self, ident: &Ident, variant: u32, seats: &[Seat]) -> Option<GangPlacement> {
        let nodes = self.index.catalog.nodes();
        let assignments = seats.iter().map(|seat| seat.assignment(nodes)).collect::<Option<_>>()?;
        Some(GangPlacement { job: ident.name.clone(), uid: ident.uid.clone(), variant, assignments })
    }

    fn finish(self, base_revision: u64) -> Plan {
        let held = self.held.iter().filter_map(|number| {
            let job = self.index.job(*number).filter(|job| job.wait().is_some())?;
            self.gang(&job.ident, job.held_in(), job.held())
        });
        let mut holds: Vec<GangPlacement> = held.collect();
        let is_full = self.is_full();
        for number in self.split {
            wait_anew(self.index, number, self.now);
        }
        holds.sort_by(|one, two| one.job.cmp(&two.job));
        let plan = Plan {
            base_revision,
            now: self.now,
            preempts: self.preempts,
            gangs: self.gangs,
            holds,
            ask_again: self.index.next(),
            is_full,
            hash: String::new(),
        };
        plan.sealed(&self.index.config)
    }
}
