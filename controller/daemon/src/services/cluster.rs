//! The cluster as a whole: what is wrong and what to type, every change as it happens, what happened.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt as _;
use holdfast_api::timestamp;
use holdfast_api::v1::cluster_server::Cluster;
use holdfast_api::v1::events_server::Events;
use holdfast_api::v1::{
    ClusterStatus, ClusterStatusRequest, EventList, ListEventsRequest, Member, WatchEvent, WatchRequest,
};
use holdfast_raft::{MemberStatus, Role};
use holdfast_state::State;
use holdfast_types::Span;
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::app::{App, now};
use crate::attention::{Findings, View, of_controllers, of_state};
use crate::level::Agreement;
use crate::services::watch::{Watches, message};
use crate::{caller, health, vitals};

#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<App>);

/// A member that answered a call of raft within this time is there.
const HEARD_WITHIN: Span = Span::from_secs(3);
/// And one that said how it is within this time.
const SPOKE_WITHIN: Span = Span::from_secs(12);
const DEFAULT_EVENTS: usize = 200;
const MAX_EVENTS: usize = 2_000;

/// The part of the status that every controller has the same of.
fn of_the_state(state: &State) -> ClusterStatus {
    let cluster = state.cluster();
    ClusterStatus {
        revision: state.revision(),
        bundle: state.bundle().map(|b| b.hash.clone()).unwrap_or_default(),
        audit_size: state.audit_size(),
        nodes_by_phase: count(
            state.nodes().filter_map(|r| Some(r.node.as_ref()?.status.as_ref()?.phase.as_str())),
        ),
        jobs_by_phase: count(state.jobs().filter_map(|j| Some(j.status.as_ref()?.phase.as_str()))),
        incarnation: cluster.map_or(0, |c| c.incarnation.max(1)),
        feature_level: cluster.map_or(0, |c| c.feature_level),
        ..ClusterStatus::default()
    }
}

/// The controllers as raft and their own words show them.
fn members(app: &App, raft: &holdfast_raft::Status) -> Vec<Member> {
    let (leader, leads) = (app.raft.leader(), app.raft.is_leader());
    let each = raft.members.iter().map(|MemberStatus { member, role, trouble, heard_ms, .. }| {
        let (own, said) = (member.id == raft.id, app.vitals.said(member.id));
        let heard = said.as_ref().filter(|said| now().since(said.at) < SPOKE_WITHIN);
        let answers = heard_ms.is_some_and(|ms| Span(ms) < HEARD_WITHIN);
        Member {
            name: member.name.clone(),
            id: member.id,
            address: member.address.clone(),
            leader: leader.as_ref().is_some_and(|leader| leader.id == member.id),
            reachable: own || answers || heard.is_some(),
            role: if *role == Role::Voter { "voter" } else { "learner" }.to_owned(),
            lag: vitals::lag(raft, member.id).filter(|_| leads),
            behind_since: app.vitals.behind_since(member.id).map(timestamp),
            heard: said.as_ref().map(|said| timestamp(said.at)),
            clock_ahead_ms: said.as_ref().and_then(|said| said.ahead_ms).unwrap_or(0),
            health: if own { Some(health::own(app)) } else { said.map(|said| said.health) },
            trouble: trouble.clone().filter(|_| !own).unwrap_or_default(),
        }
    });
    each.collect()
}

/// Nodes that are not lost yet but were silent for half their lease. Only the leader hears them.
fn silent_nodes(app: &App) -> u32 {
    if !app.raft.is_leader() {
        return 0;
    }
    let limit = Span(app.config.lease_ms / 2);
    let quiet = app.heard.lock().quiet();
    app.with(|state| {
        let alive =
            state.nodes().filter(|record| record.alive).filter_map(|r| r.node.as_ref()?.metadata.as_ref());
        let silent = alive.filter(|m| quiet(&m.name) > limit);
        u32::try_from(silent.count()).unwrap_or(u32::MAX)
    })
}

fn count<'a>(phases: impl Iterator<Item = &'a str>) -> BTreeMap<String, u32> {
    let mut out = BTreeMap::new();
    for phase in phases {
        *out.entry(phase.to_owned()).or_default() += 1;
    }
    out
}

type EventStream = Pin<Box<dyn Stream<Item = Result<WatchEvent, Status>> + Send>>;

#[tonic::async_trait]
impl Cluster for Service {
    /// Answered by any controller from what it knows: who asks this has trouble already.
    async fn status(
        &self,
        request: Request<ClusterStatusRequest>,
    ) -> Result<Response<ClusterStatus>, Status> {
        caller::operator(&request)?;
        let app = &*self.0;
        let raft = app.raft.status();
        let (own, members) = (health::own(app), members(app, &raft));
        let mut findings = Findings::default();
        of_controllers(&View { own: &own, members: &members, now: now() }, &mut findings);
        let agreement = Agreement::of(app);
        agreement.find(&mut findings);
        let mut status = app.with(|state| {
            of_state(state, &mut findings);
            of_the_state(state)
        });
        status.cluster_id.clone_from(&app.config.cluster);
        status.name.clone_from(&app.config.cluster_name);
        status.leader.clone_from(&own.leader);
        status.version.clone_from(&own.version);
        status.state_hash.clone_from(&own.state_hash);
        status.newest_level = agreement.newest;
        status.held_back_by = agreement.held_back_by();
        status.term = own.term;
        status.snapshot_index = own.snapshot_index;
        status.applied_index = own.applied_index;
        status.log_bytes = raft.log_bytes;
        status.silent_nodes = silent_nodes(app);
        status.members = members;
        status.answered_by = Some(own);
        status.attention = findings.sorted();
        Ok(Response::new(status))
    }

    type WatchStream = EventStream;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<EventStream>, Status> {
        let frames = Watches(Arc::clone(&self.0)).watch(request).await?.into_inner();
        let events = frames.map(|frame| frame.and_then(|frame| message(&frame)));
        Ok(Response::new(Box::pin(events)))
    }
}

#[tonic::async_trait]
impl Events for Service {
    async fn list(&self, request: Request<ListEventsRequest>) -> Result<Response<EventList>, Status> {
        caller::admin(&request)?;
        let ask = request.into_inner();
        self.0.barrier(false).await?;
        let limit = usize::try_from(ask.limit).unwrap_or(MAX_EVENTS).min(MAX_EVENTS);
        let limit = if limit == 0 { DEFAULT_EVENTS } else { limit };
        let mut items: Vec<_> = self.0.with(|state| {
            let wanted = state.events().rev().filter(|e| ask.object.is_empty() || e.object == ask.object);
            wanted.take(limit).cloned().collect()
        });
        items.reverse();
        Ok(Response::new(EventList { items }))
    }
}
