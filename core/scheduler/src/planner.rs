//! Decides job after job: queue priority, job priority, submission, name. A job that finds no room does not stop those
//! below it, until it has waited so long that the nodes which are free for it first are held for it. It must not know how a job
//! becomes a sentence, nor how a node is found.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_types::{JobName, Rank, Time};

use crate::board::{Board, Seat};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::explain::{Cause, Explainer};
use crate::explanation::Explanation;
use crate::holds::Holds;
use crate::nodes::Nodes;
use crate::plan::{GangPlacement, Plan};
use crate::queues::Queues;
use crate::room::Charge;
use crate::running::{Now, Running};
use crate::snapshot::{Assignment, JobState, JobView, Snapshot, Verdicts};
use crate::survey::Site;

/// Decides what starts now and says why the rest waits. Equal snapshots give equal plans, whatever the order of their
/// vectors.
#[must_use]
pub fn plan(snapshot: &Snapshot, config: &Config, now: Time) -> Plan {
    let nodes = Nodes::new(&snapshot.nodes);
    let mut planner = Planner::new(snapshot, &nodes, config, now);
    let waiting = planner.waiting(&snapshot.jobs);
    for job in &waiting {
        planner.decide(job);
    }
    planner.finish(snapshot.revision)
}

struct Planner<'a> {
    config: &'a Config,
    now: Time,
    nodes: &'a Nodes<'a>,
    queues: Queues<'a>,
    catalog: Catalog<'a>,
    board: Board<'a>,
    /// Classes that found no room. Room only shrinks while a plan is made, so they find none later either.
    failed: BTreeSet<usize>,
    placed: BTreeSet<usize>,
    holds: Holds<'a>,
    running: Running<'a>,
    /// What this plan gives away.
    taken: Vec<Charge>,
    gangs: Vec<GangPlacement>,
    unplaced: Vec<Unplaced<'a>>,
}

/// A job that waits.
struct Waiting<'a> {
    job: &'a JobView,
    not_before: Option<Time>,
    queue: Option<usize>,
    class: usize,
}

/// A job that was not placed, and how many holds were before it.
struct Unplaced<'a> {
    job: &'a JobName,
    class: usize,
    cause: Cause,
    holds: usize,
}

impl<'a> Planner<'a> {
    fn new(snapshot: &'a Snapshot, nodes: &'a Nodes<'a>, config: &'a Config, now: Time) -> Self {
        let closed = nodes.iter().map(|node| !node.is_open()).collect();
        let running = Running::new(nodes, &snapshot.jobs);
        Self {
            config,
            now,
            nodes,
            queues: Queues::new(&snapshot.queues, &snapshot.jobs),
            catalog: Catalog::default(),
            board: Board::new(nodes, running.rooms(), closed),
            failed: BTreeSet::new(),
            placed: BTreeSet::new(),
            holds: Holds::new(nodes.len()),
            running,
            taken: Vec::new(),
            gangs: Vec::new(),
            unplaced: Vec::new(),
        }
    }

