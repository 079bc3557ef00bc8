//! The cluster as a whole: what is wrong and what to type, every change as it happens, what happened.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use holdfast_api::invalid_request;
use holdfast_api::status_from_problem;
use holdfast_api::v1::cluster_server::Cluster;
use holdfast_api::v1::events_server::Events;
use holdfast_api::v1::{
    Attention, ClusterStatus, ClusterStatusRequest, EventList, ListEventsRequest, Member, WatchEvent,
    WatchRequest, watch_event,
};
use holdfast_raft::MemberStatus;
use holdfast_state::{Resource, State, WatchItem};
use holdfast_types::{JobPhase, NodePhase, Problem, ProblemKind};
use tokio::sync::watch;
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::caller;

#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<App>);

/// A watcher that hears nothing else hears where the cluster is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(10);
/// The most lines of attention in one answer.
const MAX_ATTENTION: usize = 32;
/// How many entries a member may be behind and still count as reachable.
const MAX_LAG: u64 = 1_000;
const DEFAULT_EVENTS: usize = 200;
const MAX_EVENTS: usize = 2_000;

fn attention(state: &State) -> Vec<Attention> {
    let mut out = Vec::new();
    let mut add = |what: String, why: String, next: String| out.push(Attention { what, why, next });
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

fn event(item: &WatchItem) -> WatchEvent {
    let resource = item.resource.clone().map(|resource| match resource {
        Resource::Job(job) => watch_event::Resource::Job(Arc::unwrap_or_clone(job)),
        Resource::Node(node) => watch_event::Resource::Node(Arc::unwrap_or_clone(node)),
        Resource::Queue(queue) => watch_event::Resource::Queue(Arc::unwrap_or_clone(queue)),
        Resource::Artifact(artifact) => watch_event::Resource::Artifact(Arc::unwrap_or_clone(artifact)),
    });
    WatchEvent {
        revision: item.revision,
        r#type: if resource.is_some() { "put" } else { "delete" }.to_owned(),
        resource,
        kind: item.kind.to_owned(),
        name: item.name.clone(),
    }
}

/// The present state as changes, for a watch that begins from nothing.
fn present(state: &State) -> Vec<WatchItem> {
    let revision = state.revision();
    let item = |kind, name: &str, resource| WatchItem {
        revision,
        kind,
        name: name.to_owned(),
        resource: Some(resource),
    };
    let name =
        |m: &Option<holdfast_api::v1::Metadata>| m.as_ref().map(|m| m.name.clone()).unwrap_or_default();
    let queues =
        state.queues().map(|q| item("Queue", &name(&q.metadata), Resource::Queue(Arc::new(q.clone()))));
    let nodes = state.nodes().filter_map(|r| r.node.clone());
    let nodes = nodes.map(|n| item("Node", &name(&n.metadata), Resource::Node(Arc::new(n.clone()))));
    let artifacts = state.artifacts().filter_map(|r| r.artifact.clone());
    let artifacts =
        artifacts.map(|a| item("Artifact", &name(&a.metadata), Resource::Artifact(Arc::new(a.clone()))));
    let jobs = state.jobs().map(|j| item("Job", &name(&j.metadata), Resource::Job(Arc::new(j.clone()))));
    queues.chain(nodes).chain(artifacts).chain(jobs).collect()
}

/// Where one watcher is.
struct Watcher {
    app: Arc<App>,
    request: WatchRequest,
    applied: watch::Receiver<u64>,
    revision: u64,
    queue: VecDeque<WatchEvent>,
    ended: bool,
}

impl Watcher {
    fn wants(request: &WatchRequest, item: &WatchItem) -> bool {
        (request.kinds.is_empty() || request.kinds.iter().any(|k| k == item.kind))
            && (request.name.is_empty() || request.name == item.name)
    }

    /// Takes what changed since; an error where it is no longer kept.
    fn fill(&mut self) -> Result<(), Status> {
        let request = &self.request;
        let read = self.app.with(|state| {
            let changes = state.changes_since(self.revision)?;
            let events: Vec<WatchEvent> = changes.filter(|c| Self::wants(request, c)).map(event).collect();
            Ok::<_, holdfast_state::Compacted>((events, state.revision()))
        });
        let (events, revision) = read.map_err(|compacted| {
            let problem = Problem::new(1213, ProblemKind::Conflict, "the watch cannot be resumed")
                .because(format!(
                    "changes after revision {} are asked for, kept are those after {}",
                    self.revision, compacted.oldest
                ))
                .next("list the resources again, and watch from the revision of that list");
            status_from_problem(&problem)
        })?;
        self.queue.extend(events);
        self.revision = revision;
        Ok(())
    }

    async fn next(mut self) -> Option<(Result<WatchEvent, Status>, Self)> {
        loop {
            if self.ended {
                return None;
            }
            if let Some(event) = self.queue.pop_front() {
                return Some((Ok(event), self));
            }
            match tokio::time::timeout(BOOKMARK_EVERY, self.applied.changed()).await {
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {
                    if let Err(status) = self.fill() {
                        self.ended = true;
                        return Some((Err(status), self));
                    }
                }
                Err(_) => {
                    let bookmark = WatchEvent {
                        revision: self.revision,
                        r#type: "bookmark".to_owned(),
                        ..WatchEvent::default()
                    };
                    return Some((Ok(bookmark), self));
                }
            }
        }
    }
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
                Attention { what: "this controller refuses writes".to_owned(), why: failure, next },
            );
        }
        if status.leader.is_empty() {
            let reach =
                "fewer than half of the controllers can be reached, or an election is under way".to_owned();
            let next = "holdfast cluster status".to_owned();
            status.attention.insert(0, Attention { what: "no leader".to_owned(), why: reach, next });
        }
        Ok(Response::new(status))
    }

    type WatchStream = EventStream;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<EventStream>, Status> {
        let operator = caller::operator(&request)?;
        let request = request.into_inner();
        for kind in &request.kinds {
            if !["Job", "Node", "Queue", "Artifact"].contains(&kind.as_str()) {
                let because = format!("kinds: `{kind}` is not a kind: use Job, Node, Queue or Artifact");
                return Err(status_from_problem(&invalid_request(because)));
            }
        }
        if operator.tenant.is_some() {
            let problem =
                Problem::new(1214, ProblemKind::Unauthorised, "the whole cluster cannot be watched")
                    .because("the certificate is bound to one tenant, and a watch shows the changes of all")
                    .next("holdfast job show NAME");
            return Err(status_from_problem(&problem));
        }
        self.0.barrier(false).await?;
        let mut watcher = Watcher {
            app: Arc::clone(&self.0),
            applied: self.0.raft.applied(),
            revision: request.from_revision,
            request,
            queue: VecDeque::new(),
            ended: false,
        };
        if watcher.revision == 0 {
            let (items, revision) = self.0.with(|state| (present(state), state.revision()));
            watcher.revision = revision;
            watcher.queue = items.iter().filter(|i| Watcher::wants(&watcher.request, i)).map(event).collect();
        } else {
            watcher.fill()?;
        }
        Ok(Response::new(Box::pin(futures::stream::unfold(watcher, Watcher::next))))
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
