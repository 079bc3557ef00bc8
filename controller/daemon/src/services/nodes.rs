//! Nodes as operators see and change them.

use std::sync::Arc;

use holdfast_api::store::{ChangeNode, CreateToken, command, outcome};
use holdfast_api::v1::nodes_server::Nodes;
use holdfast_api::v1::{
    CreateTokenRequest, CreateTokenResponse, GetRequest, ListRequest, Node, NodeList, NodeRequest,
    PlaceNodeRequest, ResetNodeRequest, WriteOptions,
};
use holdfast_api::{status_from_problem, timestamp};
use holdfast_identity::JoinToken;
use holdfast_policy::SiteName;
use holdfast_types::{AsProblem as _, Jurisdiction, Problem, ProblemKind, Span, Time, place_in_site};
use tonic::{Request, Response, Status};

use crate::app::{App, now};
use crate::caller;
use crate::page::page;
use crate::write::Write;

/// A join token lives at most this long.
const LONGEST_TOKEN: Span = Span::from_secs(3_600);

pub(crate) struct Service(pub(crate) Arc<App>);

fn not_found(name: &str) -> Status {
    status_from_problem(&holdfast_state::not_found("node", name))
}

fn invalid(because: String) -> Status {
    let problem = Problem::new(1209, ProblemKind::Invalid, "the join token cannot be made");
    status_from_problem(&problem.because(because).next("holdfast policy show"))
}

/// A join token, and what the log is to keep of it.
pub(super) fn new_token(
    app: &App,
    jurisdiction: &Jurisdiction,
    site: String,
    valid: Span,
) -> Result<(JoinToken, CreateToken), Status> {
    let token = JoinToken::create(app.trust.root_pin()).map_err(|e| status_from_problem(&e.problem()))?;
    // The time of the log is what a token runs out by. It is ahead of this clock where a leader's was set back.
    let expires = now().max(app.with(holdfast_state::State::time)) + valid;
    let body = CreateToken {
        id: token.id().to_string(),
        hash: token.hash().to_string(),
        jurisdiction: jurisdiction.to_string(),
        site,
        expires_at_ms: expires.0,
        approve: false,
    };
    Ok((token, body))
}

impl Service {
    async fn change(&self, change: &str, request: Request<NodeRequest>) -> Result<Response<Node>, Status> {
        let operator = caller::admin(&request)?;
        let mut request = request.into_inner();
        let write = Write::new(operator.actor(), request.options.take(), &request);
        let (node, reason) = (request.name, request.reason);
        self.changed(write, ChangeNode { node, change: change.to_owned(), reason, ..ChangeNode::default() })
            .await
    }

    async fn changed(&self, write: Write, change: ChangeNode) -> Result<Response<Node>, Status> {
        match self.0.execute(write, command::Body::ChangeNode(change)).await? {
            outcome::Result::Node(node) => Ok(Response::new(node)),
            other => Err(Status::internal(format!("unexpected outcome {other:?}"))),
        }
    }

    /// The machine of a controller is not erased while the others count on that controller.
    fn refuse_member(&self, name: &str) -> Result<(), Status> {
        if !self.0.raft.status().members.iter().any(|found| found.member.name == name) {
            return Ok(());
        }
        let problem = Problem::new(1295, ProblemKind::Conflict, format!("node `{name}` cannot be reset"));
        let problem = problem.because(format!("it is the machine of controller `{name}`, which is a member"));
        Err(status_from_problem(&problem.next(format!("holdfast controller remove {name}"))))
    }

    /// The site of a token: the one asked for, or the only one the law knows in the jurisdiction.
    fn site(&self, jurisdiction: &Jurisdiction, asked: &str) -> Result<String, Status> {
        let bundle = self.0.bundle()?;
        let sites = &bundle.law().sites;
        let in_place: Vec<&SiteName> =
            sites.iter().filter(|(_, s)| s.jurisdiction == *jurisdiction).map(|(name, _)| name).collect();
        let known = || in_place.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", ");
        match in_place
            .iter()
            .find(|s| s.as_str() == asked)
            .or_else(|| in_place.first().filter(|_| asked.is_empty()))
        {
            Some(site) => Ok(site.as_str().to_owned()),
            None if in_place.is_empty() => Err(invalid(format!("the law knows no site in `{jurisdiction}`"))),
            None => {
                Err(invalid(format!("`{asked}` is no site in `{jurisdiction}`; the law knows {}", known())))
            }
        }
    }
}

