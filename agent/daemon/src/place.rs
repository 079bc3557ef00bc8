//! The node as its tasks find it: who it is, what it keeps, where it writes, and what it has decided.

use std::collections::{BTreeMap, BTreeSet};

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

/// What was decided for a start: the object, the verdict, and the bundle that was asked.
type Verdict = (String, String, String);

/// Decisions taken at this node's own door, kept until the controllers have recorded them.
#[derive(Debug)]
pub(crate) struct Decisions(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    last: u64,
    waiting: Vec<AgentDecision>,
    /// What each start was told already. The law is asked at every try, and the same answer is one decision.
    told: BTreeMap<TaskId, BTreeSet<Verdict>>,
}

impl Decisions {
    /// Numbers only have to grow over restarts of the agent, and the clock of a node does.
    pub(crate) fn new(now: Time) -> Self {
        Self(Mutex::new(Kept { last: now.0, waiting: Vec::new(), told: BTreeMap::new() }))
    }

    /// Keeps a decision for a start, unless the start was told the same before.
    pub(crate) fn take(&self, start: &TaskId, mut decision: AgentDecision) {
        let mut kept = self.0.lock();
        let verdict = (decision.object.clone(), decision.verdict.clone(), decision.bundle.clone());
        if !kept.told.entry(start.clone()).or_default().insert(verdict) {
            return;
        }
        kept.last += 1;
        decision.number = kept.last;
        kept.waiting.push(decision);
    }

    /// Those not recorded yet.
    pub(crate) fn waiting(&self) -> Vec<AgentDecision> {
        self.0.lock().waiting.clone()
    }

    /// Forgets those up to a number.
    pub(crate) fn recorded(&self, through: u64) {
        self.0.lock().waiting.retain(|d| d.number > through);
    }

    /// A start is over: what it was told will not be asked again. What waits to be recorded stays.
    pub(crate) fn forget(&self, start: &TaskId) {
        self.0.lock().told.remove(start);
    }
}
