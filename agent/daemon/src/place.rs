//! The node as its tasks find it: who it is, what it keeps, where it writes, and what it has decided.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use holdfast_api::internal::AgentDecision;
use holdfast_runtime::TaskId;
use holdfast_types::{Jurisdiction, NodeName, Time};
use parking_lot::Mutex;

use crate::law::Law;
use crate::library::Library;

/// What every start of a task on this node needs.
pub(crate) struct Place {
    pub(crate) library: Library,
    pub(crate) law: Law,
    pub(crate) directory: Utf8PathBuf,
    pub(crate) node: NodeName,
    pub(crate) jurisdiction: Jurisdiction,
    pub(crate) simulated: bool,
    pub(crate) devices: BTreeMap<u32, Vec<Utf8PathBuf>>,
    pub(crate) decisions: Decisions,
}

impl Place {
    /// Where a start of a task writes.
    pub(crate) fn work(&self, id: &TaskId) -> Utf8PathBuf {
        self.directory.join("work").join(id.as_str())
    }
}

/// Decisions taken at this node's own door, kept until the controllers have recorded them.
#[derive(Debug)]
pub(crate) struct Decisions(Mutex<(u64, Vec<AgentDecision>)>);

impl Decisions {
    /// Numbers only have to grow over restarts of the agent, and the clock of a node does.
    pub(crate) fn new(now: Time) -> Self {
        Self(Mutex::new((now.0, Vec::new())))
    }

    /// Keeps a decision.
    pub(crate) fn take(&self, mut decision: AgentDecision) {
        let mut kept = self.0.lock();
        kept.0 += 1;
        decision.number = kept.0;
        kept.1.push(decision);
    }

    /// Those not recorded yet.
    pub(crate) fn waiting(&self) -> Vec<AgentDecision> {
        self.0.lock().1.clone()
    }

    /// Forgets those up to a number.
    pub(crate) fn recorded(&self, through: u64) {
        self.0.lock().1.retain(|d| d.number > through);
    }
}
