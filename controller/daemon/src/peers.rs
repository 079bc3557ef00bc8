//! The controller as a client: of an agent's data port, and of the other controllers.

use holdfast_api::internal::data_client::DataClient;
use holdfast_api::status_from_problem;
use holdfast_client::{MAX_MESSAGE, lazy_channel};
use holdfast_identity::{Alpn, Expect, client_config};
use holdfast_types::{AsProblem as _, Jurisdiction, NodeName, Problem, ProblemKind};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::app::App;
use crate::request_id::pass_on;

/// A channel whose calls carry the id of the request that led to them.
pub(crate) type Passing = InterceptedService<Channel, fn(Request<()>) -> Result<Request<()>, Status>>;

/// A client of a node's data port. Whoever answers there must be that node.
pub(crate) fn data_client(app: &App, node: &str) -> Result<DataClient<Passing>, Status> {
    let found = app.with(|state| state.node(node).and_then(|r| r.node.clone()));
    let status = found.as_ref().and_then(|n| n.status.clone()).unwrap_or_default();
    let spec = found.and_then(|n| n.spec).unwrap_or_default();
    let unreachable = |because: String| {
        let problem = Problem::new(1210, ProblemKind::Unreachable, format!("node `{node}` cannot be asked"));
        status_from_problem(&problem.because(because).next(format!("holdfast node show {node}")))
    };
    if status.data_address.is_empty() || status.phase == "Lost" || status.phase == "Retired" {
        let phase = if status.phase.is_empty() { "unknown".to_owned() } else { status.phase };
        return Err(unreachable(format!("it is {phase}")));
    }
    let name: NodeName = node.parse().map_err(|_| unreachable("its name is not valid".to_owned()))?;
    let jurisdiction: Jurisdiction =
        spec.jurisdiction.parse().map_err(|_| unreachable("its jurisdiction is not valid".to_owned()))?;
    let config =
        client_config(Some(&app.identity), &app.trust, Expect::Node { name, jurisdiction }, Alpn::H2)
            .map_err(|error| status_from_problem(&error.problem()))?;
    let channel =
        lazy_channel(&status.data_address, &config).map_err(|error| unreachable(error.to_string()))?;
    let passing: Passing = InterceptedService::new(channel, pass_on);
    Ok(DataClient::new(passing).max_decoding_message_size(MAX_MESSAGE))
}
