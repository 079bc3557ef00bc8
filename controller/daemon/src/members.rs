//! The leader brings the controllers that were admitted in, and those that were removed out: one step a round, from what the
//! state and the log say, so that a round may come late, twice, or from the next leader.

use std::sync::Arc;
use std::time::Duration;

use holdfast_api::store::{ControllerRecord, SettleController, command};
use holdfast_raft::{ChangeError, Member, MemberStatus, Role, Status};
use holdfast_state::{ADMITTED, JOINED, REMOVED};
use holdfast_types::AsProblem as _;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::app::{App, system};

/// How often it is looked whether a controller waits.
const EVERY: Duration = Duration::from_millis(500);
/// How long a controller that is to join may take to take a connection.
const CONNECT: Duration = Duration::from_millis(500);
/// A learner this near to the end of the log is made a voter; making it one waits for the rest.
const NEAR: u64 = 500;
/// A learner that was heard within this time is there.
const HEARD_MS: u64 = 3_000;

/// Runs until it is cancelled.
pub(crate) async fn tend(app: Arc<App>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = String::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let status = app.raft.status();
        app.known.learn(&status);
        if !app.raft.is_leader() {
            continue;
        }
        let trouble = round(&app, &status).await.err().unwrap_or_default();
        if !trouble.is_empty() && trouble != last {
            tracing::warn!(trouble, "the controllers are not as they should be yet");
        }
        last = trouble;
    }
}

async fn round(app: &App, status: &Status) -> Result<(), String> {
    if !app.begun() {
        return Ok(());
    }
    let records: Vec<ControllerRecord> = app.with(|state| state.controllers().cloned().collect());
    let member = |id: u64| status.members.iter().any(|found| found.member.id == id);
    for record in &records {
        // After a restore or a recovery the state still knows those of the time before.
        let gone = record.phase == JOINED && !member(record.id);
        let late = record.phase == ADMITTED && !app.config.begun.is_empty() && record.id < app.config.id;
        if gone || late {
            settle(app, (record.id, &record.name), REMOVED, "it is not of this incarnation").await?;
            return Ok(());
        }
    }
    for record in records.iter().filter(|record| record.phase == ADMITTED) {
        step(app, status, record).await?;
    }
    // A learner that nobody waits for was admitted and given up.
    let wanted = |id: u64| records.iter().any(|record| record.id == id && record.phase != REMOVED);
    let left = status.members.iter().filter(|member| member.role == Role::Learner);
    for member in left.filter(|member| !wanted(member.member.id)) {
        app.raft.remove(member.member.id).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The next step of a controller that was admitted.
async fn step(app: &App, status: &Status, record: &ControllerRecord) -> Result<(), String> {
    let find = |id: u64| status.members.iter().find(|member| member.member.id == id);
    let old = find(record.replaces).filter(|_| record.replaces != 0);
    match find(record.id) {
        None => add(app, record).await,
        Some(member) if member.role == Role::Learner => promote(app, status, member, old).await,
        Some(_) => finish(app, record, old).await,
    }
}

/// Adds it to those that hear the log, once it listens: a learner that is not there only costs.
async fn add(app: &App, record: &ControllerRecord) -> Result<(), String> {
    let name = &record.name;
    match tokio::time::timeout(CONNECT, TcpStream::connect(&record.address)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(format!("`{name}` does not listen at {}: {error}", record.address)),
        Err(_) => return Err(format!("`{name}` does not answer at {}", record.address)),
    }
    let member = Member { id: record.id, address: record.address.clone(), name: name.clone() };
    tracing::info!(controller = name, id = record.id, "a controller begins to hear the log");
    app.raft.add_learner(member).await.map_err(|error| error.to_string())
}

async fn promote(
    app: &App,
    status: &Status,
    member: &MemberStatus,
    old: Option<&MemberStatus>,
) -> Result<(), String> {
    let name = &member.member.name;
    let lag = lag(status, member);
    if lag.is_none_or(|lag| lag > NEAR) || member.heard_ms.is_none_or(|ms| ms > HEARD_MS) {
        return Err(format!("`{name}` has not caught up"));
    }
    let voting = old.filter(|old| old.role == Role::Voter && old.member.id != status.id);
    let changed = match voting {
        Some(old) => app.raft.replace(old.member.id, member.member.clone()).await,
        None => app.raft.promote(member.member.id).await,
    };
    changed.map_err(|error: ChangeError| error.problem().to_string())?;
    tracing::info!(controller = name, id = member.member.id, "a controller votes");
    Ok(())
}

/// It votes: the one whose place it takes goes, and both facts are kept.
async fn finish(app: &App, record: &ControllerRecord, old: Option<&MemberStatus>) -> Result<(), String> {
    if let Some(old) = old {
        if old.member.id == app.config.id {
            let handed = app.raft.transfer_leader(Some(record.id)).await;
            return handed.map(drop).map_err(|error| error.problem().to_string());
        }
        app.raft.remove(old.member.id).await.map_err(|error| error.problem().to_string())?;
    }
    if record.replaces != 0 {
        let name = old.map(|old| old.member.name.clone()).unwrap_or_default();
        settle(app, (record.replaces, &name), REMOVED, &format!("replaced by {}", record.name)).await?;
    }
    settle(app, (record.id, &record.name), JOINED, "it has caught up and votes").await
}

async fn settle(app: &App, (id, name): (u64, &str), phase: &str, reason: &str) -> Result<(), String> {
    let body =
        SettleController { id, name: name.to_owned(), phase: phase.to_owned(), reason: reason.to_owned() };
    let settled = app.propose(system(command::Body::SettleController(body))).await;
    settled.map(drop).map_err(|status| status.message().to_owned())
}

/// How many entries a member is behind; only the leader knows.
pub(crate) fn lag(status: &Status, member: &MemberStatus) -> Option<u64> {
    if member.member.id == status.id {
        return Some(0);
    }
    Some(status.last_log?.saturating_sub(member.matched?))
}
