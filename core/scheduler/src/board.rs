//! Places tasks on nodes, best fit first, and takes them back. It must not know queues, order or why.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use holdfast_types::MAX_TASKS;

use crate::catalog::{Catalog, Class, Ground, Member, Pattern, Shape};
use crate::counts::Counts;
use crate::log::{Change, Log, Moment};
use crate::power::Power;
use crate::room::{Room, Seat};

/// What is free, and for each shape the nodes in the order it would take them.
#[derive(Debug, Default)]
pub(crate) struct Board {
    rooms: Vec<Room>,
    closed: Vec<bool>,
    /// The nodes whose room changed; each shape reads on from where it stopped.
    log: Log,
    power: Power,
    candidates: Vec<Option<Candidates>>,
    /// For each pattern, for how many tasks there is room where.
    counts: Vec<Option<Counts>>,
}

/// Best fit: for a part of an accelerator the one of which the least is free; then the fewest free accelerators, then the least free
/// processor share, then the first name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fit {
    part: u32,
    devices: u32,
    cores: u64,
    node: usize,
}

impl Fit {
    /// How well one more task fits on a node with this room; `None` where it does not.
    pub(crate) fn of(catalog: &Catalog, shape: &Shape, room: &Room, node: usize) -> Option<Self> {
        let serving = shape.serving(catalog.nodes().get(node)?.layout);
        let fits = room.fits(&shape.need, serving);
        fits.then(|| Self {
            part: room.part(&shape.need, serving),
            devices: room.devices().count_ones(),
            cores: room.cores(),
            node,
        })
    }
}

/// Nodes for one shape. Every node that fits has an entry with its present fit; entries of the past are dropped when
/// they come up.
#[derive(Debug)]
struct Candidates {
    heap: BinaryHeap<Reverse<Fit>>,
    seen: Moment,
}

impl Board {
    /// A board where `closed` nodes take nothing.
    pub(crate) fn new(rooms: Vec<Room>, closed: Vec<bool>) -> Self {
        Self { rooms, closed, ..Self::default() }
    }

    /// With caps on what is drawn; nobody draws anything yet.
    pub(crate) fn with(self, power: Power) -> Self {
        Self { power, ..self }
    }

    /// The same of a board that is used again: nothing it remembers counts on what was drawn.
    pub(crate) fn set_power(&mut self, power: Power) {
        if !power.is_empty() {
            self.forget();
        }
        self.power = power;
    }

    /// What is drawn.
    pub(crate) fn power(&self) -> &Power {
        &self.power
    }

    /// What is free on every node.
    pub(crate) fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// What is free on the node at a position.
    pub(crate) fn room(&self, node: usize) -> Option<&Room> {
        self.rooms.get(node)
    }

    /// Whether a node has room for a task of a gang.
    pub(crate) fn has_room(&self, catalog: &Catalog, class: &Class, node: usize) -> bool {
        class.members.iter().any(|member| {
            let shape = catalog.shape(member.shape);
            shape.is_some_and(|(shape, ground)| self.fit(catalog, node, shape, ground).is_some())
        })
    }

    /// Whether a node takes nothing.
    pub(crate) fn is_closed(&self, node: usize) -> bool {
        self.closed.get(node).copied().unwrap_or(true)
    }

    /// The nodes that take nothing.
    pub(crate) fn all_closed(&self) -> &[bool] {
        &self.closed
    }

    /// What has happened.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// A node takes nothing from now on, or takes tasks again.
    pub(crate) fn set_closed(&mut self, node: usize, closed: bool) {
        if let Some(slot) = self.closed.get_mut(node) {
            *slot = closed;
            self.log.add(node, if closed { Change::Less } else { Change::More });
        }
    }

    /// A node has other room from now on.
    pub(crate) fn set_room(&mut self, node: usize, room: Room, closed: bool) {
        if let Some(slot) = self.rooms.get_mut(node) {
            *slot = room;
        }
        self.set_closed(node, closed);
    }

    /// Something on a node may be stopped by now.
    pub(crate) fn ripen(&mut self, node: usize) {
        self.log.add(node, Change::Ripe);
    }

    /// Takes a task in.
    pub(crate) fn take(&mut self, seat: &Seat) {
        self.power.draw(seat);
        self.change(seat, Change::Less, Room::take);
    }

