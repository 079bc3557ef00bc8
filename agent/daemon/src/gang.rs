//! What the relay must know of a gang, left on disk by the agent: so neither depends on the other's life.

use std::io::Write as _;

use camino::Utf8Path;
use holdfast_api::internal::TaskAssignment;
use serde::{Deserialize, Serialize};

/// One local task of a gang.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gang {
    pub(crate) job_uid: String,
    /// The start of rank 0.
    pub(crate) fence: u64,
    pub(crate) rank: u32,
    /// Where rank 0 runs.
    pub(crate) leader_node: String,
    /// `host:port` of that node's relay.
    pub(crate) leader_relay: String,
    /// Only these nodes may join.
    pub(crate) nodes: Vec<String>,
}

impl Gang {
    pub(crate) fn of(assignment: &TaskAssignment) -> Self {
        Self {
            job_uid: assignment.job_uid.clone(),
            fence: if assignment.leader_fence == 0 { assignment.fence } else { assignment.leader_fence },
            rank: assignment.rank,
            leader_node: assignment.leader_node.clone(),
            leader_relay: assignment.leader_relay.clone(),
            nodes: assignment.gang_nodes.clone(),
        }
    }

    pub(crate) fn to_text(&self) -> String {
        // Plain strings and numbers always serialise; an empty text is read back as no gang.
        toml::to_string(self).unwrap_or_default()
    }

    pub(crate) fn read(path: &Utf8Path) -> Option<Self> {
        toml::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }
}

/// Writes a file whole or not at all: temporary name, fsync, rename, fsync of the directory.
pub(crate) fn write_whole(directory: &Utf8Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let temporary = directory.join(format!(".new-{name}"));
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, directory.join(name))?;
    std::fs::File::open(directory)?.sync_all()
}