#[tonic::async_trait]
impl Nodes for Service {
    async fn list(&self, request: Request<ListRequest>) -> Result<Response<NodeList>, Status> {
        caller::operator(&request)?;
        let list = request.into_inner();
        self.0.barrier(list.stale).await?;
        let mut nodes = self.0.with(|state| {
            let nodes = state.nodes().filter_map(|r| r.node.as_ref());
            let page = page(nodes, &list, &[])?;
            Ok::<_, Status>(NodeList {
                items: page.items,
                next_page_token: page.next,
                revision: state.revision(),
            })
        })?;
        nodes.items = self.0.select("Node", nodes.items, &list.fields)?;
        Ok(Response::new(nodes))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Node>, Status> {
        caller::operator(&request)?;
        let get = request.into_inner();
        self.0.barrier(get.stale).await?;
        let node = self.0.with(|state| state.node(&get.name).and_then(|r| r.node.clone()));
        let node = node.ok_or_else(|| not_found(&get.name))?;
        self.0.select_one("Node", node, &get.fields).map(Response::new)
    }

    async fn approve(&self, request: Request<NodeRequest>) -> Result<Response<Node>, Status> {
        self.change("approve", request).await
    }

    async fn cordon(&self, request: Request<NodeRequest>) -> Result<Response<Node>, Status> {
        self.change("cordon", request).await
    }

    async fn uncordon(&self, request: Request<NodeRequest>) -> Result<Response<Node>, Status> {
        self.change("uncordon", request).await
    }

    async fn drain(&self, request: Request<NodeRequest>) -> Result<Response<Node>, Status> {
        self.change("drain", request).await
    }

    async fn retire(&self, request: Request<NodeRequest>) -> Result<Response<Node>, Status> {
        self.change("retire", request).await
    }

    async fn reset(&self, request: Request<ResetNodeRequest>) -> Result<Response<Node>, Status> {
        let operator = caller::admin(&request)?;
        let mut request = request.into_inner();
        self.refuse_member(&request.name)?;
        let write = Write::new(operator.actor(), request.options.take(), &request);
        let ResetNodeRequest { name: node, reason, force, keep_data, .. } = request;
        let change = ChangeNode {
            node,
            change: "reset".to_owned(),
            reason,
            force,
            keep_data,
            ..ChangeNode::default()
        };
        self.changed(write, change).await
    }

    async fn place(&self, request: Request<PlaceNodeRequest>) -> Result<Response<Node>, Status> {
        let operator = caller::admin(&request)?;
        let mut request = request.into_inner();
        let write = Write::new(operator.actor(), request.options.take(), &request);
        let PlaceNodeRequest { name: node, reason, place, .. } = request;
        place_in_site(&place).map_err(|error| invalid(error.to_string()))?;
        let change = ChangeNode { node, change: "place".to_owned(), reason, place, ..ChangeNode::default() };
        self.changed(write, change).await
    }

    async fn create_token(
        &self,
        request: Request<CreateTokenRequest>,
    ) -> Result<Response<CreateTokenResponse>, Status> {
        let operator = caller::admin(&request)?;
        let mut request = request.into_inner();
        self.0.barrier(false).await?;
        let jurisdiction: Jurisdiction = request
            .jurisdiction
            .parse()
            .map_err(|error: holdfast_types::JurisdictionError| invalid(error.to_string()))?;
        let site = self.site(&jurisdiction, &request.site)?;
        let asked = if request.valid_ms == 0 { LONGEST_TOKEN } else { Span(request.valid_ms) };
        if asked > LONGEST_TOKEN {
            return Err(invalid(format!("validMs is {asked}, at most {LONGEST_TOKEN} is allowed")));
        }
        let (token, body) = new_token(&self.0, &jurisdiction, site, asked)?;
        let body = CreateToken { approve: request.approve, ..body };
        let expires = Time(body.expires_at_ms);
        // A token is made anew by every call, so a key could only give back a token that was never shown.
        let options = request.options.take().unwrap_or_default();
        let options = WriteOptions { idempotency_key: String::new(), ..options };
        let write = Write::new(operator.actor(), Some(options), &request);
        self.0.execute(write, command::Body::CreateToken(body)).await?;
        Ok(Response::new(CreateTokenResponse {
            token: token.to_text().to_string(),
            id: token.id().to_string(),
            expires_at: Some(timestamp(expires)),
        }))
    }
}
