//! Everything the planner keeps between two plans, and how it changes when a job or a node does. What it keeps follows from the
//! snapshot alone, but for what it remembers to have tried in vain. It must not know how anything is decided.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_types::{JobName, NodeName, QueueName, Time, Usage};

use crate::board::Board;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::job::{Ident, Job, JobNumber, Priority, State, Stay, Wait};
use crate::lines::{LineKey, Lines};
use crate::log::Moment;
use crate::need::gang_devices;
use crate::nodes::Nodes;
use crate::power::Power;
use crate::queues::Queues;
use crate::reserved::Reserved;
use crate::room::{Seat, empty_rooms};
use crate::snapshot::{JobState, JobView, Schedulable, Snapshot};
use crate::vain::Vain;

/// What the planner keeps.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
    pub(crate) board: Board,
    pub(crate) queues: Queues,
    pub(crate) lines: Lines,
    pub(crate) vain: Vain,
    /// The jobs that places are held for.
    pub(crate) holders: BTreeSet<JobNumber>,
    jobs: Vec<Option<Job>>,
    spare: Vec<JobNumber>,
    pub(crate) numbers: BTreeMap<JobName, JobNumber>,
    /// The jobs on each node.
    on: Vec<Vec<JobNumber>>,
    priorities: BTreeMap<Priority, usize>,
    /// What runs, and what of it may be stopped: accelerators, and one for a job without.
    running: u64,
    stoppable: u64,
    /// When a job that waits stands otherwise, and when one that runs may be stopped for a higher priority, or for more of its own.
    stands: BTreeSet<(Time, JobNumber)>,
    yields: BTreeSet<(Time, JobNumber)>,
    ripens: BTreeSet<(Time, JobNumber)>,
    /// When a job that waits may use other nodes, for a reservation begins or ends.
    shifts: BTreeSet<(Time, JobNumber)>,
    /// The same by job; most are of one class for good.
    class_until: BTreeMap<JobNumber, Time>,
    /// How far time has passed.
    now: Time,
}

impl Index {
    /// What follows from a snapshot.
    pub(crate) fn new(snapshot: &Snapshot, config: Config, now: Time) -> Self {
        let nodes = Nodes::new(&snapshot.nodes);
        let reserved = Reserved::new(&snapshot.reservations, &nodes);
        let closed = nodes.iter().map(|node| !node.is_open()).collect();
        let mut index = Self {
            config,
            now,
            board: Board::new(empty_rooms(&nodes), closed).with(Power::new(&reserved, nodes.len())),
            on: vec![Vec::new(); nodes.len()],
            queues: Queues::new(&snapshot.queues, nodes.amounts()),
            catalog: Catalog::new(nodes, reserved),
            jobs: Vec::with_capacity(snapshot.jobs.len()),
            ..Self::default()
        };
        for job in &snapshot.jobs {
            index.set_job(job);
        }
        index
    }

    /// The job of a number.
    pub(crate) fn job(&self, number: JobNumber) -> Option<&Job> {
        self.jobs.get(number)?.as_ref()
    }

    /// The number of a name.
    pub(crate) fn find(&self, name: &JobName) -> Option<JobNumber> {
        self.numbers.get(name).copied()
    }