    /// Takes it back.
    pub(crate) fn give_back(&mut self, seat: &Seat) {
        self.power.rest(seat);
        self.change(seat, Change::More, Room::give_back);
        // There may be room by now wherever it was too much.
        for node in self.power.beside(seat.node) {
            self.log.add(node, Change::More);
        }
    }

    /// Takes a task back that is about to be taken in again: nobody has to hear of it.
    pub(crate) fn put_back(&mut self, seat: &Seat) {
        self.power.rest(seat);
        if let Some(room) = self.rooms.get_mut(seat.node) {
            room.give_back(seat);
        }
    }

    /// The same of a whole gang that was placed after a moment.
    pub(crate) fn put_all_back(&mut self, seats: &[Seat], before: Moment) {
        for seat in seats {
            self.put_back(seat);
        }
        // Who looked for one place has read no further than that moment, and would read of it twice.
        if let [_] = seats {
            self.log.rewind(before);
        }
    }

    /// Holds a place.
    pub(crate) fn hold(&mut self, seat: &Seat) {
        self.change(seat, Change::Less, Room::hold);
    }

    /// Holds it no more.
    pub(crate) fn release(&mut self, seat: &Seat) {
        self.change(seat, Change::More, Room::release);
    }

    /// Forgets which nodes every shape would take: the numbers of the shapes are about to change.
    pub(crate) fn forget(&mut self) {
        self.candidates.clear();
        self.counts.clear();
    }

    /// Forgets what nobody will ask for again, once that is much.
    pub(crate) fn tidy(&mut self) {
        self.log.shorten(4 * self.rooms.len());
    }

    /// Places a whole gang, or leaves everything as it was. Ranks are placed in order; where that leaves a group without
    /// room, the groups that need most go first.
    pub(crate) fn place(&mut self, catalog: &Catalog, class: &Class) -> Option<Vec<Seat>> {
        self.candidates.resize_with(catalog.shape_count().max(self.candidates.len()), || None);
        self.counts.resize_with(catalog.pattern_count().max(self.counts.len()), || None);
        if let Some(seats) = self.place_in_order(catalog, &class.members) {
            return Some(seats);
        }
        if class.members.len() < 2 {
            return None;
        }
        let mut seats = self.place_in_order(catalog, &greedy(catalog, class))?;
        seats.sort_unstable_by_key(|seat| seat.rank);
        Some(seats)
    }

    /// Whether a gang would find room if some places were held no more. Leaves everything as it was.
    pub(crate) fn would_place(
        &mut self,
        catalog: &Catalog,
        class: &Class,
        held: &[Seat],
    ) -> Option<Vec<Seat>> {
        let before = self.log.now();
        for seat in held {
            self.release(seat);
        }
        let seats = self.place(catalog, class);
        for seat in seats.as_deref().unwrap_or_default() {
            self.put_back(seat);
        }
        for seat in held {
            if let Some(room) = self.rooms.get_mut(seat.node) {
                room.hold(seat);
            }
        }
        let touched: Vec<Seat> = held.iter().chain(seats.as_deref().unwrap_or_default()).copied().collect();
        self.rewind(catalog, &class.members, &touched, before);
        seats
    }

    fn change(&mut self, seat: &Seat, change: Change, with: impl FnOnce(&mut Room, &Seat)) {
        if let Some(room) = self.rooms.get_mut(seat.node) {
            with(room, seat);
            self.log.add(seat.node, change);
        }
    }

    fn place_in_order(&mut self, catalog: &Catalog, members: &[Member]) -> Option<Vec<Seat>> {
        let before = self.log.now();
        let mut seats = Vec::new();
        for member in members {
            let is_seated = match member.pattern {
                Some(pattern) => self.seat_together(catalog, *member, pattern, &mut seats),
                None => self.seat_each(catalog, *member, &mut seats),
            };
            if is_seated.is_none() {
                for seat in &seats {
                    self.put_back(seat);
                }
                self.rewind(catalog, members, &seats, before);
                return None;
            }
        }
        Some(seats)
    }

