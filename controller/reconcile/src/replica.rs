//! An artifact as a node is told of it: what it is and who has it. A leaf.

use holdfast_api::internal;
use holdfast_api::store::ArtifactRecord;
use holdfast_state::State;

pub(crate) fn replica(state: &State, record: ArtifactRecord) -> internal::ReplicaAssignment {
    let artifact = record.artifact.unwrap_or_default();
    let nodes = artifact.status.unwrap_or_default().nodes;
    internal::ReplicaAssignment {
        key: artifact.metadata.unwrap_or_default().name,
        spec: artifact.spec,
        sources: nodes.iter().filter_map(|node| source(state, node)).collect(),
    }
}

fn source(state: &State, node: &str) -> Option<internal::ReplicaSource> {
    let status = state.node(node)?.node.as_ref()?.status.as_ref()?;
    let live =
        !matches!(status.phase.as_str(), "Lost" | "Retired" | "Pending") && !status.data_address.is_empty();
    live.then(|| internal::ReplicaSource { node: node.to_owned(), data_address: status.data_address.clone() })
}
