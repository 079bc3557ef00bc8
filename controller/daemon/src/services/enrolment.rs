//! Enrolment: the one door that opens without a certificate, and only to a one-time token. The machine of a controller needs
//! none: it comes with the certificate of that controller.

use std::sync::Arc;

use holdfast_api::internal::enrolment_server::Enrolment;
use holdfast_api::internal::{EnrolRequest, EnrolResponse};
use holdfast_api::store::{Command, CreateToken, EnrolNode, command};
use holdfast_api::{invalid_request, status_from_problem};
use holdfast_identity::{IssuerId, JoinToken, NODE_VALIDITY, Principal};
use holdfast_types::{AsProblem as _, Jurisdiction, NameError, NodeName, Problem, ProblemKind, Span};
use tonic::{Request, Response, Status};

use crate::app::{App, now};
use crate::caller;
use crate::services::nodes::new_token;

/// A token that is made for the machine of a controller is spent at once.
const AT_ONCE: Span = Span::from_secs(60);

pub(crate) struct Service(pub(crate) Arc<App>);

impl Service {
    /// The token with which the machine of controller `name` joins. A cluster of one jurisdiction leaves no doubt where it stands.
    async fn token_of_controller(&self, name: &NodeName, asked: &str) -> Result<JoinToken, Status> {
        let of = |issuer: &IssuerId| match issuer {
            IssuerId::Jurisdiction(jurisdiction) => Some(jurisdiction.clone()),
            IssuerId::Cluster => None,
        };
        let known: Vec<Jurisdiction> = self.0.ca.issuers().filter_map(|(issuer, _)| of(issuer)).collect();
        let jurisdiction = match known.as_slice() {
            [only] if asked.is_empty() => only,
            _ => known
                .iter()
                .find(|known| known.to_string() == asked)
                .ok_or_else(|| nowhere(name, asked, &known))?,
        };
        let bundle = self.0.bundle()?;
        let mut sites = bundle.law().sites.iter().filter(|(_, site)| site.jurisdiction == *jurisdiction);
        // Nothing is placed there, so a law without a site for it is no reason to leave it out.
        let site = sites.next().map(|(name, _)| name.as_str().to_owned()).unwrap_or_default();
        let (token, body) = new_token(&self.0, jurisdiction, site, AT_ONCE)?;
        let body = CreateToken { approve: true, ..body };
        let actor = format!("controller/{name}");
        self.0
            .propose(Command { actor, body: Some(command::Body::CreateToken(body)), ..Command::default() })
            .await?;
        Ok(token)
    }
}

fn nowhere(name: &NodeName, asked: &str, known: &[Jurisdiction]) -> Status {
    let known = known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let said = if asked.is_empty() { "says no jurisdiction".to_owned() } else { format!("says `{asked}`") };
    let problem =
        Problem::new(1294, ProblemKind::Refused, format!("the machine of controller `{name}` cannot join"))
            .because(format!("its configuration {said}, and this cluster has {known}"))
            .next("set `jurisdiction` in `[spec.cluster]` of its configuration");
    status_from_problem(&problem)
}

#[tonic::async_trait]
impl Enrolment for Service {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let caller = if request.get_ref().token.is_empty() {
            Some(caller::named_controller(&request)?.0)
        } else {
            None
        };
        let ask = request.into_inner();
        // Only the leader spends tokens; asking it first keeps a follower from answering on what it has not heard yet.
        self.0.barrier(false).await?;
        let parsed: Result<NodeName, NameError> = ask.node.parse();
        let node = parsed.map_err(|error| status_from_problem(&invalid_request(error.to_string())))?;
        let token = match &caller {
            Some(controller) if *controller == node => {
                self.token_of_controller(controller, &ask.jurisdiction).await?
            }
            Some(controller) => {
                let because = format!("controller `{controller}` lets in its own machine and no other");
                return Err(status_from_problem(&invalid_request(because)));
            }
            None => JoinToken::parse(&ask.token).map_err(|error| status_from_problem(&error.problem()))?,
        };
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
            controller: caller.is_some(),
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