    fn seat_each(&mut self, catalog: &Catalog, member: Member, seats: &mut Vec<Seat>) -> Option<()> {
        for rank in member.first_rank..member.first_rank.saturating_add(member.count) {
            let node = self.best(catalog, member.shape)?;
            seats.push(self.seat(catalog, member.shape, rank, node)?);
        }
        Some(())
    }

    fn seat_together(
        &mut self,
        catalog: &Catalog,
        member: Member,
        number: usize,
        seats: &mut Vec<Seat>,
    ) -> Option<()> {
        let pattern = catalog.pattern(number)?;
        let counts = self.counted(catalog, pattern, number)?;
        let chosen = counts.choose(catalog.tree(), &pattern.asks, member.count);
        *self.counts.get_mut(number)? = Some(counts);
        let nodes = chosen?.into_iter().flat_map(|(node, tasks)| (0..tasks).map(move |_| node));
        for (node, rank) in nodes.zip(member.first_rank..) {
            // Of power each node was counted to have all that is left below a cap.
            let (shape, ground) = catalog.shape(member.shape)?;
            self.is_powered(catalog, node, shape, ground).then_some(())?;
            seats.push(self.seat(catalog, member.shape, rank, node)?);
        }
        Some(())
    }

    /// What is counted of a pattern, up to now.
    fn counted(&mut self, catalog: &Catalog, pattern: &Pattern, number: usize) -> Option<Counts> {
        let known = self.counts.get_mut(number)?.take();
        let now = self.log.now();
        let missed = known.as_ref().and_then(|known| self.log.since(known.seen));
        let missed = missed.filter(|missed| missed.len() <= self.rooms.len());
        let slots = |node| self.slots(catalog, pattern.shape, node);
        let Some((mut counts, missed)) = known.zip(missed) else {
            return Some(Counts::new(catalog.tree(), &pattern.asks, now, slots));
        };
        for (node, _) in missed.iter().filter(|(_, change)| *change != Change::Ripe) {
            counts.change(catalog.tree(), &pattern.asks, *node, slots(*node));
        }
        counts.seen = now;
        Some(counts)
    }

    /// For how many tasks of a shape a node has room.
    fn slots(&self, catalog: &Catalog, shape: usize, node: usize) -> u64 {
        let Some((shape, ground)) = catalog.shape(shape) else { return 0 };
        let is_powered = || self.is_powered(catalog, node, shape, ground);
        let room = self.rooms.get(node);
        let room = room.filter(|_| ground.allows(node) && !self.is_closed(node) && is_powered());
        room.map_or(0, |room| slots(catalog, shape, room, node))
    }

    /// Makes as if an attempt had not been that changed the rooms of some seats and changed them back, so that nobody takes it for room
    /// that came.
    fn rewind(&mut self, catalog: &Catalog, members: &[Member], seats: &[Seat], before: Moment) {
        self.log.rewind(before);
        if self.power.is_capped(seats) {
            return self.forget_those(members);
        }
        for member in members {
            let Some((shape, ground)) = catalog.shape(member.shape) else { continue };
            let fits = seats.iter().filter_map(|seat| self.fit(catalog, seat.node, shape, ground));
            let fits: Vec<Fit> = fits.collect();
            let candidates = self.candidates.get_mut(member.shape).and_then(Option::as_mut);
            let Some(candidates) = candidates.filter(|candidates| candidates.seen >= before) else {
                continue;
            };
            candidates.seen = before;
            candidates.heap.extend(fits.into_iter().map(Reverse));
        }
        for number in members.iter().filter_map(|member| member.pattern) {
            let Some(pattern) = catalog.pattern(number) else { continue };
            let known = self.counts.get_mut(number).and_then(Option::take);
            let Some(mut counts) = known else { continue };
            if counts.seen > before {
                for seat in seats {
                    let slots = self.slots(catalog, pattern.shape, seat.node);
                    counts.change(catalog.tree(), &pattern.asks, seat.node, slots);
                }
                counts.seen = before;
            }
            if let Some(slot) = self.counts.get_mut(number) {
                *slot = Some(counts);
            }
        }
    }

    /// Other nodes than those of the seats had no power left while they were taken, and are no candidates since.
    fn forget_those(&mut self, members: &[Member]) {
        for member in members {
            if let Some(candidates) = self.candidates.get_mut(member.shape) {
                *candidates = None;
            }
            if let Some(counts) = member.pattern.and_then(|pattern| self.counts.get_mut(pattern)) {
                *counts = None;
            }
        }
    }

