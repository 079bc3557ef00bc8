//! Where a job that waited too long will start: on the places that are free for it first. Nobody knows when a job ends, so what runs is
//! taken to end in an order. It must not know queues, nor why a job waits.

use std::cmp::Reverse;
use std::ops::Range;

use holdfast_types::Time;

use crate::board::Board;
use crate::catalog::Class;
use crate::index::Index;
use crate::job::{Ident, Job};
use crate::power::Power;
use crate::room::{Room, Seat};

/// The places to hold for a gang: those that it would get when as few jobs as possible have ended. `None` where it finds no room even
/// when all have.
///
/// How long a job has run says most about how long it will: running times are heavy-tailed, and the youngest end first (M.
/// Harchol-Balter and A. Downey, "Exploiting process lifetime distributions for dynamic load balancing", 1997). What started
/// after `began`, when places were first held, comes last whatever its age. So a hold never moves to a node because something
/// new started there, and the job waits only for what ran already: its wait is bounded by what bounds theirs.
pub(crate) fn shadow(index: &Index, class: &Class, began: Time) -> Option<Vec<Seat>> {
    let mut running: Vec<(Order<'_>, &[Seat])> =
        index.jobs().filter_map(|(_, job)| ends(job, began)).collect();
    running.sort_unstable_by_key(|(order, _)| *order);
    let mut rooms = (index.board.rooms().to_vec(), index.board.power().clone());
    let place = |(rooms, power): &State| {
        let board = Board::new(rooms.clone(), index.board.all_closed().to_vec());
        board.with(power.clone()).place(&index.catalog, class)
    };
    // Twice as many at each step until it is enough, for mostly a few are; then between the last two steps.
    let (mut too_few, mut enough, mut found) = (0, 1, None);
    while too_few < running.len() && found.is_none() {
        enough = (2 * enough).min(running.len());
        let ended = with_ended(&rooms, &running, too_few..enough);
        found = place(&ended);
        if found.is_none() {
            (rooms, too_few) = (ended, enough);
        }
    }
    let mut seats = found?;
    while too_few + 1 < enough {
        let middle = too_few.midpoint(enough);
        let ended = with_ended(&rooms, &running, too_few..middle);
        match place(&ended) {
            Some(found) => (seats, enough) = (found, middle),
            None => (rooms, too_few) = (ended, middle),
        }
    }
    Some(seats)
}

/// What is free, and what is drawn.
type State = (Vec<Room>, Power);

/// Who is taken to end first: the lesser.
type Order<'a> = (bool, bool, Reverse<Time>, &'a Ident);

/// When a job is taken to end, and what is free then.
fn ends(job: &Job, began: Time) -> Option<(Order<'_>, &[Seat])> {
    let stay = job.stay()?;
    Some(((!stay.stopping, stay.since > began, Reverse(stay.since), &job.ident), &stay.seats))
}

fn with_ended(state: &State, running: &[(Order<'_>, &[Seat])], ended: Range<usize>) -> State {
    let (mut rooms, mut power) = state.clone();
    for seat in running.get(ended).unwrap_or_default().iter().flat_map(|(_, seats)| *seats) {
        power.rest(seat);
        if let Some(room) = rooms.get_mut(seat.node) {
            room.give_back(seat);
        }
    }
    (rooms, power)
}
