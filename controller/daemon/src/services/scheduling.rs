//! What the scheduler would do if something were otherwise, and whether it would do the same again.

use std::sync::Arc;

use holdfast_api::store::{ChangeNode, CreateToken, EnrolNode, ReportNode, SetNodePhase, command};
use holdfast_api::v1::scheduling_server::Scheduling;
use holdfast_api::v1::{MoreNodes, Node, ReplayReport, ReplayRequest, WhatIfReport, WhatIfRequest};
use holdfast_api::{invalid_request, status_from_problem};
use holdfast_reconcile::what_if;
use holdfast_state::State;
use holdfast_types::{NodePhase, Time};
use prost::Message as _;
use tonic::{Request, Response, Status};

use crate::app::{App, now, system};
use crate::caller;
use crate::replay::replayed;

use super::transactions::Trial;

/// The most changes of a kind.
const MAX_CHANGES: usize = 128;
/// The most nodes that are imagined.
const MAX_MORE: u32 = 4_096;

pub(crate) struct Service(pub(crate) Arc<App>);

fn invalid(because: impl Into<String>) -> Status {
    status_from_problem(&invalid_request(because))
}

fn check(request: &WhatIfRequest) -> Result<(), Status> {
    let kinds = [
        ("steps", request.steps.len()),
        ("drain", request.drain.len()),
        ("moreNodes", request.more_nodes.len()),
    ];
    if let Some((kind, many)) = kinds.into_iter().find(|(_, many)| *many > MAX_CHANGES) {
        return Err(invalid(format!(
            "{kind}: there are {many}, at most {MAX_CHANGES} are looked at together"
        )));
    }
    let more = request.more_nodes.iter().fold(0_u32, |sum, more| sum.saturating_add(more.count));
    if more > MAX_MORE || request.more_nodes.iter().any(|more| more.count == 0) {
        return Err(invalid(format!(
            "moreNodes: each count is 1 or more, and all of them at most {MAX_MORE}"
        )));
    }
    Ok(())
}

/// The nodes that are meant: one by its name, or those of a domain, such as `rack=r7`, that have not left.
fn meant(state: &State, what: &str) -> Result<Vec<String>, Status> {
    let is_there =
        |node: &&Node| node.status.as_ref().is_none_or(|status| status.phase != NodePhase::Retired.as_str());
    let stands_in = |node: &Node, level: &str, name: &str| {
        let spec = node.spec.as_ref();
        spec.is_some_and(|spec| match level {
            "site" => spec.site == name,
            level => spec.place.get(level).is_some_and(|own| own == name),
        })
    };
    let is_meant = |node: &&Node| match what.split_once('=') {
        Some((level, name)) => stands_in(node, level, name),
        None => node.metadata.as_ref().is_some_and(|metadata| metadata.name == what),
    };
    let nodes = state.nodes().filter_map(|record| record.node.as_ref()).filter(is_there).filter(is_meant);
    let names: Vec<String> = nodes.filter_map(|node| Some(node.metadata.as_ref()?.name.clone())).collect();
    if names.is_empty() {
        let because = format!(
            "drain: there is no node `{what}`, and none stands there; a domain is said as `rack=r7`, see `holdfast node list`"
        );
        return Err(invalid(because));
    }
    Ok(names)
}

fn say(state: &mut State, at: Time, body: command::Body) {
    state.apply(at, &system(body).encode_to_vec());
}

fn drain(state: &mut State, at: Time, node: String) {
    let change = ChangeNode { node, change: "drain".to_owned(), ..ChangeNode::default() };
    say(state, at, command::Body::ChangeNode(change));
}

/// Nodes come as nodes do: with a token, an enrolment, a place, and a report of the machine.
fn add(state: &mut State, at: Time, MoreNodes { like, count }: &MoreNodes) -> Result<(), Status> {
    let model = state.node(like).and_then(|record| record.node.clone());
    let model = model.ok_or_else(|| status_from_problem(&holdfast_state::not_found("node", like)))?;
    let (spec, status) = (model.spec.unwrap_or_default(), model.status.unwrap_or_default());
    let mut numbers = 1_u32..;
    for _ in 0..*count {
        let free =
            numbers.by_ref().map(|number| format!("more-{number}")).find(|name| state.node(name).is_none());
        let Some(node) = free else { break };
        let token = CreateToken {
            id: node.clone(),
            jurisdiction: spec.jurisdiction.clone(),
            site: spec.site.clone(),
            expires_at_ms: u64::MAX,
            approve: true,
            ..CreateToken::default()
        };
        let enrol = EnrolNode {
            token_id: node.clone(),
            node: node.clone(),
            certificate_serial: node.clone(),
            certificate_expires_ms: u64::MAX,
            ..EnrolNode::default()
        };
        let place = spec.place.clone();
        let place =
            ChangeNode { node: node.clone(), change: "place".to_owned(), place, ..ChangeNode::default() };
        let inventory = status.inventory.clone();
        let report = ReportNode { node: node.clone(), inventory, ..ReportNode::default() };
        say(state, at, command::Body::CreateToken(token));
        say(state, at, command::Body::EnrolNode(enrol));
        say(state, at, command::Body::ChangeNode(place));
        say(state, at, command::Body::ReportNode(report));
        let phase = SetNodePhase { node, alive: true, reason: String::new() };
        say(state, at, command::Body::SetNodePhase(phase));
    }
    Ok(())
}

#[tonic::async_trait]
impl Scheduling for Service {
    async fn what_if(&self, request: Request<WhatIfRequest>) -> Result<Response<WhatIfReport>, Status> {
        // It tells of the jobs of every tenant.
        let operator = caller::admin(&request)?;
        let WhatIfRequest { steps, drain: drained, more_nodes } = {
            check(request.get_ref())?;
            request.into_inner()
        };
        self.0.barrier(false).await?;
        let (before, bundle, at) = (self.0.with(State::clone), self.0.bundle()?, now());
        let mut trial = Trial::on(before.clone(), &self.0, &operator, "");
        trial.add_all(steps).await?;
        let mut after = trial.into_state();
        let work = move || {
            for what in &drained {
                meant(&after, what)?.into_iter().for_each(|node| drain(&mut after, at, node));
            }
            more_nodes.iter().try_for_each(|more| add(&mut after, at, more))?;
            Ok(what_if(&before, &after, &bundle, at))
        };
        self.0.apart.run(work).await?.map(Response::new)
    }

    async fn replay(&self, request: Request<ReplayRequest>) -> Result<Response<ReplayReport>, Status> {
        caller::admin(&request)?;
        let wanted = request.into_inner().revision;
        self.0.barrier(false).await?;
        let raft = self.0.raft.clone();
        self.0.apart.run(move || replayed(&raft, wanted)).await?.map(Response::new)
    }
}