    fn seat(&mut self, catalog: &Catalog, shape: usize, rank: u32, node: usize) -> Option<Seat> {
        let (shape, _) = catalog.shape(shape)?;
        let serving = shape.serving(catalog.nodes().get(node)?.layout);
        let devices = self.rooms.get(node)?.choose(&shape.need, serving);
        // Nobody asks where nothing caps it.
        let watts = if self.power.is_empty() { 0 } else { catalog.nodes().watts(node, &shape.need) };
        let seat = Seat { rank, node, need: shape.need, devices, watts };
        self.take(&seat);
        Some(seat)
    }

    fn best(&mut self, catalog: &Catalog, number: usize) -> Option<usize> {
        let (shape, ground) = catalog.shape(number)?;
        // Taken out while it is worked on, so that the board can be asked meanwhile.
        let mut candidates = match self.candidates.get_mut(number)?.take() {
            Some(known) => self.caught_up(catalog, known, shape, ground),
            None => self.fresh(catalog, shape, ground),
        };
        let mut best = None;
        while let Some(Reverse(fit)) = candidates.heap.peek() {
            if self.fit(catalog, fit.node, shape, ground) == Some(*fit) {
                best = Some(fit.node);
                break;
            }
            candidates.heap.pop();
        }
        *self.candidates.get_mut(number)? = Some(candidates);
        best
    }

    fn fresh(&self, catalog: &Catalog, shape: &Shape, ground: &Ground) -> Candidates {
        let fits = (0..self.rooms.len()).filter_map(|node| self.fit(catalog, node, shape, ground));
        Candidates { heap: fits.map(Reverse).collect(), seen: self.log.now() }
    }

    fn caught_up(
        &self,
        catalog: &Catalog,
        mut candidates: Candidates,
        shape: &Shape,
        ground: &Ground,
    ) -> Candidates {
        // Reading every node once is cheaper than reading more changes than there are nodes, and it sheds old entries.
        let worn = candidates.heap.len() > 4 * self.rooms.len() + 64;
        let missed =
            self.log.since(candidates.seen).filter(|missed| missed.len() <= self.rooms.len() && !worn);
        let Some(missed) = missed else { return self.fresh(catalog, shape, ground) };
        for (node, _) in missed.iter().filter(|(_, change)| *change != Change::Ripe) {
            if let Some(fit) = self.fit(catalog, *node, shape, ground) {
                candidates.heap.push(Reverse(fit));
            }
        }
        candidates.seen = self.log.now();
        candidates
    }

    /// How well one more task fits on a node; `None` where it does not.
    fn fit(&self, catalog: &Catalog, node: usize, shape: &Shape, ground: &Ground) -> Option<Fit> {
        if !ground.allows(node) || self.is_closed(node) {
            return None;
        }
        let fit = Fit::of(catalog, shape, self.rooms.get(node)?, node)?;
        self.is_powered(catalog, node, shape, ground).then_some(fit)
    }

    /// Whether one more task may draw what it does.
    fn is_powered(&self, catalog: &Catalog, node: usize, shape: &Shape, ground: &Ground) -> bool {
        ground.bounds.reservations.is_empty()
            || self.power.too_low(&ground.bounds, node, catalog.nodes().watts(node, &shape.need)).is_none()
    }
}

/// For how many tasks of a shape a node with this room has room.
pub(crate) fn slots(catalog: &Catalog, shape: &Shape, room: &Room, node: usize) -> u64 {
    let serving = catalog.nodes().get(node).map_or(0, |node| shape.serving(node.layout));
    u64::from(room.slots(&shape.need, serving, MAX_TASKS))
}

/// The groups of a gang, those first that need most.
pub(crate) fn greedy(catalog: &Catalog, class: &Class) -> Vec<Member> {
    let mut members = class.members.clone();
    members.sort_by_key(|member| {
        let need = catalog.shape(member.shape).map(|(shape, _)| shape.need);
        Reverse(need.map(|need| (need.thousandths(), need.cores, need.memory)))
    });
    members
}
