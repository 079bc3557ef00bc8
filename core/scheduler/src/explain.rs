//! Turns what the nodes said into one sentence with numbers. It must not know how jobs are ordered or placed.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::{JobName, MilliDevices, Time};

use crate::board::Board;
use crate::catalog::Class;
use crate::explanation::Explanation;
use crate::holds::in_turn;
use crate::index::Index;
use crate::job::{Job, JobNumber, Turn};
use crate::lack::{amount, count};
use crate::near::Nearness;
use crate::queues::QueueRefusal;
use crate::room::{Room, empty_rooms};
use crate::sentence::Subject;
use crate::shares::Short;
use crate::survey::{Site, Survey};

/// Why a job was not placed, before anybody looks at nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// No queue of that name.
    NoQueue,
    /// Its queue starts nothing, or not as much.
    Queue(usize),
    /// It waits out a delay.
    NotBefore(Time),
    /// The plan is full.
    PlanFull,
    /// Places are held for it.
    Held(JobNumber),
    /// The nodes have no room for the whole gang.
    NoRoom,
}

/// What two jobs have in common that have one explanation: their class, why, how many jobs that places are held for go before, and their
/// queue where it says something of each of their variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Same(usize, Cause, usize, Option<usize>);

/// Explains what waits against the room that is left when a plan was made.
#[derive(Debug)]
pub(crate) struct Explainer<'a> {
    index: &'a Index,
    is_full: bool,
    /// The jobs that places are held for, those that go first first.
    holders: Vec<(Turn, JobNumber)>,
    /// What is free on every node where places are held for none of them, for the first, for the first two and so on; and what would
    /// be if nothing ran.
    rooms: Vec<[Vec<Room>; 2]>,
    /// Every node open with nothing on it.
    empty: Board,
    never: BTreeMap<usize, bool>,
}

impl<'a> Explainer<'a> {
    /// After a plan, which was full or not.
    pub(crate) fn new(index: &'a Index, is_full: bool) -> Self {
        let holders = in_turn(index);
        let mut unheld = index.board.rooms().to_vec();
        for (_, number) in &holders {
            for seat in index.job(*number).map_or(&[][..], Job::held) {
                if let Some(room) = unheld.get_mut(seat.node) {
                    room.release(seat);
                }
            }
        }
        let nodes = index.catalog.nodes();
        let empty = Board::new(empty_rooms(nodes), vec![false; nodes.len()]);
        let rooms = vec![[unheld, empty_rooms(nodes)]];
        Self { index, is_full, holders, rooms, empty, never: BTreeMap::new() }
    }

    /// What a job that waits has in common with all of one explanation; `None` for one that does not wait.
    pub(crate) fn same(&self, number: JobNumber) -> Option<Same> {
        let job = self.index.job(number)?;
        let class = job.wait()?.class;
        let turn = job.turn(&self.index.config, self.index.now());
        // Nobody takes the places that are held for one of the same priority, however it stands otherwise.
        let rank = |turn: &Turn| (turn.0.is_timely, turn.0.priority);
        let before = self.holders.partition_point(|(holder, _)| rank(holder) <= rank(&turn));
        let is_varied = self.index.catalog.variants(class).nth(1).is_some();
        Some(Same(class, self.cause(number, job), before, job.queue.filter(|_| is_varied)))
    }

