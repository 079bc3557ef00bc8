//! How long jobs are expected to hold their places: by what jobs like them took, and by what they may take. It must not know what is
//! foreseen with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_api::{millis, v1};
use holdfast_scheduler::{Expectation, JobState, JobView, Verdicts};
use holdfast_state::State;
use holdfast_types::{JobPhase, JobSpec, Span};

use crate::rulings::{Asked, Rulings};

/// So many of the newest jobs that are alike are gone by, and at least so many.
const NEWEST: usize = 16;
const FEWEST: usize = 3;

/// Jobs are alike that somebody submitted for one tenant with one image in any version, on as many accelerators.
type Likeness = (String, String, String, u64);

/// What is expected of the jobs of a state.
pub(crate) struct Expected<'a> {
    /// For how long nine of ten held places, in all.
    took: BTreeMap<Likeness, Span>,
    rulings: Rulings,
    asked: Asked<'a>,
}

impl<'a> Expected<'a> {
    pub(crate) fn of(asked: Asked<'a>) -> Self {
        let rulings = Rulings::of_nodes(asked.state, asked.bundle);
        Self { took: took(asked.state), rulings, asked }
    }

    /// A job as it is kept; an element that has not started is like its array.
    fn job(&self, job: &JobView) -> Option<&'a v1::Job> {
        let name = job.name.whole();
        let array = || self.asked.state.job(name.array()?.0.as_str());
        self.asked.state.job(name.as_str()).or_else(array)
    }
}

impl Expectation for Expected<'_> {
    /// One that has been going for longer than those like it is expected to go on for as long again.
    fn takes(&self, job: &JobView) -> Option<Span> {
        let likeness = self.job(job).and_then(likeness);
        let took = likeness.and_then(|likeness| self.took.get(&likeness)).map(|took| {
            let runs = match &job.state {
                JobState::Placed { since, .. } => self.asked.now.since(*since),
                JobState::Waiting { .. } => Span(0),
            };
            // What was done before it was stopped is done where it was saved.
            let done = if job.spec.checkpoint.is_some() { job.past.ran } else { Span(0) };
            let rest = Span(took.0.saturating_sub(done.0));
            if rest < runs { Span(runs.0.saturating_mul(2)) } else { rest }
        });
        took.into_iter().chain(job.spec.max_run_time).min()
    }

    fn again(&mut self, job: &JobView) -> Option<Verdicts> {
        let stored = self.job(job)?;
        let status = stored.status.as_ref()?;
        let is_over =
            status.phase == JobPhase::Stopping.as_str() && status.after_stop != JobPhase::Pending.as_str();
        let spec: &Arc<JobSpec> = &job.spec;
        (!is_over).then(|| self.rulings.ask(job.name.as_str(), &status.submitted_by, spec, self.asked))
    }
}

/// For how long nine of ten of the newest jobs of each likeness held places that ended well.
fn took(state: &State) -> BTreeMap<Likeness, Span> {
    let mut known: BTreeMap<Likeness, Vec<(u64, u64)>> = BTreeMap::new();
    for job in state.jobs() {
        let Some(status) = job.status.as_ref() else { continue };
        if status.phase == JobPhase::Succeeded.as_str()
            && let Some(likeness) = likeness(job)
        {
            let ended = millis(status.ended_at.as_ref());
            known.entry(likeness).or_default().push((ended.0, status.ran_ms));
        }
    }
    let nine_of_ten = |mut jobs: Vec<(u64, u64)>| {
        jobs.sort_unstable_by(|one, two| two.cmp(one));
        let mut spans: Vec<u64> = jobs.into_iter().take(NEWEST).map(|(_, ran)| ran).collect();
        spans.sort_unstable();
        let rank = (9 * spans.len()).div_ceil(10).saturating_sub(1);
        spans.get(rank).copied().filter(|_| spans.len() >= FEWEST).map(Span)
    };
    known.into_iter().filter_map(|(likeness, jobs)| Some((likeness, nine_of_ten(jobs)?))).collect()
}

fn likeness(job: &v1::Job) -> Option<Likeness> {
    let (spec, status) = (job.spec.as_ref()?, job.status.as_ref()?);
    let image = spec.image.split_once('@').map_or(spec.image.as_str(), |(name, _)| name);
    let devices = |group: &v1::TaskGroup| {
        let request = group.resources.as_ref().and_then(|resources| resources.devices.as_ref());
        u64::from(group.count) * request.map_or(0, |request| u64::from(request.count))
    };
    let devices = spec.groups.iter().map(devices).sum();
    Some((spec.tenant.clone(), status.submitted_by.clone(), image.to_owned(), devices))
}
