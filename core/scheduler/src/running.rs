//! What runs, and where a job that waited too long will start: on the nodes that are free for it first. Nobody knows when a job ends,
//! so what runs is taken to end in an order. It must not know queues, nor why a job waits.

use std::cmp::Reverse;
use std::ops::Range;

use holdfast_types::{JobName, Time};

use crate::board::Board;
use crate::catalog::{Catalog, Class};
use crate::nodes::Nodes;
use crate::room::{Charge, Room, empty_rooms};
use crate::snapshot::{JobState, JobView};

/// What runs.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    nodes: &'a Nodes<'a>,
    /// Every node with nothing on it.
    empty: Vec<Room>,
    /// The jobs with what they take.
    jobs: Vec<Job<'a>>,
    charges: Vec<Charge>,
}

#[derive(Debug)]
struct Job<'a> {
    since: Time,
    name: &'a JobName,
    charges: Range<usize>,
}

/// What a plan has done so far.
#[derive(Debug)]
pub(crate) struct Now<'a> {
    /// What it gave away.
    pub(crate) taken: &'a [Charge],
    /// The nodes that take nothing, because of their phase or because they are held.
    pub(crate) closed: &'a [bool],
}

impl<'a> Running<'a> {
    /// The jobs that have places.
    pub(crate) fn new(nodes: &'a Nodes<'a>, views: &'a [JobView]) -> Self {
        let (mut jobs, mut charges) = (Vec::new(), Vec::new());
        for job in views {
            let JobState::Placed { assignments, since } = &job.state else { continue };
            let first = charges.len();
            charges.extend(assignments.iter().filter_map(|place| Charge::of(nodes, &job.spec, place)));
            jobs.push(Job { since: *since, name: &job.name, charges: first..charges.len() });
        }
        Self { nodes, empty: empty_rooms(nodes), jobs, charges }
    }

    /// Every node with nothing on it.
    pub(crate) fn empty(&self) -> &[Room] {
        &self.empty
    }

    /// Every node with all of them on it.
    pub(crate) fn rooms(&self) -> Vec<Room> {
        self.with(&self.jobs, &[])
    }

    /// The nodes to hold for a gang, ascending: those that it would get when as few jobs as possible have ended. `None` where it
    /// finds no room even when all have.
    ///
    /// How long a job has run says most about how long it will: running times are heavy-tailed, and the youngest end first (M.
    /// Harchol-Balter and A. Downey, "Exploiting process lifetime distributions for dynamic load balancing", 1997). What started
    /// after `began`, when the nodes were first held, comes last whatever its age. So a hold never moves to a node because something
    /// new started there, and the job waits only for what ran already: its wait is bounded by what bounds theirs.
    pub(crate) fn shadow(
        &mut self,
        now: &Now<'_>,
        catalog: &Catalog<'_>,
        class: &Class<'_>,
        began: Time,
    ) -> Option<Vec<usize>> {
        // Those that began last come first; only who holds nodes pays for the order, and only the first one all of it.
        self.jobs.sort_unstable_by_key(|job| (Reverse(job.since), job.name));
        let (after, before) = self.jobs.split_at(self.jobs.partition_point(|job| job.since > began));
        // What this plan starts ends after all that.
        let all = self.jobs.len() + 1;
        let place = |ended: usize| {
            let taken = if ended < all { now.taken } else { &[] };
            let rest = after.get(ended.saturating_sub(before.len())..).unwrap_or_default();
            let rooms = self.with(before.get(ended..).unwrap_or_default().iter().chain(rest), taken);
            Board::new(self.nodes, rooms, now.closed.to_vec()).place(catalog, class)
        };
        let mut seats = place(all)?;
        let (mut too_few, mut enough) = (0, all);
        while too_few < enough {
            let middle = too_few.midpoint(enough);
            match place(middle) {
                Some(found) => (seats, enough) = (found, middle),
                None => too_few = middle + 1,
            }
        }
        let mut held: Vec<usize> = seats.iter().map(|seat| seat.node).collect();
        held.sort_unstable();
        held.dedup();
        Some(held)
    }

    /// Every node with these jobs and charges on it.
    fn with<'b>(&'b self, left: impl IntoIterator<Item = &'b Job<'a>>, taken: &[Charge]) -> Vec<Room> {
        let mut rooms = self.empty.clone();
        let of = |job: &Job<'_>| self.charges.get(job.charges.clone()).unwrap_or_default();
        for charge in left.into_iter().flat_map(of).chain(taken) {
            charge.take(&mut rooms);
        }
        rooms
    }
}