    /// Why such jobs were not placed.
    pub(crate) fn explain(&mut self, Same(number, cause, before, queue): Same) -> Explanation {
        self.prepare(before);
        let (index, holders) = (self.index, self.holders_by_node(before));
        let [rooms, idle] =
            self.rooms.get(before).map_or([&[][..]; 2], |both| both.each_ref().map(Vec::as_slice));
        let (nodes, reserved) = (index.catalog.nodes(), index.catalog.reserved());
        let power = index.board.power();
        let site = Site { nodes, rooms, idle, reserved, power, holders: &holders };
        let told =
            index.catalog.class(number).and_then(|class| Some((class, short_group(index, site, class)?)));
        let Some((class, (group, survey))) = told else {
            return Explanation { summary: String::from("it has no tasks"), ..Explanation::default() };
        };
        let summary = match cause {
            Cause::NoQueue => String::from("its queue does not exist"),
            Cause::Queue(queue) => queue_sentence(index, queue, class),
            Cause::NotBefore(time) => format!("it may not start before {time}"),
            Cause::PlanFull => format!(
                "one plan starts at most {}, and this one is full: the next one looks at it again",
                count(index.config.max_gangs_per_plan, "gang")
            ),
            Cause::Held(job) => held_sentence(index, job),
            Cause::NoRoom => group.sentence(&survey),
        };
        let waterfall = survey.waterfall(&class.spec.jurisdictions);
        let per_node = survey.per_node;
        let is_tried = matches!(cause, Cause::Queue(_) | Cause::NoRoom);
        let others = index.catalog.variants(number).skip(1).filter(|_| is_tried);
        let variants = others.filter_map(|other| other_sentence(index, site, other, queue)).collect();
        let mut all = index.catalog.variants(number);
        let never_fits = all.all(|class| self.never_fits(class));
        Explanation { summary, waterfall, per_node, never_fits, variants, ..Explanation::default() }
    }

    fn cause(&self, number: JobNumber, job: &Job) -> Cause {
        let Some(queue) = job.queue else { return Cause::NoQueue };
        if !job.held().is_empty() {
            return Cause::Held(number);
        }
        if self.index.queues.check(queue, &job.devices).is_err() {
            return Cause::Queue(queue);
        }
        let not_before = job.wait().and_then(|wait| wait.not_before);
        if let Some(time) = not_before.filter(|time| *time > self.index.now()) {
            return Cause::NotBefore(time);
        }
        if self.is_full { Cause::PlanFull } else { Cause::NoRoom }
    }

    /// Works out the rooms for so many holders.
    fn prepare(&mut self, before: usize) {
        while self.rooms.len() <= before {
            let mut both = self.rooms.last().cloned().unwrap_or_default();
            let holder =
                self.holders.get(self.rooms.len() - 1).and_then(|(_, number)| self.index.job(*number));
            for seat in holder.map_or(&[][..], Job::held) {
                for room in both.iter_mut().filter_map(|rooms| rooms.get_mut(seat.node)) {
                    room.hold(seat);
                }
            }
            self.rooms.push(both);
        }
    }

    /// The first of so many holders on each node.
    fn holders_by_node(&self, before: usize) -> BTreeMap<usize, &'a JobName> {
        let mut by_node = BTreeMap::new();
        let jobs = self.holders.iter().take(before).filter_map(|(_, number)| self.index.job(*number));
        for job in jobs {
            for seat in job.held() {
                by_node.entry(seat.node).or_insert(&job.ident.name);
            }
        }
        by_node
    }

    fn never_fits(&mut self, number: usize) -> bool {
        if let Some(known) = self.never.get(&number) {
            return *known;
        }
        let Some(class) = self.index.catalog.class(number) else { return true };
        // What is kept for others is not kept for ever.
        if !class.bounds.reservations.is_empty() {
            return false;
        }
        let seats = self.empty.place(&self.index.catalog, class);
        for seat in seats.as_deref().unwrap_or(&[]) {
            self.empty.give_back(seat);
        }
        self.never.insert(number, seats.is_none());
        seats.is_none()
    }
}

/// The first group without room for all its tasks, or the first group.
fn short_group<'a>(index: &'a Index, site: Site<'a>, class: &'a Class) -> Option<(Subject<'a>, Survey<'a>)> {
    let mut first = None;
    for (group, member) in class.spec.groups.iter().zip(&class.members) {
        let (shape, ground) = index.catalog.shape(member.shape)?;
        let survey = Survey::take(site, class, *member, shape);
        let near = Nearness::of(&index.catalog, site.rooms, *member, (shape, ground));
        let short = survey.slots < member.count || near.as_ref().is_some_and(|near| !near.fits);
        let cap = class.bounds.reservations.iter().find(|cap| {
            let needs = survey.watts.saturating_mul(u64::from(member.count));
            site.power.left(**cap).0 < needs && site.reserved.is_cap(**cap)
        });
        let cap = cap.and_then(|cap| site.reserved.name(*cap));
        let told = (Subject { spec: &class.spec, group, near, cap }, survey);
        if short {
            return Some(told);
        }
        first.get_or_insert(told);
    }
    first
}

