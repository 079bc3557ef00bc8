//! Waiting for a node that is being reset to go down for that.

use holdfast_api::v1::nodes_client::NodesClient;
use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{GetRequest, Node};
use holdfast_types::{NodePhase, Problem, ProblemKind};

use crate::commands::listing::{self, Watched};
use crate::commands::wait::within;
use crate::session::{Session, call};

/// Returns when the machine said that it goes down to be erased, or a problem when `--timeout` has passed.
pub(super) async fn until_retired(session: &Session, node: &str) -> Result<(), Problem> {
    within(session.globals.timeout, follow(session, node), |limit| {
        Problem::new(7045, ProblemKind::Unreachable, format!("node `{node}` did not go down in time"))
            .because(format!("--timeout is {limit}; it will erase what it keeps when it hears of it"))
            .next(format!("holdfast node show {node}"))
    })
    .await
}

async fn follow(session: &Session, name: &str) -> Result<(), Problem> {
    let get = GetRequest { name: name.to_owned(), ..GetRequest::default() };
    let node = call!(session, NodesClient, get, get)?;
    let revision = node.metadata.as_ref().map_or(0, |metadata| metadata.revision);
    let mut gone = is_retired(&node);
    let mut watch = listing::changes(session, Watched { kind: "Node", name, revision });
    while !gone {
        session.printer.note(format!("`{name}` has not gone down yet"));
        let event = watch.next().await?;
        gone = match &event.resource {
            Some(Resource::Node(node)) => is_retired(node),
            // It was retired, and forgotten since.
            _ => event.r#type == "delete",
        };
    }
    Ok(())
}

fn is_retired(node: &Node) -> bool {
    node.status.as_ref().is_some_and(|status| status.phase == NodePhase::Retired.as_str())
}
