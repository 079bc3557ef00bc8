//! The planner that a leader keeps: it is told of what has changed since its last plan, and begins anew where that is not enough. It
//! plans as one would that looked at everything. It must not know how a plan is committed.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::v1;
use holdfast_policy::Bundle;
use holdfast_scheduler::{Config, Explanation, JobState, JobView, NodeView, Plan, QueueView, Scheduler};
use holdfast_state::{State, TURNS};
use holdfast_types::{JobName, Span, Time};

use crate::placement::{job_views, node_view, queue_view, snapshot_with};
use crate::rulings::{Asked, Rulings};
use crate::telling::{Teller, Telling, Told};

/// How a state is planned. Nobody is stopped and nothing is held while a member of the cluster would not know what that is.
#[must_use]
pub fn settings(state: &State, bundle: &Bundle) -> Config {
    let usual = Config { policy_hash: bundle.hash().to_string(), ..Config::default() };
    if state.feature_level() >= TURNS {
        return usual;
    }
    Config { max_holds: 0, slice: Span(u64::MAX), min_run: Span(u64::MAX), ..usual }
}

/// A planner that is kept from round to round, with all that it was told.
#[derive(Debug)]
pub struct Planner {
    config: Config,
    scheduler: Scheduler,
    rulings: Rulings,
    nodes: BTreeMap<String, NodeView>,
    queues: BTreeMap<String, QueueView>,
    revision: u64,
    now: Time,
    /// Whom the last plan decides on: what it takes for done may not have been.
    decided: BTreeSet<JobName>,
    /// Of a job that is seen as more than one: the others.
    parts: BTreeMap<JobName, BTreeSet<JobName>>,
    teller: Teller,
}

/// What has changed since a revision, by name.
#[derive(Debug, Default)]
struct News<'a> {
    nodes: BTreeSet<&'a str>,
    queues: BTreeSet<&'a str>,
    jobs: BTreeSet<&'a str>,
    artifacts: BTreeSet<&'a str>,
    /// Whether something else is kept for somebody.
    reserves: bool,
}

impl Planner {
    /// One that looks at everything.
    #[must_use]
    pub fn new(state: &State, bundle: &Bundle, now: Time) -> Self {
        let (config, mut rulings) = (settings(state, bundle), Rulings::of_nodes(state, bundle));
        let view = snapshot_with(&mut rulings, Asked { state, bundle, now });
        let mut teller = Teller::new();
        for job in view.jobs.iter().filter(|job| is_waiting(job)) {
            teller.waits(&job.name, state.job(job.name.whole().as_str()).is_some_and(is_told));
        }
        let mut parts: BTreeMap<JobName, BTreeSet<JobName>> = BTreeMap::new();
        for job in view.jobs.iter().filter(|job| job.name.is_part()) {
            parts.entry(job.name.whole()).or_default().insert(job.name.clone());
        }
        Self {
            scheduler: Scheduler::new(&view, &config, now),
            config,
            rulings,
            nodes: view.nodes.into_iter().map(|node| (node.name.to_string(), node)).collect(),
            queues: view.queues.into_iter().map(|queue| (queue.name.to_string(), queue)).collect(),
            revision: view.revision,
            now,
            decided: BTreeSet::new(),
            parts,
            teller,
        }
    }

    /// The one that was kept, as of now, or another one where it cannot be told what has happened.
    #[must_use]
    pub fn following(kept: Option<Self>, state: &State, bundle: &Bundle, now: Time) -> Self {
        let followed = kept.and_then(|mut kept| kept.follow(Asked { state, bundle, now }).then_some(kept));
        followed.unwrap_or_else(|| Self::new(state, bundle, now))
    }

    /// Whether the law says something else by now of what waits. Nothing that waits may have changed since the last plan.
    #[must_use]
    pub fn is_overruled(&self, state: &State, bundle: &Bundle, now: Time) -> bool {
        !self.rulings.hold(Asked { state, bundle, now })
    }

    /// Decides what happens now.
    pub fn plan(&mut self) -> Plan {
        let plan = self.scheduler.plan(self.revision, self.now);
        let jobs = plan.gangs.iter().chain(&plan.holds).map(|gang| &gang.job);
        self.decided = jobs.chain(plan.preempts.iter().map(|preempt| &preempt.job)).cloned().collect();
        plan
    }

    /// How it plans.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What jobs are told of the last plan.
    pub fn tell(&mut self, state: &State, telling: Telling) -> Told {
        self.teller.tell(&self.scheduler, state, telling)
    }

    /// Why a job waits, after the last plan; `None` where it did not.
    #[must_use]
    pub fn explain(&self, job: &JobName) -> Option<Explanation> {
        self.scheduler.explain(job)
    }

