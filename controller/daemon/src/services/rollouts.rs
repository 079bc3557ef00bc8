//! Rollouts as operators see and steer them.

use std::sync::Arc;

use holdfast_api::status_from_problem;
use holdfast_api::store::{ChangeRollout, StartRollout, command, outcome};
use holdfast_api::v1::rollouts_server::Rollouts;
use holdfast_api::v1::{
    GetRequest, ListRequest, Node, Rollout, RolloutList, RolloutRequest, RolloutSpec, StartRolloutRequest,
};
use holdfast_release::Manifest;
use holdfast_types::NodePhase;
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::caller;
use crate::page::page;
use crate::write::Write;

#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<App>);

fn rollout_of(result: outcome::Result) -> Result<Response<Rollout>, Status> {
    match result {
        outcome::Result::Rollout(rollout) => Ok(Response::new(rollout)),
        other => Err(Status::internal(format!("unexpected outcome {other:?}"))),
    }
}

impl Service {
    /// The nodes that are asked for: those that run from slots and are not retired, agents before controllers, by name.
    fn chosen(&self, ask: &StartRolloutRequest) -> Result<Vec<String>, Status> {
        let list =
            ListRequest { label_selector: ask.selector.clone(), page_size: 1_000, ..ListRequest::default() };
        let mut names = Vec::new();
        let mut token = String::new();
        loop {
            let list = ListRequest { page_token: token.clone(), ..list.clone() };
            let page = self.0.with(|state| {
                page(state.nodes().filter_map(|record| record.node.as_ref()), &list, &["rollout"])
            })?;
            let of_slots = |node: &Node| {
                let status = node.status.as_ref()?;
                let name = node.metadata.as_ref()?.name.clone();
                let there = status.system.is_some() && status.phase != NodePhase::Retired.as_str();
                let wanted = ask.nodes.is_empty() || ask.nodes.contains(&name);
                (there && wanted).then_some(name)
            };
            names.extend(page.items.iter().filter_map(of_slots));
            token = page.next;
            if token.is_empty() {
                break;
            }
        }
        // Whoever was named has to be there: a typing error must not leave a node behind.
        if let Some(missing) = ask.nodes.iter().find(|name| !names.contains(name)) {
            return Err(status_from_problem(&holdfast_state::not_found("node", missing)));
        }
        let controllers: Vec<String> =
            self.0.raft.status().members.into_iter().map(|m| m.member.name).collect();
        names.sort_by_key(|name| (controllers.contains(name), name.clone()));
        Ok(names)
    }

    /// Whether the release reads what each of the nodes has: refused here, no node is drained for it.
    fn take_over(&self, release: &str, nodes: &[String]) -> Result<(), Status> {
        let found = self.0.with(|state| state.release(release)).and_then(|record| record.metadata);
        let manifest = found.and_then(|metadata| Manifest::parse(&metadata.manifest).ok());
        let Some(manifest) = manifest else { return Ok(()) };
        for node in nodes {
            let record = self.0.with(|state| state.node(node).and_then(|record| record.node.clone()));
            let system = record.and_then(|node| node.status).and_then(|status| status.system);
            let running = system.unwrap_or_default().version;
            manifest.takes_over(&running).map_err(|error| {
                status_from_problem(&holdfast_state::rollout_refused(node, &error.to_string()))
            })?;
        }
        Ok(())
    }

    async fn change(
        &self,
        request: Request<RolloutRequest>,
        change: &str,
    ) -> Result<Response<Rollout>, Status> {
        let operator = caller::admin(&request)?;
        let mut ask = request.into_inner();
        let write = Write::new(operator.actor(), ask.options.take(), &ask);
        let body =
            ChangeRollout { name: ask.name, change: change.to_owned(), reason: ask.reason, all: ask.all };
        rollout_of(self.0.execute(write, command::Body::ChangeRollout(body)).await?)
    }
}

#[tonic::async_trait]
impl Rollouts for Service {
    async fn list(&self, request: Request<ListRequest>) -> Result<Response<RolloutList>, Status> {
        caller::operator(&request)?;
        let list = request.into_inner();
        self.0.barrier(list.stale).await?;
        let mut found = self.0.with(|state| {
            let mut all: Vec<&Rollout> = state.rollouts().collect();
            all.sort_by(|a, b| {
                a.metadata.as_ref().map(|m| &m.name).cmp(&b.metadata.as_ref().map(|m| &m.name))
            });
            let page = page(all.into_iter(), &list, &[])?;
            Ok::<_, Status>(RolloutList {
                items: page.items,
                next_page_token: page.next,
                revision: state.revision(),
            })
        })?;
        found.items = self.0.select("Rollout", found.items, &list.fields)?;
        Ok(Response::new(found))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Rollout>, Status> {
        caller::operator(&request)?;
        let get = request.into_inner();
        self.0.barrier(get.stale).await?;
        let found = self.0.with(|state| state.rollout(&get.name).cloned());
        let found =
            found.ok_or_else(|| status_from_problem(&holdfast_state::not_found("rollout", &get.name)))?;
        self.0.select_one("Rollout", found, &get.fields).map(Response::new)
    }

    async fn start(&self, request: Request<StartRolloutRequest>) -> Result<Response<Rollout>, Status> {
        let operator = caller::admin(&request)?;
        let mut ask = request.into_inner();
        let options = ask.options.take().unwrap_or_default();
        let key = options.idempotency_key.clone();
        let write = Write::new(operator.actor(), Some(options), &ask);
        self.0.barrier(false).await?;
        if let Some(known) = self.0.answered(&write)? {
            return rollout_of(known);
        }
        let uid = if key.is_empty() {
            holdfast_client::idempotency_key().map_err(|problem| status_from_problem(&problem))?
        } else {
            key
        };
        let nodes = self.chosen(&ask)?;
        self.take_over(&ask.release, &nodes)?;
        let spec = RolloutSpec {
            nodes,
            release: ask.release,
            max_unavailable: ask.max_unavailable,
            deadlines: ask.deadlines,
        };
        let body = StartRollout { uid: format!("rollout-{uid}"), spec: Some(spec) };
        rollout_of(self.0.execute(write, command::Body::StartRollout(body)).await?)
    }

    async fn pause(&self, request: Request<RolloutRequest>) -> Result<Response<Rollout>, Status> {
        self.change(request, "pause").await
    }

    async fn resume(&self, request: Request<RolloutRequest>) -> Result<Response<Rollout>, Status> {
        self.change(request, "resume").await
    }

    async fn abort(&self, request: Request<RolloutRequest>) -> Result<Response<Rollout>, Status> {
        self.change(request, "abort").await
    }
}
