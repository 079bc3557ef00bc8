//! The state of a running member, written out as a snapshot for a backup.

use std::io::Write;

use crate::error::RaftError;
use crate::machine::Machine;
use crate::node::RaftNode;
use crate::snapshot::{SnapshotInfo, Taken, write};

impl<M: Machine> RaftNode<M> {
    /// Writes a snapshot of the state as it is now on this member, while it goes on. Blocks; the state is held still only for
    /// a moment. Wait for [`RaftNode::read_barrier`] first where the newest state of the cluster is asked for.
    ///
    /// # Errors
    ///
    /// `out` takes no more, or the state is not the one whose hash is known.
    pub fn export(&self, out: impl Write) -> Result<SnapshotInfo, RaftError> {
        let Taken { frozen, position, records } = self.inner.shared.freeze();
        let cluster_id = &self.inner.options.cluster_id;
        let written = write(cluster_id, &position, records, frozen.records(), out);
        let written = written.map_err(RaftError::Export)?;
        if (written.sum.hash(), written.sum.records()) != (position.hash, records) {
            let found = written.sum.hash();
            return Err(RaftError::Corrupt(format!(
                "the state has the hash {found}, the one that is known is {}",
                position.hash
            )));
        }
        Ok(SnapshotInfo::new(cluster_id, &position, records, written.bytes))
    }
}