    /// Takes in what has changed. `false` where another planner is needed.
    fn follow(&mut self, asked: Asked<'_>) -> bool {
        let Asked { state, bundle, now } = asked;
        let is_same = self.revision <= state.revision()
            && self.now <= now
            && self.config == settings(state, bundle)
            && !self.rulings.are_worn();
        let Some(news) = is_same.then(|| news(state, self.revision)).flatten() else { return false };
        if news.reserves {
            return false;
        }
        let follows = self.follow_queues(&news.queues, state)
            && news.nodes.iter().all(|node| self.follow_node(node, state, bundle))
            && self.rulings.hold_for(&news.artifacts, asked)
            && (!self.rulings.depend_on_time(bundle) || self.rulings.hold(asked));
        if !follows {
            return false;
        }
        for job in std::mem::take(&mut self.decided) {
            // Of an element that was not started after all the array is otherwise, too.
            // What the plan took for placed may be a part of something else by now.
            let (part, job) = (job.clone(), job.whole());
            if part.is_part() {
                self.parts.entry(job.clone()).or_default().insert(part);
            }
            let array = job.array().map(|(array, _)| array);
            if let Some(array) = array.filter(|array| !news.jobs.contains(array.as_str())) {
                self.follow_job(&array, asked);
            }
            if !news.jobs.contains(job.as_str()) {
                self.follow_job(&job, asked);
            }
        }
        for job in news.jobs {
            if let Ok(job) = job.parse() {
                self.follow_job(&job, asked);
            }
        }
        (self.revision, self.now) = (state.revision(), now);
        true
    }

    /// Takes in what the jobs of each queue have had, which is no change of the queue. `false` where it is another one now.
    fn follow_queues(&mut self, news: &BTreeSet<&str>, state: &State) -> bool {
        let gone = |name: &&str| state.queue(name).is_none() && self.queues.contains_key(*name);
        if news.iter().any(gone) {
            return false;
        }
        state.queues().filter_map(queue_view).all(|view| {
            let Some(known) = self.queues.get_mut(view.name.as_str()) else { return false };
            known.usage = view.usage;
            known.disrupted.clone_from(&view.disrupted);
            view == *known
                && self.scheduler.set_usage(&view.name, view.usage)
                && self.scheduler.set_disrupted(&view.name, &view.disrupted)
        })
    }

    /// Takes in what has become of a node. `false` where it is another one now.
    fn follow_node(&mut self, name: &str, state: &State, bundle: &Bundle) -> bool {
        let view = state.node(name).and_then(|record| node_view(record.node.as_ref()?));
        if !self.rulings.know(name, state, bundle) {
            return false;
        }
        let (known, view) = match (self.nodes.get_mut(name), view) {
            (None, None) => return true,
            (Some(known), Some(view)) => (known, view),
            (Some(_), None) | (None, Some(_)) => return false,
        };
        let schedulable = view.schedulable;
        if (NodeView { schedulable: known.schedulable, ..view }) != *known {
            return false;
        }
        known.schedulable == schedulable || {
            known.schedulable = schedulable;
            self.scheduler.set_node(&known.name, schedulable)
        }
    }

    fn follow_job(&mut self, name: &JobName, asked: Asked<'_>) {
        let job = asked.state.job(name.as_str());
        let views = job.map(|job| job_views(job, &mut self.rulings, asked)).unwrap_or_default();
        let mut gone = self.parts.remove(name).unwrap_or_default();
        gone.insert(name.clone());
        for view in &views {
            gone.remove(&view.name);
        }
        // What was a part gives its place back before the whole takes it.
        for name in gone {
            self.scheduler.remove_job(&name);
            self.teller.gone(&name);
        }
        for view in &views {
            self.scheduler.set_job(view);
            if is_waiting(view) {
                self.teller.waits(&view.name, job.is_some_and(is_told));
            } else {
                self.teller.gone(&view.name);
            }
        }
        let parts: BTreeSet<JobName> =
            views.into_iter().map(|view| view.name).filter(JobName::is_part).collect();
        if !parts.is_empty() {
            self.parts.insert(name.clone(), parts);
        }
    }
}

/// Whether a job, or the next element of an array, waits for a place.
fn is_waiting(job: &JobView) -> bool {
    let may_start = job.array.as_ref().is_none_or(|array| array.left() > 0);
    may_start && matches!(job.state, JobState::Waiting { .. })
}

/// Whether a job was ever told why it waits.
fn is_told(job: &v1::Job) -> bool {
    job.status.as_ref().is_some_and(|status| status.explanation.is_some())
}

/// What has changed since a revision; `None` where that is not known any more.
fn news(state: &State, revision: u64) -> Option<News<'_>> {
    let mut news = News::default();
    for item in state.changes_since(revision).ok()? {
        let names = match item.kind {
            "Node" => &mut news.nodes,
            "Queue" => &mut news.queues,
            "Job" => &mut news.jobs,
            "Reservation" => {
                news.reserves = true;
                continue;
            }
            _ => &mut news.artifacts,
        };
        names.insert(&item.name);
    }
    Some(news)
}

#[cfg(test)]
mod tests;
