//! Which jobs that wait are told why, and when: one sentence each, so many at a time. It must not know how a sentence is found.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::v1;
use holdfast_scheduler::{Explanation, Scheduler};
use holdfast_state::State;
use holdfast_types::JobName;

/// The most jobs that one command tells why they wait. What is more is told by the next one.
const MAX_TOLD: usize = 1_000;
/// The most jobs that are looked at in one round for whether they are told something else.
const MAX_LOOKED: usize = 16 * MAX_TOLD;

/// Which waiting jobs are told why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Those that were told nothing yet, or the other of whether they could ever be placed.
    New,
    /// Also those for which the words differ: every start changes the numbers of every job that waits.
    Changed,
}

/// What jobs are told in one command.
#[derive(Debug, Default)]
pub struct Told {
    /// One sentence for each.
    pub sentences: BTreeMap<String, v1::JobExplanation>,
    /// Whether nobody is left to be told anything for now.
    pub is_all: bool,
}

/// Who was told nothing yet, and how far the others have been looked at.
#[derive(Debug)]
pub(crate) struct Teller {
    untold: BTreeSet<JobName>,
    look: Look,
}

/// Whether jobs that were told something are looked at again.
#[derive(Debug)]
enum Look {
    /// All of them were.
    Done,
    /// From the first.
    Begin,
    /// From the one after this.
    After(JobName),
}

impl Teller {
    /// Of another planner everybody is looked at: only then may it be another matter whether a job could ever be placed.
    pub(crate) fn new() -> Self {
        Self { untold: BTreeSet::new(), look: Look::Begin }
    }

    /// A job waits, and was told why or not.
    pub(crate) fn waits(&mut self, name: &JobName, is_told: bool) {
        if is_told {
            self.untold.remove(name);
        } else {
            self.untold.insert(name.clone());
        }
    }

    /// A job does not wait.
    pub(crate) fn gone(&mut self, name: &JobName) {
        self.untold.remove(name);
    }

    /// What is told after a plan.
    pub(crate) fn tell(&mut self, scheduler: &Scheduler, state: &State, telling: Telling) -> Told {
        let mut told = Told::default();
        if !self.untold.is_empty() {
            let mut last = None;
            let is_first = |job: &&JobName| last.replace(job.whole()) != Some(job.whole());
            let each = scheduler.explain_each(self.untold.iter().filter(is_first).take(MAX_TOLD));
            told.sentences.extend(each.map(|(job, why)| (job.to_string(), sentence(&why))));
        }
        if telling == Telling::Changed && matches!(self.look, Look::Done) {
            self.look = Look::Begin;
        }
        self.look = self.look_on(&mut told, scheduler, state, telling);
        told.is_all = self.untold.len() <= MAX_TOLD && matches!(self.look, Look::Done);
        told
    }

    /// Looks at those that were told something, as far as one round may.
    fn look_on(&self, told: &mut Told, scheduler: &Scheduler, state: &State, telling: Telling) -> Look {
        let from = match &self.look {
            Look::Done => return Look::Done,
            Look::Begin => None,
            Look::After(job) => Some(job),
        };
        let (mut looked, mut last) = (0, None);
        for (job, why) in scheduler.explain_each(scheduler.waiting_after(from)) {
            looked += 1;
            // Of a job that waits in parts the first says why.
            if last.replace(job.whole()) == Some(job.whole()) {
                continue;
            }
            let sentence = sentence(&why);
            if differs(state, job, &sentence, telling) {
                told.sentences.insert(job.to_string(), sentence);
            }
            if told.sentences.len() >= MAX_TOLD || looked >= MAX_LOOKED {
                return Look::After(job.clone());
            }
        }
        Look::Done
    }
}

/// Whether a job is told something that it has not been.
fn differs(state: &State, job: &JobName, told: &v1::JobExplanation, telling: Telling) -> bool {
    let known = state.job(job.whole().as_str()).and_then(|job| job.status.as_ref()?.explanation.as_ref());
    match (known, telling) {
        (None, _) => true,
        (Some(known), Telling::New) => known.never_fits != told.never_fits,
        (Some(known), Telling::Changed) => known != told,
    }
}

/// What a job carries of its explanation. The rest is for who asks for it.
fn sentence(explanation: &Explanation) -> v1::JobExplanation {
    v1::JobExplanation {
        summary: explanation.summary.clone(),
        never_fits: explanation.never_fits,
        ..v1::JobExplanation::default()
    }
}