    /// The jobs that wait, in the order they are decided.
    fn waiting(&mut self, jobs: &'a [JobView]) -> Vec<Waiting<'a>> {
        let mut waiting: Vec<(&JobView, &Verdicts, Option<Time>, Option<usize>)> = Vec::new();
        for job in jobs {
            if let JobState::Waiting { verdicts, not_before } = &job.state {
                waiting.push((job, verdicts, *not_before, self.queues.find(&job.queue)));
            }
        }
        waiting.sort_by_cached_key(|(job, _, _, queue)| {
            let priority = queue.map_or(i32::MIN, |queue| self.queues.priority(queue));
            (Reverse(priority), Reverse(job.spec.priority), job.submitted, &job.name, job.uid.as_str())
        });
        // The classes are entered in the order of decision, so their numbers do not depend on the order of the input.
        let enter = |(job, verdicts, not_before, queue): (&'a JobView, &'a Verdicts, _, _)| {
            let class = self.catalog.enter(self.nodes, &job.spec, verdicts);
            Waiting { job, not_before, queue, class }
        };
        waiting.into_iter().map(enter).collect()
    }

    fn decide(&mut self, waiting: &Waiting<'a>) {
        let cause = match self.obstacle(waiting) {
            Some(cause) => Some(cause),
            None => self.place(waiting).err(),
        };
        if let Some(cause) = cause {
            let (job, class) = (&waiting.job.name, waiting.class);
            self.unplaced.push(Unplaced { job, class, cause, holds: self.holds.len() });
            if cause == Cause::NoRoom && self.now.since(waiting.job.submitted) > self.config.reserve_after {
                self.hold_for(waiting);
            }
        }
        for shape in self.catalog.leave(waiting.class) {
            self.board.forget(shape);
        }
    }

    /// What keeps a job from being tried at all.
    fn obstacle(&self, waiting: &Waiting<'a>) -> Option<Cause> {
        let Some(queue) = waiting.queue else { return Some(Cause::NoQueue) };
        let devices = self.catalog.class(waiting.class).map_or(0, |class| class.devices);
        if self.queues.check(queue, devices).is_err() {
            return Some(Cause::Queue(queue));
        }
        if let Some(not_before) = waiting.not_before.filter(|time| *time > self.now) {
            return Some(Cause::NotBefore(not_before));
        }
        if self.failed.contains(&waiting.class) {
            return Some(Cause::NoRoom);
        }
        let started = u32::try_from(self.gangs.len()).unwrap_or(u32::MAX);
        (started >= self.config.max_gangs_per_plan).then_some(Cause::PlanFull)
    }

    fn place(&mut self, waiting: &Waiting<'a>) -> Result<(), Cause> {
        let Some(class) = self.catalog.class(waiting.class) else { return Err(Cause::NoRoom) };
        let placed = self.board.place(&self.catalog, class).and_then(|seats| {
            let assignments: Option<Vec<Assignment>> =
                seats.iter().map(|seat| assignment(self.nodes, seat)).collect();
            Some((seats, assignments?))
        });
        let Some((seats, assignments)) = placed else {
            self.failed.insert(waiting.class);
            for member in &class.members {
                self.board.forget(member.shape);
            }
            return Err(Cause::NoRoom);
        };
        self.placed.insert(waiting.class);
        if let Some(queue) = waiting.queue {
            self.queues.hold(queue, class.devices);
        }
        self.taken.extend(seats.iter().map(Seat::charge));
        let (job, uid) = (waiting.job.name.clone(), waiting.job.uid.clone());
        self.gangs.push(GangPlacement { job, uid, assignments });
        Ok(())
    }

    /// Holds for a job the nodes that are free for it first, if it could start once nothing else ran: one that waits for a node to
    /// come back must not keep the others idle.
    fn hold_for(&mut self, waiting: &Waiting<'a>) {
        if self.holds.len() >= usize::try_from(self.config.max_holds).unwrap_or(usize::MAX) {
            return;
        }
        let Some(class) = self.catalog.class(waiting.class) else { return };
        let began = waiting.job.submitted + self.config.reserve_after;
        let now = Now { taken: &self.taken, closed: self.board.all_closed() };
        let Some(wanted) = self.running.shadow(&now, &self.catalog, class, began) else { return };
        for node in &wanted {
            self.board.close(*node);
        }
        self.holds.add(&waiting.job.name, &wanted);
    }

    fn finish(self, revision: u64) -> Plan {
        let site = Site { nodes: self.nodes, board: &self.board, holds: &self.holds, before: 0 };
        let empty = Board::new(self.nodes, self.running.empty().to_vec(), vec![false; self.nodes.len()]);
        let mut explainer = Explainer::new(site, empty, &self.catalog, &self.queues, &self.placed);
        let mut known: BTreeMap<(usize, Cause, usize), Arc<Explanation>> = BTreeMap::new();
        let mut explanations = BTreeMap::new();
        let limit = self.config.max_gangs_per_plan;
        for Unplaced { job, class, cause, holds } in self.unplaced {
            let explanation = known
                .entry((class, cause, holds))
                .or_insert_with(|| Arc::new(explainer.explain(class, cause, holds, limit)));
            explanations.insert(job.clone(), Arc::clone(explanation));
        }
        Plan::sealed(revision, self.now, self.gangs, explanations, self.config)
    }
}

fn assignment(nodes: &Nodes<'_>, seat: &Seat) -> Option<Assignment> {
    let node = nodes.get(seat.node)?;
    let devices = nodes.layout_of(node).map_or_else(Vec::new, |layout| layout.indexes(seat.devices));
    Some(Assignment { rank: Rank(seat.rank), node: node.view.name.clone(), devices })
}
