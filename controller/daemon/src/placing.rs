//! Placing what waits. A plan follows from the state, the law and the time, so an idle cluster is planned once and then left
//! alone however many jobs wait in it; and a busy one is not planned all the time, because a plan of a large cluster takes long.

use std::sync::Arc;
use std::time::Duration;

use holdfast_api::store::{CommitPlan, command, outcome};
use holdfast_policy::Bundle;
use holdfast_reconcile::{Planner, Telling, Told, commit_plan, concerns_placement};
use holdfast_state::State;
use holdfast_types::Time;
use tokio::time::Instant;
use tonic::Status;

use crate::app::{App, now, system};

/// The law is asked anew so often although nothing changed: it knows times.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// How often jobs that wait are told where only the words of it differ.
const RETELL: Duration = Duration::from_secs(10);
/// How long nobody is told anything after somebody was: every sentence is a change of a job that every member writes, and there may be
/// as many as jobs that wait.
const TELL: Duration = Duration::from_millis(500);
/// When it is planned again where not all of a plan was taken.
const RETRY: Duration = Duration::from_millis(250);
/// A plan that took no longer is not rested from; from a longer one planning rests for as long as it took more, so that a large cluster is
/// not planned all the time.
const BRISK: Duration = Duration::from_millis(20);

/// What the last plan was made of.
#[derive(Debug)]
struct Planned {
    revision: u64,
    law: String,
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
    /// When somebody was told something last, and when all were looked at for whether they are told something else.
    said: Option<Instant>,
    told: Option<Instant>,
}

/// What came of a round.
#[derive(Debug)]
struct Found {
    commit: Option<CommitPlan>,
    /// When it would be decided otherwise although nothing happened.
    ask_again: Option<Time>,
    /// Whether nobody is left to be told anything for now.
    is_all_told: bool,
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
        let (begun, at, telling, revision) = (Instant::now(), now(), self.telling(), state.revision());
        let work = move |kept| find(kept, &state, &bundle, (at, telling));
        let Some(found) = app.planner.take(&app.apart, work).await? else {
            self.planned(revision, law, (Duration::ZERO, None));
            return Ok(());
        };
        // Waiting for the disk afterwards keeps nobody from work.
        let took = begun.elapsed();
        let mut stale = found.ask_again.map(|time| Duration::from_millis(time.since(at).0));
        let mut sooner = |after: Duration| stale = Some(stale.map_or(after, |stale| stale.min(after)));
        match telling {
            None => sooner(TELL),
            Some(Telling::Changed) if found.is_all_told => self.told = Some(Instant::now()),
            Some(Telling::New) if found.is_all_told => sooner(RETELL),
            Some(Telling::Changed | Telling::New) => sooner(TELL),
        }
        if found.commit.as_ref().is_some_and(|commit| !commit.explanations.is_empty()) {
            self.said = Some(Instant::now());
        }
        let told = match found.commit {
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
        self.planned(revision, law, (took.saturating_sub(BRISK), stale));
        told.transpose().map(|_| ())
    }

    /// Whether the law, which is the same, says something else by now of what waits. Then a planner begins anew.
    async fn is_overruled(&mut self, app: &App, bundle: &Arc<Bundle>) -> Result<bool, Status> {
        let Some(last) = self.last.as_mut().filter(|last| Instant::now() >= last.ask.max(last.rested)) else {
            return Ok(false);
        };
        last.ask = Instant::now() + ASK_AGAIN;
        let (bundle, state) = (Arc::clone(bundle), app.with(State::clone));
        let work = move |kept: Option<Planner>| {
            let is_overruled = kept.as_ref().is_some_and(|kept| kept.is_overruled(&state, &bundle, now()));
            (kept.filter(|_| !is_overruled), is_overruled)
        };
        app.planner.take(&app.apart, work).await
    }

    fn planned(&mut self, revision: u64, law: String, (rest, stale): (Duration, Option<Duration>)) {
        let now = Instant::now();
        let (ask, rested, stale) = (now + ASK_AGAIN, now + rest, stale.map(|stale| now + stale));
        self.last = Some(Planned { revision, law, ask, rested, stale });
    }

    /// Who is told something now; `None` where nobody is.
    fn telling(&self) -> Option<Telling> {
        if self.said.is_some_and(|at| at.elapsed() < TELL) {
            return None;
        }
        Some(if self.told.is_some_and(|at| at.elapsed() < RETELL) { Telling::New } else { Telling::Changed })
    }

    fn is_due(&self, state: &State, law: &str) -> bool {
        let Some(last) = &self.last else { return true };
        let now = Instant::now();
        let stale = last.stale.is_some_and(|stale| now >= stale);
        now >= last.rested && (stale || last.law != law || concerns_placement(state, last.revision))
    }
}

/// Plans with the planner that was kept, or with another one. Nothing comes of it where there was none and nobody waits.
fn find(
    kept: Option<Planner>,
    state: &State,
    bundle: &Bundle,
    (at, telling): (Time, Option<Telling>),
) -> (Option<Planner>, Option<Found>) {
    if kept.is_none() && !waits(state) {
        return (None, None);
    }
    let mut planner = Planner::following(kept, state, bundle, at);
    let plan = planner.plan();
    let told = telling.map_or_else(Told::default, |telling| planner.tell(state, telling));
    let commit = commit_plan(&plan, told.sentences, &planner.config().policy_hash);
    (Some(planner), Some(Found { commit, ask_again: plan.ask_again, is_all_told: told.is_all }))
}

/// Whether any job waits for a place, or could have to make way.
fn waits(state: &State) -> bool {
    state.reservations().next().is_some()
        || state.jobs().any(|job| job.status.as_ref().is_some_and(|status| status.phase == "Pending"))
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
        placing.planned(state.revision(), "law".to_owned(), (Duration::ZERO, None));
        tokio::time::advance(ASK_AGAIN * 60).await;
        assert!(!placing.is_due(&state, "law"));
        assert!(placing.is_due(&state, "another law"));
        placing.planned(state.revision(), "law".to_owned(), (Duration::ZERO, Some(RETELL)));
        tokio::time::advance(RETELL - MOMENT).await;
        assert!(!placing.is_due(&state, "law"));
        tokio::time::advance(MOMENT).await;
        assert!(placing.is_due(&state, "law"), "something was to come out otherwise by now");
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_that_took_long_is_rested_from_whatever_changes() {
        let (state, mut placing) = (State::default(), Placing::default());
        let rest = (Duration::from_secs(2), None);
        placing.planned(state.revision(), "law".to_owned(), rest);
        tokio::time::advance(Duration::from_secs(2) - MOMENT).await;
        assert!(!placing.is_due(&state, "another law"));
        tokio::time::advance(MOMENT).await;
        assert!(placing.is_due(&state, "another law"));
    }

    #[tokio::test(start_paused = true)]
    async fn words_that_differ_are_told_from_time_to_time() {
        let mut placing = Placing::default();
        assert_eq!(placing.telling(), Some(Telling::Changed));
        placing.told = Some(Instant::now());
        assert_eq!(placing.telling(), Some(Telling::New));
        placing.said = Some(Instant::now());
        assert_eq!(placing.telling(), None);
        tokio::time::advance(TELL).await;
        assert_eq!(placing.telling(), Some(Telling::New));
        tokio::time::advance(RETELL).await;
        assert_eq!(placing.telling(), Some(Telling::Changed));
    }
}
