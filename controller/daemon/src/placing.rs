//! Placing what waits. A plan follows from the state, the law and the time, so an idle cluster is planned once and then left
//! alone however many jobs wait in it; and a busy one is not planned all the time, because a plan of a large cluster takes long.

use std::sync::Arc;
use std::time::Duration;

use holdfast_api::store::{command, outcome};
use holdfast_policy::Bundle;
use holdfast_reconcile::{MAX_TOLD, Rulings, Telling, commit_plan, concerns_placement, snapshot};
use holdfast_scheduler::{Config as Planning, Scheduler};
use holdfast_state::{State, TURNS};
use holdfast_types::Span;
use tokio::time::Instant;
use tonic::Status;

use crate::app::{App, now, system};

/// The law is asked anew so often although nothing changed: it knows times.
const ASK_AGAIN: Duration = Duration::from_secs(60);
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
    rulings: Arc<Rulings>,
    /// When the law is asked whether it says the same.
    ask: Instant,
    /// The next one is made no sooner.
    rested: Instant,
    /// And no later, where this is known, even if nothing changes.
    stale: Option<Instant>,
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
        if !app.with(|state| self.is_due(state, &law)) && !self.is_overruled(app, &bundle).await? {
            return Ok(());
        }
        let state = app.with(State::clone);
        if !waits(&state) {
            app.explained.clear();
            self.planned(&state, law, Rulings::default(), (Duration::ZERO, None));
            return Ok(());
        }
        let (begun, at, telling) = (Instant::now(), now(), self.telling());
        let planning = planning(&state, law.clone());
        let seen = state.clone();
        let planned = app.apart.run(move || {
            let (view, rulings) = snapshot(&seen, &bundle, at);
            let mut scheduler = Scheduler::new(&view, &planning, at);
            let planned = scheduler.plan(view.revision, at);
            let explanations = scheduler.explanations();
            let commit = commit_plan(&planned, &explanations, &planning.policy_hash, &seen, telling);
            (commit, explanations, planned.ask_again, rulings)
        });
        let (commit, explanations, next, rulings) = planned.await?;
        app.explained.replace(explanations);
        if telling == Telling::Changed && commit.as_ref().is_none_or(|c| c.explanations.len() < MAX_TOLD) {
            self.told = Some(Instant::now());
        }
        let mut stale = next.map(|time| Duration::from_millis(time.since(at).0));
        let mut sooner = |after: Duration| stale = Some(stale.map_or(after, |stale| stale.min(after)));
        if telling == Telling::New {
            sooner(RETELL);
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
            sooner(RETRY);
        }
        self.planned(&state, law, rulings, (begun.elapsed() * REST, stale));
        told.transpose().map(|_| ())
    }

    /// Whether the law, which is the same, says something else by now of what waits.
    async fn is_overruled(&mut self, app: &App, bundle: &Arc<Bundle>) -> Result<bool, Status> {
        let Some(last) = self.last.as_mut().filter(|last| Instant::now() >= last.ask.max(last.rested)) else {
            return Ok(false);
        };
        last.ask = Instant::now() + ASK_AGAIN;
        let (rulings, bundle, state) =
            (Arc::clone(&last.rulings), Arc::clone(bundle), app.with(State::clone));
        app.apart.run(move || !rulings.hold(&state, &bundle, now())).await
    }

    fn planned(
        &mut self,
        state: &State,
        law: String,
        rulings: Rulings,
        (rest, stale): (Duration, Option<Duration>),
    ) {
        let now = Instant::now();
        let (ask, rested, stale) = (now + ASK_AGAIN, now + rest, stale.map(|stale| now + stale));
        let (revision, rulings) = (state.revision(), Arc::new(rulings));
        self.last = Some(Planned { revision, law, rulings, ask, rested, stale });
    }

    fn telling(&self) -> Telling {
        if self.told.is_some_and(|at| at.elapsed() < RETELL) { Telling::New } else { Telling::Changed }
    }

    fn is_due(&self, state: &State, law: &str) -> bool {
        let Some(last) = &self.last else { return true };
        let now = Instant::now();
        let stale = last.stale.is_some_and(|stale| now >= stale);
        now >= last.rested && (stale || last.law != law || concerns_placement(state, last.revision))
    }
}

/// How to plan. Nobody is stopped and nothing is held while a member of the cluster would not know what that is.
fn planning(state: &State, policy_hash: String) -> Planning {
    let usual = Planning { policy_hash, ..Planning::default() };
    if state.feature_level() >= TURNS {
        return usual;
    }
    Planning { max_holds: 0, slice: Span(u64::MAX), min_run: Span(u64::MAX), ..usual }
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
        placing.planned(&state, "law".to_owned(), Rulings::default(), (Duration::ZERO, None));
        tokio::time::advance(ASK_AGAIN * 60).await;
        assert!(!placing.is_due(&state, "law"));
        assert!(placing.is_due(&state, "another law"));
        placing.planned(&state, "law".to_owned(), Rulings::default(), (Duration::ZERO, Some(RETELL)));
        tokio::time::advance(RETELL - MOMENT).await;
        assert!(!placing.is_due(&state, "law"));
        tokio::time::advance(MOMENT).await;
        assert!(placing.is_due(&state, "law"), "something was to come out otherwise by now");
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_that_took_long_is_rested_from_whatever_changes() {
        let (state, mut placing) = (State::default(), Placing::default());
        let rest = (Duration::from_secs(2), None);
        placing.planned(&state, "law".to_owned(), Rulings::default(), rest);
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
