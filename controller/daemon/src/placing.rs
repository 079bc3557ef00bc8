//! Placing what waits. A plan follows from the state, the law and the time, so an idle cluster is planned once and then left
//! alone however many jobs wait in it; and a busy one is not planned all the time, because a plan of a large cluster takes long.

use std::time::Duration;

use holdfast_api::store::{command, outcome};
use holdfast_reconcile::{MAX_TOLD, Telling, commit_plan, concerns_placement, next_start, snapshot};
use holdfast_scheduler::{Config as Planning, plan};
use holdfast_state::State;
use tokio::time::Instant;
use tonic::Status;

use crate::app::{App, now, system};

/// It is planned anew so often although nothing changed: the law knows times.
const REPLAN: Duration = Duration::from_secs(60);
/// How often jobs that wait are told where only the words of it differ.
const RETELL: Duration = Duration::from_secs(10);
/// When it is planned again where not all of a plan was taken.
const RETRY: Duration = Duration::from_millis(250);
/// Planning rests for so many times as long as it took.
const REST: u32 = 4;

/// What the last plan was made of.
#[derive(Debug)]
struct Planned {
    revision: u64,
    law: String,
    /// The next one is made no sooner.
    rested: Instant,
    /// And no later, even where nothing changes.
    stale: Instant,
}

/// When it was planned, and who was told.
#[derive(Debug, Default)]
pub(crate) struct Placing {
    last: Option<Planned>,
    told: Option<Instant>,
}

impl Placing {
    /// Plans where that could come out otherwise than the last time, and proposes what follows.
    pub(crate) async fn round(&mut self, app: &App) -> Result<(), Status> {
        let bundle = app.bundle()?;
        let law = bundle.hash().to_string();
        if !app.with(|state| self.is_due(state, &law)) {
            return Ok(());
        }
        let state = app.with(State::clone);
        if !waits(&state) {
            app.explained.clear();
            self.planned(&state, law, Duration::ZERO, REPLAN);
            return Ok(());
        }
        let (begun, at, telling) = (Instant::now(), now(), self.telling());
        let planning = Planning { policy_hash: law.clone(), ..Planning::default() };
        let seen = state.clone();
        // This takes longer than a turn of the runtime should.
        let planned = tokio::task::spawn_blocking(move || {
            let view = snapshot(&seen, &bundle, at);
            let next = next_start(&view, at);
            let planned = plan(&view, &planning, at);
            let commit = commit_plan(&planned, &planning.policy_hash, &seen, telling);
            (commit, planned.explanations, next)
        });
        let (commit, explanations, next) =
            planned.await.map_err(|error| Status::internal(format!("the scheduler stopped: {error}")))?;
        app.explained.replace(explanations);
        if telling == Telling::Changed && commit.as_ref().is_none_or(|c| c.explanations.len() < MAX_TOLD) {
            self.told = Some(Instant::now());
        }
        let mut stale = next.map_or(REPLAN, |time| Duration::from_millis(time.since(at).0).min(REPLAN));
        if telling == Telling::New {
            stale = stale.min(RETELL);
        }
        let told = match commit {
            Some(commit) => Some(app.propose(system(command::Body::CommitPlan(commit))).await),
            None => None,
        };
        let all_taken = told.as_ref().is_none_or(|told| {
            let result = told.as_ref().ok().and_then(|outcome| outcome.result.as_ref());
            matches!(result, Some(outcome::Result::Plan(taken)) if taken.rejected.is_empty())
        });
        if !all_taken {
            stale = stale.min(RETRY);
        }
        self.planned(&state, law, begun.elapsed() * REST, stale);
        told.transpose().map(|_| ())
    }

    fn planned(&mut self, state: &State, law: String, rest: Duration, stale: Duration) {
        let now = Instant::now();
        let (rested, stale) = (now + rest, now + stale);
        self.last = Some(Planned { revision: state.revision(), law, rested, stale });
    }

    fn telling(&self) -> Telling {
        if self.told.is_some_and(|at| at.elapsed() < RETELL) { Telling::New } else { Telling::Changed }
    }

    fn is_due(&self, state: &State, law: &str) -> bool {
        let Some(last) = &self.last else { return true };
        let now = Instant::now();
        now >= last.rested
            && (now >= last.stale || last.law != law || concerns_placement(state, last.revision))
    }
}

/// Whether any job waits for a place.
fn waits(state: &State) -> bool {
    state.jobs().any(|job| job.status.as_ref().is_some_and(|status| status.phase == "Pending"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment, so that what rests until now has rested.
    const MOMENT: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn nothing_is_planned_again_while_nothing_has_changed() {
        let (state, mut placing) = (State::default(), Placing::default());
        assert!(placing.is_due(&state, "law"), "it was never planned");
        placing.planned(&state, "law".to_owned(), Duration::ZERO, REPLAN);
        tokio::time::advance(REPLAN - MOMENT).await;
        assert!(!placing.is_due(&state, "law"));
        assert!(placing.is_due(&state, "another law"));
        tokio::time::advance(MOMENT).await;
        assert!(placing.is_due(&state, "law"), "the law knows times");
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_that_took_long_is_rested_from_whatever_changes() {
        let (state, mut placing) = (State::default(), Placing::default());
        placing.planned(&state, "law".to_owned(), Duration::from_secs(2), REPLAN);
        tokio::time::advance(Duration::from_secs(2) - MOMENT).await;
        assert!(!placing.is_due(&state, "another law"));
        tokio::time::advance(MOMENT).await;
        assert!(placing.is_due(&state, "another law"));
    }

    #[tokio::test(start_paused = true)]
    async fn words_that_differ_are_told_from_time_to_time() {
        let mut placing = Placing::default();
        assert_eq!(placing.telling(), Telling::Changed);
        placing.told = Some(Instant::now());
        assert_eq!(placing.telling(), Telling::New);
        tokio::time::advance(RETELL).await;
        assert_eq!(placing.telling(), Telling::Changed);
    }
}
