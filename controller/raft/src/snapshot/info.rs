//! What can be said of a snapshot without its records. A leaf.

use super::format::Position;
use crate::digest::StateHash;
use crate::types::Member;

/// What a snapshot holds. Every byte of it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// The cluster it is of.
    pub cluster_id: String,
    /// The last entry it includes.
    pub index: u64,
    /// The term of that entry.
    pub term: u64,
    /// The time of the log at that entry.
    pub time_ms: u64,
    /// The hash of the state.
    pub state_hash: StateHash,
    /// How many records it has.
    pub records: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// The members of the cluster, learners included.
    pub members: Vec<Member>,
}

impl SnapshotInfo {
    pub(crate) fn new(cluster_id: &str, position: &Position, records: u64, bytes: u64) -> Self {
        let (index, term) = position.applied.map_or((0, 0), |id| (id.index, id.leader_id.term));
        Self {
            cluster_id: cluster_id.to_owned(),
            index,
            term,
            time_ms: position.time_ms,
            state_hash: position.hash,
            records,
            bytes,
            members: position.membership.nodes().map(|(id, peer)| peer.member(*id)).collect(),
        }
    }
}
