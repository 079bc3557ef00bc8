//! Enrolment: the one door that opens without a certificate, and only to a one-time token.

use std::sync::Arc;

use holdfast_api::internal::enrolment_server::Enrolment;
use holdfast_api::internal::{EnrolRequest, EnrolResponse};
use holdfast_api::store::{Command, EnrolNode, command};
use holdfast_api::{invalid_request, status_from_problem};
use holdfast_identity::{JoinToken, NODE_VALIDITY, Principal};
use holdfast_types::{AsProblem as _, Jurisdiction, NameError, NodeName, Problem, ProblemKind};
use tonic::{Request, Response, Status};

use crate::app::{App, now};

pub(crate) struct Service(pub(crate) Arc<App>);

#[tonic::async_trait]
impl Enrolment for Service {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let ask = request.into_inner();
        // Only the leader spends tokens; asking it first keeps a follower from answering on what it has not heard yet.
        self.0.barrier(false).await?;
        let token = JoinToken::parse(&ask.token).map_err(|error| status_from_problem(&error.problem()))?;
        let parsed: Result<NodeName, NameError> = ask.node.parse();
        let node = parsed.map_err(|error| status_from_problem(&invalid_request(error.to_string())))?;
        let (id, hash) = (token.id().to_string(), token.hash().to_string());
        let known =
            self.0.with(|state| state.token(&id).filter(|t| t.hash == hash).map(|t| t.jurisdiction.clone()));
        let jurisdiction = known.and_then(|j| j.parse::<Jurisdiction>().ok());
        // A token that is not known has no jurisdiction to issue for; the command below refuses and records it.
        let issued = match jurisdiction.clone() {
            Some(jurisdiction) => {
                let principal = Principal::Node { name: node.clone(), jurisdiction };
                let issued = self.0.ca.issue(&ask.csr_pem, &principal, NODE_VALIDITY, now());
                Some(issued.map_err(|error| status_from_problem(&error.problem()))?)
            }
            None => None,
        };
        let body = EnrolNode {
            token_id: id,
            token_hash: hash,
            node: node.to_string(),
            certificate_serial: issued.as_ref().map(|i| i.serial.to_string()).unwrap_or_default(),
            certificate_expires_ms: issued.as_ref().map_or(0, |i| i.not_after.0),
        };
        // The certificate leaves only after the token is spent: of two nodes that race, one gets an answer.
        let actor = format!("node/{node}");
        self.0
            .propose(Command { actor, body: Some(command::Body::EnrolNode(body)), ..Command::default() })
            .await?;
        let (Some(issued), Some(jurisdiction)) = (issued, jurisdiction) else {
            let problem =
                Problem::new(1215, ProblemKind::Failed, format!("node `{node}` cannot be certified"));
            return Err(status_from_problem(
                &problem.because("its token was made while it asked").next("try again"),
            ));
        };
        Ok(Response::new(EnrolResponse {
            chain_pem: issued.chain_pem,
            cluster_id: self.0.config.cluster.clone(),
            jurisdiction: jurisdiction.to_string(),
        }))
    }
}