/// Why a job of a queue did not start in another variant.
fn other_sentence(index: &Index, site: Site<'_>, number: usize, queue: Option<usize>) -> Option<String> {
    let class = index.catalog.class(number)?;
    let refused = queue.filter(|queue| index.queues.check(*queue, &class.devices).is_err());
    if let Some(queue) = refused {
        return Some(queue_sentence(index, queue, class));
    }
    let (group, survey) = short_group(index, site, class)?;
    Some(group.sentence(&survey))
}

fn queue_sentence(index: &Index, queue: usize, class: &Class) -> String {
    let name = index.queues.name(queue).map_or("", |name| name.as_str());
    let needs = class.devices.total();
    match index.queues.check(queue, &class.devices) {
        Ok(()) => format!("queue `{name}` started nothing more"),
        Err(QueueRefusal::Stopped) => format!("queue `{name}` is stopped"),
        Err(QueueRefusal::Full { limit, .. }) if needs > MilliDevices::whole(u64::from(limit)) => {
            format!(
                "it needs {}; queue `{name}` never allows more than {limit}",
                amount(needs, "accelerator")
            )
        }
        Err(QueueRefusal::Full { held, limit }) => format!(
            "it needs {}; queue `{name}` allows {limit}, of which {held} are held",
            amount(needs, "accelerator")
        ),
        Err(QueueRefusal::Short(short)) => short_sentence(index, queue, short),
    }
}

/// Which queue has too little for a job of another, or of its own.
fn short_sentence(index: &Index, queue: usize, short: Short) -> String {
    let Short { class, needs, has, reach, held, .. } = short;
    let name = index.queues.name(short.queue).map_or("", |name| name.as_str());
    let needs = format!("it needs {}; queue `{name}`", amount(needs, &format!("{class} accelerator")));
    if short.is_forever {
        format!("{needs} never has more than {reach}")
    } else if short.queue != queue {
        format!("{needs} lends no more: {held} of {reach} are held")
    } else if reach > has {
        format!(
            "{needs} has {has} of its own and may borrow {}, of which {held} are held",
            MilliDevices(reach.0 - has.0)
        )
    } else {
        format!("{needs} has {has} of its own, of which {held} are held")
    }
}

/// More names would make the sentence a list.
const MAX_NAMED: usize = 3;

/// Where places are held for a job, and who is there yet.
fn held_sentence(index: &Index, number: JobNumber) -> String {
    let Some(job) = index.job(number) else { return String::new() };
    let nodes: BTreeSet<usize> = job.held().iter().map(|seat| seat.node).collect();
    let is_on = |other: &&Job, node: usize| {
        let mut seats = other.seats().iter().filter(|seat| seat.node == node);
        seats.any(|seat| job.held().iter().any(|held| held.node == node && held.devices & seat.devices != 0))
    };
    let mut on: BTreeSet<(bool, &str)> = BTreeSet::new();
    for node in &nodes {
        let jobs = index.on(*node).iter().filter_map(|other| index.job(*other));
        for other in jobs.filter(|other| is_on(other, *node)) {
            let stopping = other.stay().is_some_and(|stay| stay.stopping);
            on.insert((stopping, other.ident.name.as_str()));
        }
    }
    let names = |stopping: bool| on.iter().filter(move |(is, _)| *is == stopping).map(|(_, name)| *name);
    let variant = match job.held_in() {
        0 => String::new(),
        variant => format!(" in variant {variant}"),
    };
    let mut text = format!(
        "places are held for it{variant} on {}",
        some(nodes.iter().filter_map(|node| Some(index.catalog.nodes().get(*node)?.name.as_str())))
    );
    if names(true).next().is_some() {
        text.push_str(&format!("; it waits for {} to stop", some(names(true))));
    }
    if names(false).next().is_some() {
        text.push_str(&format!("; it waits for {} to end", some(names(false))));
    }
    text
}

/// The first of some names, and how many more there are.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let mut text = names.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MAX_NAMED {
        text.push_str(&format!(" and {} more", names.len() - MAX_NAMED));
    }
    text
}
