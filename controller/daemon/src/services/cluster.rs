//! The cluster as a whole: what is wrong and what to type, every change as it happens, what happened.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt as _;
use holdfast_api::v1::cluster_server::Cluster;
use holdfast_api::v1::events_server::Events;
use holdfast_api::v1::{
    Attention, ClusterStatus, ClusterStatusRequest, EventList, ListEventsRequest, Member, WatchEvent,
    WatchRequest,
};
use holdfast_raft::MemberStatus;
use holdfast_state::State;
use holdfast_types::{JobPhase, NodePhase};
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::caller;
use crate::services::watch::{Watches, message};

#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<App>);

/// The most lines of attention in one answer.
const MAX_ATTENTION: usize = 32;
/// How many entries a member may be behind and still count as reachable.
const MAX_LAG: u64 = 1_000;
const DEFAULT_EVENTS: usize = 200;
const MAX_EVENTS: usize = 2_000;

fn attention(state: &State) -> Vec<Attention> {
    let mut out = Vec::new();
    let mut add = |what: String, why: String, next: String| {
        out.push(Attention { what, why, next, ..Attention::default() });
    };
    for node in state.nodes().filter_map(|r| r.node.as_ref()) {
        let (Some(metadata), Some(status)) = (&node.metadata, &node.status) else { continue };
        let name = &metadata.name;
        match NodePhase::from_word(&status.phase) {
            Some(NodePhase::Lost) => {
                add(
                    format!("node {name} is lost"),
                    status.reason.clone(),
                    format!("holdfast node show {name}"),
                );
            }
            Some(NodePhase::Pending) => {
                let next = format!("holdfast node approve {name}");
                add(
                    format!("node {name} waits to be let in"),
                    "it enrolled without approval".to_owned(),
                    next,
                );
            }
            _ => {}
        }
    }
    for artifact in state.artifacts().filter_map(|r| r.artifact.as_ref()) {
        let (Some(metadata), Some(status)) = (&artifact.metadata, &artifact.status) else { continue };
        if status.phase == "Missing" {
            let why = format!("every node that has it is lost: {}", status.nodes.join(", "));
            add(format!("{} cannot be read", metadata.name), why, "holdfast node list".to_owned());
        }
    }
    for job in state.jobs() {
        let (Some(metadata), Some(status)) = (&job.metadata, &job.status) else { continue };
        let name = &metadata.name;
        if status.explanation.as_ref().is_some_and(|e| e.never_fits)
            && status.phase == JobPhase::Pending.as_str()
        {
            let next = format!("holdfast job explain {name}");
            add(format!("job {name} can never start"), status.reason.clone(), next);
        } else if status.phase == JobPhase::Failed.as_str() {
            add(format!("job {name} failed"), status.reason.clone(), format!("holdfast job logs {name}"));
        }
    }
    out.truncate(MAX_ATTENTION);
    out
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
        let raft = self.0.raft.status();
        let leader = self.0.raft.leader();
        // Only the leader knows how far the others are; a member that lags by more than this is counted as away.
        let near =
            |matched: Option<u64>| matched.zip(raft.last_log).is_some_and(|(m, last)| m + MAX_LAG >= last);
        let members = raft.members.iter().map(|MemberStatus { member, matched, .. }| Member {
            name: member.name.clone(),
            id: member.id,
            address: member.address.clone(),
            leader: leader.as_ref().is_some_and(|l| l.id == member.id),
            reachable: member.id == raft.id || near(*matched),
            ..Member::default()
        });
        let mut status = self.0.with(|state| ClusterStatus {
            cluster_id: self.0.config.cluster.clone(),
            name: self.0.config.cluster_name.clone(),
            revision: state.revision(),
            bundle: state.bundle().map(|b| b.hash.clone()).unwrap_or_default(),
            audit_size: state.audit_size(),
            nodes_by_phase: count(
                state.nodes().filter_map(|r| Some(r.node.as_ref()?.status.as_ref()?.phase.as_str())),
            ),
            jobs_by_phase: count(state.jobs().filter_map(|j| Some(j.status.as_ref()?.phase.as_str()))),
            attention: attention(state),
            ..ClusterStatus::default()
        });
        status.members = members.collect();
        status.leader = leader.map(|l| l.name).unwrap_or_default();
        status.term = raft.term;
        status.version = env!("CARGO_PKG_VERSION").to_owned();
        status.state_hash = raft.state_hash.to_string();
        status.log_bytes = raft.log_bytes;
        status.snapshot_index = raft.snapshot_index.unwrap_or(0);
        status.applied_index = raft.applied.unwrap_or(0);
        if let Some(failure) = raft.failure {
            let next = "holdfast explain E5105".to_owned();
            status.attention.insert(
                0,
                Attention {
                    what: "this controller refuses writes".to_owned(),
                    why: failure,
                    next,
                    ..Attention::default()
                },
            );
        }
        if status.leader.is_empty() {
            let reach =
                "fewer than half of the controllers can be reached, or an election is under way".to_owned();
            let next = "holdfast cluster status".to_owned();
            status.attention.insert(
                0,
                Attention { what: "no leader".to_owned(), why: reach, next, ..Attention::default() },
            );
        }
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
