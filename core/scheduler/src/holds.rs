//! The places held for jobs that wait. It must not know why they are.

use std::collections::BTreeMap;

use holdfast_types::{MilliDevices, Span, Time};

use crate::index::Index;
use crate::job::{Job, JobNumber, Standing, Turn, Wait};
use crate::need::gang_devices;
use crate::room::{Room, Seat};
use crate::shadow::shadow;

/// Places are held for more than one job only up to one in so many of all accelerators, so that a small cluster is not kept idle.
const MOST_HELD: u64 = 4;

/// The jobs that places are held for, those that go first first.
pub(crate) fn in_turn(index: &Index) -> Vec<(Turn, JobNumber)> {
    let turn = |number: &JobNumber| Some((index.job(*number)?.turn(&index.config, index.now()), *number));
    let mut holders: Vec<(Turn, JobNumber)> = index.holders.iter().filter_map(turn).collect();
    holders.sort_unstable();
    holders
}

/// Whether the places held for a job can ever be its own: the gang is whole, every node is there, takes work and may be used.
pub(crate) fn is_sound(index: &Index, job: &Job) -> bool {
    let Some(wait) = job.wait() else { return false };
    let Some(class) = index.catalog.class(wait.class) else { return false };
    let shape = class.members.first().and_then(|member| index.catalog.shape(member.shape));
    let usable = |seat: &Seat| {
        let allowed = shape.is_some_and(|(_, ground)| ground.allows(seat.node));
        let is_sound = index.board.room(seat.node).is_some_and(|room| room.is_sound(seat.devices));
        allowed && is_sound && !index.board.is_closed(seat.node)
    };
    u32::try_from(wait.held.len()) == Ok(job.spec.tasks()) && wait.held.iter().all(usable)
}

/// Whether nobody else is on the places held for a job any more, and it may start.
pub(crate) fn is_free(index: &Index, job: &Job, now: Time) -> bool {
    let Some(wait) = job.wait().filter(|wait| may_start(index, job, wait, now)) else { return false };
    let class = index.catalog.class(wait.class);
    if !class.is_some_and(|class| index.board.power().admits(&class.bounds, &wait.held)) {
        return false;
    }
    let mut rooms: BTreeMap<usize, Room> = BTreeMap::new();
    let room = |node: usize| index.board.room(node).cloned().unwrap_or_else(Room::none);
    for seat in &wait.held {
        rooms.entry(seat.node).or_insert_with(|| room(seat.node)).release(seat);
    }
    wait.held.iter().all(|seat| {
        let room = rooms.entry(seat.node).or_insert_with(|| room(seat.node));
        let has = room.has(seat);
        room.take(seat);
        has
    })
}

/// Whether a job that places are held for may start once it has some.
pub(crate) fn may_start(index: &Index, job: &Job, wait: &Wait, now: Time) -> bool {
    let devices = gang_devices(&job.spec, wait.held_in);
    wait.not_before.is_none_or(|time| time <= now)
        && job.queue.is_some_and(|queue| index.queues.check_holder(queue, &devices).is_ok())
}

/// Whether it is time to hold places for a job that has waited for longer than this.
pub(crate) fn is_due(index: &Index, job: &Job, wait: &Wait, patience: Span) -> bool {
    let most = usize::try_from(index.config.max_holds).unwrap_or(usize::MAX);
    let held: u64 =
        index.holders.iter().filter_map(|holder| index.job(*holder)).map(|job| job.has().total().0).sum();
    let all = MilliDevices::whole(index.catalog.nodes().devices()).0;
    let is_much = !index.holders.is_empty() && MOST_HELD * (held + job.devices.total().0) > all;
    index.holders.len() < most
        && !is_much
        && job.waited(index.now()) > patience
        && !index.catalog.variants(wait.class).all(|class| index.vain.is_never(class))
}

/// The places that are free first for a job, in the first of its variants that its queue allows and that finds any even when nothing
/// else runs: one that waits for a node to come back must not keep the others idle.
pub(crate) fn foresee(index: &mut Index, number: JobNumber) -> Option<(u32, Vec<Seat>)> {
    let job = index.job(number)?;
    let (wait, queue) = (job.wait()?, job.queue?);
    // What has waited before counts as if it had been one wait.
    let began = wait.since + Span(index.config.reserve_after.0.saturating_sub(job.past.waited.0));
    let classes: Vec<usize> = index.catalog.variants(wait.class).collect();
    for (variant, number) in (0..).zip(&classes) {
        let Some(class) = index.catalog.class(*number).filter(|_| !index.vain.is_never(*number)) else {
            continue;
        };
        let is_let = classes.len() == 1 || index.queues.check(queue, &class.devices).is_ok();
        if !is_let {
            continue;
        }
        match shadow(index, class, began) {
            Some(seats) => return Some((variant, seats)),
            None => index.vain.give_up(*number),
        }
    }
    None
}

/// Whether somebody is told to stop on the places held for a job.
pub(crate) fn is_served(index: &Index, job: &Job) -> bool {
    let is_stopping = |other: &Job, held: &Seat| {
        let mut seats = other.stay().filter(|stay| stay.stopping).into_iter().flat_map(|stay| &stay.seats);
        seats.any(|seat| seat.node == held.node && seat.devices & held.devices != 0)
    };
    job.held().iter().any(|held| {
        index.on(held.node).iter().filter_map(|other| index.job(*other)).any(|other| is_stopping(other, held))
    })
}

/// Whether it is time to see whether other places will be free sooner. Where somebody is told to stop, none will.
pub(crate) fn is_old(index: &Index, job: &Job, now: Time) -> bool {
    let since = job.wait().map_or(now, |wait| wait.held_since);
    now.since(since) >= index.config.rehold_after && !is_served(index, job)
}

/// The jobs whose held places one may take that stands so: those of a lower priority, where those that waited too long have the
/// highest.
pub(crate) fn revocable(index: &Index, standing: &Standing) -> Vec<JobNumber> {
    let rank = |standing: &Standing| (standing.is_timely, standing.priority);
    let lower = |number: &&JobNumber| {
        let holder = index.job(**number).map(|job| job.standing(&index.config, index.now()));
        holder.is_some_and(|holder| rank(standing) < rank(&holder))
    };
    let mut holders: Vec<JobNumber> = index.holders.iter().filter(lower).copied().collect();
    holders.sort_by_key(|number| index.job(*number).map(|job| &job.ident));
    holders
}
