//! Where artifacts are and where they are to come. A leaf.

use holdfast_api::store::ArtifactRecord;

/// The nodes that have an artifact or should.
pub(crate) fn belongs_to(record: &ArtifactRecord) -> impl Iterator<Item = &str> {
    let status = record.artifact.as_ref().and_then(|artifact| artifact.status.as_ref());
    let has = status.map_or(&[][..], |status| status.nodes.as_slice());
    has.iter().chain(&record.targets).map(String::as_str)
}