    /// Every job.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = (JobNumber, &Job)> {
        self.jobs.iter().enumerate().filter_map(|(number, job)| Some((number, job.as_ref()?)))
    }

    /// The jobs on a node.
    pub(crate) fn on(&self, node: usize) -> &[JobNumber] {
        self.on.get(node).map_or(&[], Vec::as_slice)
    }

    /// Whether time serves those that wait, for most of what runs may be stopped for them.
    pub(crate) fn shares_time(&self) -> bool {
        2 * self.stoppable > self.running
    }

    /// Since when nobody could be stopped for a job. Those without places held for them differ in nothing from the rest of their line.
    pub(crate) fn hopeless(&self, key: &LineKey, number: JobNumber) -> Option<Moment> {
        match self.job(number).and_then(Job::wait) {
            Some(wait) if !wait.held.is_empty() => wait.hopeless,
            _ => self.lines.get(key).and_then(|line| line.hopeless),
        }
    }

    /// Nobody can be stopped for a job now.
    pub(crate) fn despair(&mut self, key: &LineKey, number: JobNumber) {
        let now = self.board.log().now();
        match self.jobs.get_mut(number).and_then(Option::as_mut).and_then(Job::wait_mut) {
            Some(wait) if !wait.held.is_empty() => wait.hopeless = Some(now),
            _ => self.lines.despair(key, now),
        }
    }

    /// A job that places are held for finds no room elsewhere.
    pub(crate) fn tried(&mut self, number: JobNumber, since: Moment) {
        if let Some(wait) = self.jobs.get_mut(number).and_then(Option::as_mut).and_then(Job::wait_mut) {
            wait.tried = Some(since);
        }
    }

    /// How far time has passed.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// A node takes work from now on, or none. `false` where it is not known.
    pub(crate) fn set_node(&mut self, name: &NodeName, schedulable: Schedulable) -> bool {
        let Some(node) = self.catalog.nodes().find(name) else { return false };
        if self.catalog.set(node, schedulable) {
            self.renew();
        }
        self.board.set_closed(node, schedulable != Schedulable::Yes);
        self.vain.room_came();
        true
    }

    /// What the jobs of a queue held by what is recorded. `false` where the queue is not known.
    pub(crate) fn set_usage(&mut self, name: &QueueName, usage: Usage) -> bool {
        let queue = self.queues.find(name);
        queue.is_some_and(|queue| self.queues.set_usage(queue, usage))
    }

    /// When jobs of a queue were stopped for others by what is recorded. `false` where the queue is not known.
    pub(crate) fn set_disrupted(&mut self, name: &QueueName, stops: &[Time]) -> bool {
        let queue = self.queues.find(name);
        queue.is_some_and(|queue| {
            self.queues.budgets_mut().set(queue, stops);
            true
        })
    }

    /// A job is as it is seen here.
    pub(crate) fn set_job(&mut self, view: &JobView) {
        if view.array.as_ref().is_some_and(|array| array.left() == 0) {
            return self.remove_job(&view.name);
        }
        let number = match self.numbers.entry(view.name.clone()) {
            Entry::Vacant(entry) => *entry.insert(self.spare.pop().unwrap_or(self.jobs.len())),
            Entry::Occupied(entry) => {
                let number = *entry.get();
                self.forget(number);
                number
            }
        };
        let queue = self.queues.find(&view.queue);
        let first = queue.map_or(i32::MIN, |queue| self.queues.priority(queue));
        let job = Job {
            ident: Arc::new(Ident { name: view.name.clone(), uid: view.uid.clone() }),
            spec: Arc::clone(&view.spec),
            queue,
            priority: (Reverse(first), Reverse(view.spec.priority)),
            devices: gang_devices(&view.spec, view.state.variant()),
            submitted: view.submitted,
            past: view.past,
            min_run: queue.map_or(self.config.min_run, |queue| self.queues.min_run(queue, &self.config)),
            array: view.array.clone(),
            state: self.state(view, (number, queue)),
        };
        self.put(number, job);
    }

    /// The same, to be changed by whoever takes it from where it is and puts it where it belongs.
    pub(crate) fn job_mut(&mut self, number: JobNumber) -> Option<&mut Job> {
        self.jobs.get_mut(number)?.as_mut()
    }

    /// One job more.
    pub(crate) fn add(&mut self, job: Job) {
        let number = self.spare.pop().unwrap_or(self.jobs.len());
        self.numbers.insert(job.ident.name.clone(), number);
        self.put(number, job);
    }

    fn put(&mut self, number: JobNumber, job: Job) {
        *self.priorities.entry(job.priority).or_default() += 1;
        match self.jobs.get_mut(number) {
            Some(slot) => *slot = Some(job),
            None => self.jobs.push(Some(job)),
        }
        self.settle(number);
    }

    /// A job is no more.
    pub(crate) fn remove_job(&mut self, name: &JobName) {
        if let Some(number) = self.numbers.remove(name) {
            self.forget(number);
            self.spare.push(number);
        }
    }

    /// When a job is of another class although nothing happens. It stands in no line.
    pub(crate) fn set_class_until(&mut self, number: JobNumber, until: Option<Time>) {
        match until {
            Some(until) => self.class_until.insert(number, until),
            None => self.class_until.remove(&number),
        };
    }

    /// Nothing of a job counts any more.
    fn forget(&mut self, number: JobNumber) {
        self.unsettle(number);
        self.class_until.remove(&number);
        let Some(job) = self.jobs.get_mut(number).and_then(Option::take) else { return };
        if let Some(wait) = job.wait() {
            self.catalog.leave(wait.class);
        }
        if let Some(count) = self.priorities.get_mut(&job.priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&job.priority);
            }
        }
    }

    /// A job that waited has these places from now on, in one of its variants.
    pub(crate) fn start(&mut self, number: JobNumber, variant: u32, seats: Vec<Seat>, now: Time) {
        self.unsettle(number);
        if let Some(job) = self.jobs.get_mut(number).and_then(Option::as_mut) {
            if let State::Waiting(wait) = &job.state {
                self.catalog.leave(wait.class);
            }
            job.past.waited = job.waited(now);
            if variant > 0 {
                job.devices = gang_devices(&job.spec, variant);
            }
            job.state = State::Placed(Stay { since: now, seats, unsaved: None, stopping: false });
        }
        self.settle(number);
    }

    /// A job that has places is told to stop.
    pub(crate) fn stop(&mut self, number: JobNumber) {
        if let Some(State::Placed(stay)) =
            self.jobs.get_mut(number).and_then(Option::as_mut).map(|job| &mut job.state)
        {
            stay.stopping = true;
        }
    }

    /// A job is about to be stopped for another one.
    pub(crate) fn disrupt(&mut self, number: JobNumber, now: Time) {
        let Some(job) = self.jobs.get(number).and_then(Option::as_ref) else { return };
        // A gang that goes on without one of its tasks is not stopped.
        if let Some(queue) = job.queue.filter(|_| !job.ident.name.is_part()) {
            self.queues.disrupt(queue, now);
        }
    }

    /// Places are held for a job that waits in one of its variants, instead of those that were.
    pub(crate) fn hold(&mut self, number: JobNumber, variant: u32, seats: Vec<Seat>, now: Time) {
        let Some(job) = self.jobs.get(number).and_then(Option::as_ref) else { return };
        if let Some(queue) = job.queue {
            self.queues.release(queue, &Seat::amounts_of(job.held()));
            self.queues.hold(queue, &Seat::amounts_of(&seats));
        }
        for seat in job.held() {
            self.board.release(seat);
        }
        for seat in &seats {
            self.board.hold(seat);
        }
        self.vain.room_came();
        if seats.is_empty() {
            self.holders.remove(&number);
        } else {
            self.holders.insert(number);
        }
        if let Some(wait) = self.jobs.get_mut(number).and_then(Option::as_mut).and_then(Job::wait_mut) {
            (wait.held, wait.held_in) = (seats, variant);
            (wait.held_since, wait.hopeless, wait.tried) = (now, None, None);
        }
    }

    /// Time passes, and with it what depends on nothing else.
    pub(crate) fn pass(&mut self, now: Time) {
        self.now = self.now.max(now);
        while let Some((_, number)) = pop_due(&mut self.stands, now) {
            self.leave_line(number);
            // As what it stands now it may stop others than before.
            if let Some(wait) = self.job_mut(number).and_then(Job::wait_mut) {
                wait.hopeless = None;
            }
            self.join_line(number);
        }
        while let Some((_, number)) = pop_due(&mut self.shifts, now) {
            self.leave_line(number);
            self.reclass(number);
            self.join_line(number);
        }
        while let Some((_, number)) = pop_due(&mut self.yields, now) {
            self.ripen(number);
        }
        while let Some((_, number)) = pop_due(&mut self.ripens, now) {
            self.ripen(number);
            self.await_ripeness(number);
        }
        self.refill(now);
        if self.catalog.is_worn() {
            self.renew();
        }
        self.board.tidy();
    }

    /// When it could be decided otherwise although nothing happens.
    pub(crate) fn next(&self) -> Option<Time> {
        let begins = self.catalog.reserved().next_start(self.now);
        let stands = self.stands.first().into_iter().chain(self.shifts.first());
        if self.lines.is_empty() {
            return stands.map(|(time, _)| *time).chain(begins).min();
        }
        let others = self.priorities.len() > 1 || self.queues.shares().is_any();
        let yields = self.yields.first().filter(|_| others);
        let times = stands.chain(yields).chain(self.ripens.first());
        times.map(|(time, _)| *time).chain(begins).chain(self.queues.budgets().next()).min()
    }

    fn state(&mut self, view: &JobView, (number, queue): (JobNumber, Option<usize>)) -> State {
        let seats = |nodes: &Nodes, variant, places| Seat::all(nodes, &view.spec, variant, places);
        match &view.state {
            JobState::Waiting { verdicts, since, not_before, held, held_in, held_since } => {
                let (bounds, until) = self.bounds((queue, &view.spec), view.part_of.as_ref());
                self.set_class_until(number, until);
                State::Waiting(Wait {
                    since: *since,
                    not_before: *not_before,
                    held: seats(self.catalog.nodes(), *held_in, held),
                    held_in: *held_in,
                    held_since: *held_since,
                    class: self.catalog.enter(&view.spec, verdicts, &bounds),
                    standing: None,
                    hopeless: None,
                    tried: None,
                })
            }
            JobState::Placed { variant, assignments, since, unsaved, stopping } => State::Placed(Stay {
                since: *since,
                seats: seats(self.catalog.nodes(), *variant, assignments),
                unsaved: *unsaved,
                stopping: *stopping,
            }),
        }
    }

    /// Puts a job where it belongs.
    pub(crate) fn settle(&mut self, number: JobNumber) {
        let Some(job) = self.jobs.get(number).and_then(Option::as_ref) else { return };
        if let Some(queue) = job.queue.filter(|_| job.takes_any()) {
            self.queues.hold(queue, &job.takes());
        }
        for seat in job.seats() {
            self.board.take(seat);
            if let Some(on) = self.on.get_mut(seat.node).filter(|on| on.last() != Some(&number)) {
                on.push(number);
            }
        }
        for seat in job.held() {
            self.board.hold(seat);
        }
        if !job.held().is_empty() {
            self.holders.insert(number);
        }
        self.running += job.weight();
        if job.stay().is_some() && job.is_preemptible() {
            self.stoppable += job.weight();
            self.yields.extend(job.yields_at().map(|time| (time, number)));
            self.await_ripeness(number);
        }
        self.join_line(number);
    }

    /// Takes a job from where it is.
    pub(crate) fn unsettle(&mut self, number: JobNumber) {
        self.leave_line(number);
        let Some(job) = self.jobs.get(number).and_then(Option::as_ref) else { return };
        if let Some(queue) = job.queue.filter(|_| job.takes_any()) {
            self.queues.release(queue, &job.takes());
        }
        for seat in job.seats() {
            self.board.give_back(seat);
            if let Some(on) = self.on.get_mut(seat.node) {
                on.retain(|other| *other != number);
            }
        }
        for seat in job.held() {
            self.board.release(seat);
        }
        if self.holders.remove(&number) {
            self.vain.room_came();
        }
        self.running = self.running.saturating_sub(job.weight());
        if job.is_preemptible() {
            self.stoppable = self.stoppable.saturating_sub(job.weight());
        }
        if let Some(time) = job.yields_at() {
            self.yields.remove(&(time, number));
        }
        if let Some(time) = job.ripens_at(&self.config, self.now) {
            self.ripens.remove(&(time, number));
        }
    }

    pub(crate) fn join_line(&mut self, number: JobNumber) {
        let Some(job) = self.jobs.get_mut(number).and_then(Option::as_mut) else { return };
        let (standing, until) =
            (job.standing(&self.config, self.now), job.stands_until(&self.config, self.now));
        let (submitted, ident, queue) = (job.submitted, Arc::clone(&job.ident), job.queue);
        if job.array.as_ref().is_some_and(|array| array.left() == 0) {
            return;
        }
        let Some(wait) = job.wait_mut() else { return };
        self.stands.extend(until.map(|time| (time, number)));
        self.shifts.extend(self.class_until.get(&number).map(|time| (*time, number)));
        let is_early = wait.not_before.is_some_and(|time| time > self.now);
        if let Some(queue) = queue.filter(|_| !is_early) {
            wait.standing = Some(standing);
            self.lines.join(LineKey { standing, queue, class: wait.class }, (submitted, ident, number));
        }
    }

    pub(crate) fn leave_line(&mut self, number: JobNumber) {
        let Some(job) = self.jobs.get_mut(number).and_then(Option::as_mut) else { return };
        let until = job.stands_until(&self.config, self.now);
        let (submitted, ident, queue) = (job.submitted, Arc::clone(&job.ident), job.queue);
        let Some(wait) = job.wait_mut() else { return };
        if let Some(time) = until {
            self.stands.remove(&(time, number));
        }
        if let Some(time) = self.class_until.get(&number) {
            self.shifts.remove(&(*time, number));
        }
        if let (Some(standing), Some(queue)) = (wait.standing.take(), queue) {
            self.lines.leave(LineKey { standing, queue, class: wait.class }, &(submitted, ident, number));
        }
    }

    fn ripen(&mut self, number: JobNumber) {
        let Some(job) = self.jobs.get(number).and_then(Option::as_ref) else { return };
        for seat in job.seats() {
            self.board.ripen(seat.node);
        }
    }

    /// Of queues whose budgets have more left again, jobs may be stopped that might not be.
    fn refill(&mut self, now: Time) {
        let refilled = self.queues.budgets_mut().pass(now);
        if refilled.is_empty() {
            return;
        }
        let is_below = |queue| self.queues.fair().path(queue).any(|up| refilled.contains(&up));
        let jobs = self.jobs().filter(|(_, job)| job.stay().is_some() && job.queue.is_some_and(is_below));
        for number in jobs.map(|(number, _)| number).collect::<Vec<_>>() {
            self.ripen(number);
        }
    }

    fn await_ripeness(&mut self, number: JobNumber) {
        let time = self.job(number).and_then(|job| job.ripens_at(&self.config, self.now));
        self.ripens.extend(time.map(|time| (time, number)));
    }

    /// Begins the catalog anew with those who wait.
    fn renew(&mut self) {
        let waiting: Vec<JobNumber> =
            self.jobs().filter(|(_, job)| job.wait().is_some()).map(|(number, _)| number).collect();
        for number in &waiting {
            self.leave_line(*number);
        }
        let old = self.catalog.renewed();
        self.board.forget();
        self.vain = Vain::default();
        for number in &waiting {
            let Some(job) = self.jobs.get_mut(*number).and_then(Option::as_mut) else { continue };
            let spec = Arc::clone(&job.spec);
            let Some(wait) = job.wait_mut() else { continue };
            if let Some(class) = old.class(wait.class) {
                wait.class = self.catalog.enter(&spec, &class.verdicts, &class.bounds);
            }
            self.join_line(*number);
        }
    }
}

/// The first of those whose time has come.
fn pop_due(times: &mut BTreeSet<(Time, JobNumber)>, now: Time) -> Option<(Time, JobNumber)> {
    let first = times.first().copied().filter(|(time, _)| *time <= now)?;
    times.remove(&first);
    Some(first)
}
