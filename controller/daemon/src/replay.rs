//! The plans of the log, decided once more. It must not know how one is decided.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use holdfast_api::store::{Command, CommitPlan, command};
use holdfast_api::{status_from_problem, timestamp, v1};
use holdfast_policy::Bundle;
use holdfast_raft::{RaftNode, ReplayStep};
use holdfast_reconcile::{Replayed, replay};
use holdfast_state::State;
use holdfast_types::{Problem, ProblemKind, Time};
use prost::Message as _;
use tonic::Status;

use crate::app::parse_bundle;
use crate::machine::StateMachine;

/// So many states before a plan are remembered: it was made of one of them.
const STATES: usize = 1_024;
/// The most plans that are told of one by one.
const MAX_DETAILS: usize = 16;

/// What is known on the way through the log.
#[derive(Default)]
struct Pass {
    wanted: u64,
    states: VecDeque<(u64, State)>,
    laws: BTreeMap<String, Bundle>,
    report: v1::ReplayReport,
    /// The newest plan so far, where one is wanted: it is decided when it is known to be the one.
    newest: Option<(CommitPlan, Option<State>, u64)>,
    failed: Option<Problem>,
}

/// Goes through what the log still has. A revision means the last plan that was committed by then; 0 means all.
pub(crate) fn replayed(raft: &RaftNode<StateMachine>, wanted: u64) -> Result<v1::ReplayReport, Status> {
    let mut pass = Pass { wanted, ..Pass::default() };
    let gone = raft.replay(|step| pass.step(&step));
    gone.map_err(|error| {
        let problem = Problem::new(2190, ProblemKind::Failed, "the log cannot be gone through once more");
        status_from_problem(&problem.because(error.to_string()).next("holdfast scheduler replay"))
    })?;
    pass.end().map_err(|problem| status_from_problem(&problem))
}

impl Pass {
    fn step(&mut self, step: &ReplayStep<'_, StateMachine>) -> ControlFlow<()> {
        let state = &step.machine.state;
        let revision = state.revision();
        if self.report.from_revision == 0 {
            self.report.from_revision = revision;
        }
        if self.wanted != 0 && revision > self.wanted {
            return ControlFlow::Break(());
        }
        self.report.to_revision = revision;
        self.remember(revision, state);
        if let Ok(Command { body: Some(command::Body::CommitPlan(plan)), .. }) = Command::decode(step.command)
        {
            self.plan(plan, revision + 1);
        }
        if self.failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn remember(&mut self, revision: u64, state: &State) {
        // Of one revision the last state counts: what came without a new one concerns no plan.
        if self.states.back().is_some_and(|(last, _)| *last == revision) {
            self.states.pop_back();
        }
        if self.states.len() >= STATES {
            self.states.pop_front();
        }
        self.states.push_back((revision, state.clone()));
    }

    fn plan(&mut self, plan: CommitPlan, revision: u64) {
        let at = self.states.partition_point(|(known, _)| *known < plan.base_revision);
        let base = self.states.get(at).filter(|(known, _)| *known == plan.base_revision);
        let base = base.map(|(_, state)| state.clone());
        if self.wanted != 0 {
            self.newest = Some((plan, base, revision));
            return;
        }
        match base {
            None => self.report.too_old += 1,
            Some(base) => self.decide(&plan, &base, revision),
        }
    }

    fn decide(&mut self, plan: &CommitPlan, base: &State, revision: u64) {
        let Some(stored) = base.bundle() else { return };
        if !self.laws.contains_key(&stored.hash) {
            match parse_bundle(stored) {
                Ok(bundle) => drop(self.laws.insert(stored.hash.clone(), bundle)),
                Err(problem) => {
                    self.failed = Some(problem);
                    return;
                }
            }
        }
        let Some(bundle) = self.laws.get(&stored.hash) else { return };
        let Replayed { hash, differences } = replay(base, bundle, plan);
        let is_same = hash == plan.plan_hash && differences.is_empty();
        self.report.plans += 1;
        self.report.same += u32::from(is_same);
        let is_told = self.wanted != 0 || !is_same;
        if is_told && self.report.details.len() < MAX_DETAILS {
            self.report.details.push(detail(plan, revision, hash, differences));
        }
    }

    fn end(mut self) -> Result<v1::ReplayReport, Problem> {
        if let Some((plan, base, revision)) = self.newest.take() {
            let Some(base) = base else {
                let problem = Problem::new(
                    2191,
                    ProblemKind::NotFound,
                    format!("the plan of revision {revision} cannot be decided once more"),
                );
                let because = format!(
                    "it was made of the state of revision {}, and the log begins at {}",
                    plan.base_revision, self.report.from_revision
                );
                return Err(problem.because(because).next("holdfast scheduler replay"));
            };
            self.decide(&plan, &base, revision);
        } else if self.wanted != 0 {
            let problem = Problem::new(
                2191,
                ProblemKind::NotFound,
                format!("no plan was committed by revision {}", self.wanted),
            );
            let because = format!(
                "the log of this controller has the revisions {} to {}",
                self.report.from_revision, self.report.to_revision
            );
            return Err(problem.because(because).next("holdfast scheduler replay"));
        }
        self.failed.map_or(Ok(self.report), Err)
    }
}

fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

fn detail(plan: &CommitPlan, revision: u64, replayed: String, differences: Vec<String>) -> v1::ReplayedPlan {
    v1::ReplayedPlan {
        revision,
        base_revision: plan.base_revision,
        decided_at: Some(timestamp(Time(plan.logical_now_ms))),
        law: plan.policy_hash.clone(),
        committed: plan.plan_hash.clone(),
        replayed,
        starts: count(plan.gangs.len()),
        stops: count(plan.preempts.len()),
        holds: count(plan.holds.len()),
        differences,
    }
}
