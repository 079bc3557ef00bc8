//! Jobs and the nodes that are kept for others: which a job may not use, and who is in the way. It must not know how anything is decided.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_types::{JobSpec, ReservationName, Time};

use crate::index::Index;
use crate::job::{Ident, Job, JobNumber, is_preemptible};
use crate::reserved::{Bounds, Guest, lets_in};
use crate::snapshot::PartOf;
use crate::victims::loss;

impl Index {
    /// What binds a job of a queue beside the law, and when that is first otherwise.
    pub(crate) fn bounds(
        &self,
        (queue, spec): (Option<usize>, &JobSpec),
        part_of: Option<&Arc<PartOf>>,
    ) -> (Bounds, Option<Time>) {
        let part_of = part_of.cloned();
        if self.catalog.reserved().is_empty() {
            return (Bounds { reservations: Vec::new(), part_of }, None);
        }
        let (reservations, until) = self.catalog.reserved().closed_to(&self.guest(queue, spec), self.now());
        (Bounds { reservations, part_of }, until)
    }

    /// A job that waits is of another class by now. It stands in no line.
    pub(crate) fn reclass(&mut self, number: JobNumber) {
        let Some(job) = self.job(number) else { return };
        let Some(class) = job.wait().and_then(|wait| self.catalog.class(wait.class)) else { return };
        let (spec, verdicts) = (job.spec.clone(), class.verdicts.clone());
        let (bounds, until) = self.bounds((job.queue, &spec), class.bounds.part_of.as_ref());
        let new = self.catalog.enter(&spec, &verdicts, &bounds);
        if let Some(wait) = self.job_mut(number).and_then(Job::wait_mut) {
            let old = std::mem::replace(&mut wait.class, new);
            // What was found in vain was found on other nodes.
            (wait.hopeless, wait.tried) = (None, None);
            self.catalog.leave(old);
        }
        self.set_class_until(number, until);
    }

    fn guest(&self, queue: Option<usize>, spec: &JobSpec) -> Guest<'_> {
        Guest {
            queues: queue.into_iter().flat_map(|queue| self.queues.names_above(queue)).collect(),
            takes: spec.max_run_time,
            may_stop: is_preemptible(spec),
        }
    }
}

/// The jobs to stop because they are on nodes that are kept for others by now, in the order of their names, and for which reservation. Who
/// may not be stopped stays.
pub(crate) fn in_the_way(index: &Index, now: Time) -> Vec<(JobNumber, ReservationName)> {
    let mut found: BTreeMap<&Ident, (JobNumber, &ReservationName)> = BTreeMap::new();
    for (view, nodes) in index.catalog.reserved().begun(now) {
        for number in nodes.iter().flat_map(|node| index.on(*node)) {
            let Some(job) = index.job(*number) else { continue };
            let runs = job.stay().is_some_and(|stay| !stay.stopping);
            if runs && job.is_preemptible() && !lets_in(view, &index.guest(job.queue, &job.spec)) {
                found.entry(&*job.ident).or_insert((*number, &view.name));
            }
        }
    }
    found.into_values().map(|(number, name)| (number, name.clone())).collect()
}

/// The jobs to stop so that no more is drawn than caps allow that hold by now: those of the lowest priority first, of these those that
/// lose least.
pub(crate) fn too_much(index: &Index, now: Time) -> Vec<(JobNumber, ReservationName)> {
    let mut stopped: BTreeMap<JobNumber, ReservationName> = BTreeMap::new();
    let mut order = Vec::new();
    for (cap, view, nodes) in index.catalog.reserved().caps_begun(now) {
        let (_, mut over) = index.board.power().left(cap);
        if over == 0 {
            continue;
        }
        let draws = |job: &Job| -> u64 {
            job.seats().iter().filter(|seat| nodes.contains(&seat.node)).map(|seat| seat.watts).sum()
        };
        let on: BTreeSet<JobNumber> = nodes.iter().flat_map(|node| index.on(*node)).copied().collect();
        let jobs = on.into_iter().filter_map(|number| Some((number, index.job(number)?)));
        let mut may_stop = Vec::new();
        for (number, job) in jobs {
            if job.stay().is_some_and(|stay| stay.stopping) || stopped.contains_key(&number) {
                over = over.saturating_sub(draws(job));
            } else if job.is_preemptible() {
                may_stop.push((Reverse(job.priority), loss(job, now), &job.ident, number));
            }
        }
        may_stop.sort_unstable();
        for (.., number) in may_stop {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(index.job(number).map_or(0, draws));
            stopped.insert(number, view.name.clone());
            order.push(number);
        }
    }
    order.into_iter().filter_map(|number| Some((number, stopped.remove(&number)?))).collect()
}
