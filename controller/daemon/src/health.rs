//! How this controller is, and how the others said they were: what a status, a metric or a check is made of. Controllers
//! ask each other every few seconds, so that any of them can speak for all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_api::internal::HealthRequest;
use holdfast_api::internal::health_client::HealthClient;
use holdfast_api::timestamp;
use holdfast_api::v1::ControllerHealth;
use holdfast_client::lazy_channel;
use holdfast_identity::{Alpn, Expect, client_config};
use holdfast_raft::{LatencyCounts, Member, Status};
use holdfast_types::{Span, Time};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::alive;
use crate::app::{App, LEADER_FRESH, now};
use crate::vitals::Said;

/// How often the others are asked.
pub(crate) const ASK_EVERY: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest way there and back from which a clock is judged: half of it is the error.
const MAX_ROUND_TRIP: Span = Span(400);

/// This controller as it sees itself.
pub(crate) fn own(app: &App) -> ControllerHealth {
    let (status, at) = (app.raft.status(), now());
    let (audit_size, audit_root) = app.with(holdfast_state::State::audit_root);
    ControllerHealth {
        name: app.config.own().map(|own| own.name.clone()).unwrap_or_default(),
        time: Some(timestamp(at)),
        started: Some(timestamp(app.vitals.started())),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        feature_level: app.newest_level,
        leader: status.leader.as_ref().map(|leader| leader.name.clone()).unwrap_or_default(),
        term: status.term,
        last_index: status.last_log.unwrap_or(0),
        applied_index: status.applied.unwrap_or(0),
        snapshot_index: status.snapshot_index.unwrap_or(0),
        quorum: app.leads(),
        excluded: status
            .excluded
            .map(|excluded| excluded.to_string())
            .or_else(|| app.outcast.reason().map(str::to_owned))
            .unwrap_or_default(),
        certificate_expires: Some(timestamp(app.identity.current().not_after())),
        leader_changes: app.vitals.changes_within_hour(at),
        audit_size,
        audit_root: audit_root.to_string(),
        state_hash: status.state_hash.to_string(),
        ..measured(&status)
    }
}

/// What raft measures of disk and time.
fn measured(status: &Status) -> ControllerHealth {
    let (space, latency) = (&status.space, &status.latency);
    let p99 = |counts: &LatencyCounts| match counts.total() {
        0 => 0,
        // Beyond the last bound is as slow as can be said.
        _ => counts.quantile_us(0.99).unwrap_or_else(|| counts.bounds_us.last().copied().unwrap_or(0)),
    };
    ControllerHealth {
        snapshot_age_ms: status.snapshot_age_ms,
        used_bytes: space.used_bytes,
        quota_bytes: space.quota_bytes,
        free_bytes: space.free_bytes,
        alarm: space.alarm.clone().unwrap_or_default(),
        refuses: status.failure.clone().or_else(|| space.refusing.clone()).unwrap_or_default(),
        fsync_p99_us: p99(&latency.fsync),
        commit_p99_us: p99(&latency.commit),
        apply_p99_us: p99(&latency.apply),
        ..ControllerHealth::default()
    }
}

/// Asks the others until it is cancelled, and remembers when leaders changed and members fell behind.
pub(crate) async fn keep(app: Arc<App>, stop: CancellationToken) {
    let mut leadership = app.raft.leadership();
    let mut tick = tokio::time::interval(ASK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut channels: BTreeMap<(String, String), Channel> = BTreeMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = leadership.changed() => {
                if changed.is_err() {
                    return;
                }
                // An election in which the old leader wins again or nobody leads for a moment is a change as well.
                if leadership.borrow_and_update().is_some() {
                    app.vitals.leader_changed(now());
                    // Who begins to lead should not decide on what it heard long ago.
                    ask_all(&app, &mut channels).await;
                }
            }
            _ = tick.tick() => {
                alive::tell(&app);
                ask_all(&app, &mut channels).await;
            }
        }
    }
}

async fn ask_all(app: &Arc<App>, channels: &mut BTreeMap<(String, String), Channel>) {
    let status = app.raft.status();
    app.vitals.see_lag(&status, app.raft.is_leader(), now());
    let others: Vec<Member> =
        status.members.iter().map(|m| m.member.clone()).filter(|m| m.id != status.id).collect();
    let ids: Vec<u64> = others.iter().map(|member| member.id).collect();
    channels.retain(|(name, address), _| {
        others.iter().any(|member| member.name == *name && member.address == *address)
    });
    app.vitals.keep(0, None, &ids);
    let mut asking = JoinSet::new();
    for member in others {
        let Some(channel) = channel(app, &member, channels) else { continue };
        asking.spawn(async move { (member.id, Instant::now(), ask(channel).await) });
    }
    while let Some(asked) = asking.join_next().await {
        if let Ok((id, asked, Some(said))) = asked {
            if said.health.quorum {
                app.fresh.told(asked, LEADER_FRESH, said.health.applied_index);
            }
            app.vitals.keep(id, Some(said), &ids);
        }
    }
}

fn channel(
    app: &App,
    member: &Member,
    channels: &mut BTreeMap<(String, String), Channel>,
) -> Option<Channel> {
    let key = (member.name.clone(), member.address.clone());
    if let Some(channel) = channels.get(&key) {
        return Some(channel.clone());
    }
    let expect = Expect::ControllerNamed(member.name.parse().ok()?);
    let config = client_config(Some(&app.identity), &app.trust, expect, Alpn::H2).ok()?;
    let channel = lazy_channel(&member.address, &config).ok()?;
    channels.insert(key, channel.clone());
    Some(channel)
}

async fn ask(channel: Channel) -> Option<Said> {
    let (began, asked) = (Instant::now(), now());
    let mut client = HealthClient::new(channel);
    let answer = tokio::time::timeout(ASK_TIMEOUT, client.ask(HealthRequest {})).await;
    let health = answer.ok()?.ok()?.into_inner();
    let took = Span(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    let ahead_ms = (took <= MAX_ROUND_TRIP).then(|| ahead(&health, Time(asked.0 + took.0 / 2)));
    Some(Said { health, at: now(), heard: Instant::now(), ahead_ms })
}

/// How far the clock of who answered is ahead of the time that was then here.
fn ahead(health: &ControllerHealth, here: Time) -> i64 {
    let there = holdfast_api::millis(health.time.as_ref());
    let signed = |time: Time| i64::try_from(time.0).unwrap_or(i64::MAX);
    signed(there).saturating_sub(signed(here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_the_middle_of_the_way() {
        let at = |ms| ControllerHealth { time: Some(timestamp(Time(ms))), ..ControllerHealth::default() };
        assert_eq!(ahead(&at(5_000), Time(4_000)), 1_000);
        assert_eq!(ahead(&at(3_500), Time(4_000)), -500);
    }
}
