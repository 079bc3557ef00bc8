//! The leader takes a rollout forward: what the planner finds in the state becomes commands, and leadership is handed over
//! before the machine of the leader goes. Where none is under way it begins one for a slot that rots.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_api::store::{StartRollout, command};
use holdfast_raft::{MemberStatus, Role};
use holdfast_reconcile::{ControllerFacts, RolloutAction, repair, rollout_actions};
use holdfast_types::AsProblem as _;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::app::{App, now, system};
use crate::members;

/// How often it is looked: steps take seconds at the least.
const EVERY: Duration = Duration::from_millis(250);
/// How often it is looked for slots that rot.
const LOOK: Duration = Duration::from_secs(5);
/// A controller that answered a call of raft within this time is there.
const HEARD_MS: u64 = 3_000;
/// A controller this near to the end of the log has caught up.
const NEAR: u64 = 500;

/// Runs until it is cancelled.
pub(crate) async fn tend(app: Arc<App>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looked = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if !app.raft.is_leader() {
            continue;
        }
        let done = if app.with(|state| state.active_rollout().is_some()) {
            round(&app).await
        } else if looked.elapsed() >= LOOK {
            looked = Instant::now();
            mend(&app).await
        } else {
            continue;
        };
        if let Err(status) = done {
            tracing::warn!(error = status.message(), "a round of the rollout was not finished");
        }
    }
}

async fn round(app: &App) -> Result<(), Status> {
    let facts = facts(app);
    let actions = app.with(|state| rollout_actions(state, &facts, now()));
    for action in actions {
        match action {
            RolloutAction::Step(step) => {
                tracing::info!(
                    node = step.node,
                    phase = step.phase,
                    reason = step.reason,
                    "a rollout goes on"
                );
                app.propose(system(command::Body::StepRollout(step))).await?;
            }
            RolloutAction::HandOver => {
                let handed = app.raft.transfer_leader(None).await;
                let leader = handed.map_err(|error| holdfast_api::status_from_problem(&error.problem()))?;
                tracing::info!(
                    leader = leader.name,
                    "leadership is handed over: this machine is updated next"
                );
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Begins a rollout for a slot that rots.
async fn mend(app: &App) -> Result<(), Status> {
    let Some(spec) = app.with(|state| repair(state, now())) else { return Ok(()) };
    let key =
        holdfast_client::idempotency_key().map_err(|problem| holdfast_api::status_from_problem(&problem))?;
    tracing::warn!(
        node = spec.nodes.first().map_or("", String::as_str),
        release = spec.release,
        "a release that a node gave up is written to it again"
    );
    let body = StartRollout { uid: format!("rollout-{key}"), spec: Some(spec) };
    app.propose(system(command::Body::StartRollout(body))).await.map(drop)
}

fn facts(app: &App) -> ControllerFacts {
    let status = app.raft.status();
    let voters = status.members.iter().filter(|found| found.role == Role::Voter);
    let voters: Vec<&MemberStatus> = voters.collect();
    let well = |found: &MemberStatus| {
        let heard = found.member.id == status.id || found.heard_ms.is_some_and(|ms| ms < HEARD_MS);
        heard && members::lag(&status, found).is_some_and(|lag| lag <= NEAR)
    };
    let names: BTreeSet<String> = voters.iter().map(|found| found.member.name.clone()).collect();
    let leader = app.raft.leader().map(|leader| leader.name).unwrap_or_default();
    ControllerFacts { all_well: voters.iter().copied().all(well), voters: names, leader }
}
