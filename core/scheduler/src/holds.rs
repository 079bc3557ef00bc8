//! The places held for jobs that wait. It must not know why they are.

use std::collections::BTreeMap;

use holdfast_types::Time;

use crate::index::Index;
use crate::job::{Job, JobNumber, Standing, Turn, Wait};
use crate::room::{Room, Seat};

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
    wait.not_before.is_none_or(|time| time <= now)
        && job.queue.is_some_and(|queue| index.queues.check_holder(queue, &job.devices).is_ok())
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
