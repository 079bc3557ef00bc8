//! Nodes held for jobs that have waited too long. It must not know why they wait.

use holdfast_types::JobName;

/// Which job each node is held for; the first job to hold a node keeps it.
#[derive(Debug)]
pub(crate) struct Holds<'a> {
    jobs: Vec<&'a JobName>,
    by_node: Vec<Option<usize>>,
}

impl<'a> Holds<'a> {
    /// No holds on this many nodes.
    pub(crate) fn new(nodes: usize) -> Self {
        Self { jobs: Vec::new(), by_node: vec![None; nodes] }
    }

    /// How many jobs hold nodes.
    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Holds nodes for a job.
    pub(crate) fn add(&mut self, job: &'a JobName, nodes: &[usize]) {
        let number = self.jobs.len();
        self.jobs.push(job);
        for node in nodes {
            if let Some(slot) = self.by_node.get_mut(*node) {
                slot.get_or_insert(number);
            }
        }
    }

    /// The job a node is held for, as it was when `before` jobs held nodes.
    pub(crate) fn holder(&self, node: usize, before: usize) -> Option<&'a JobName> {
        let number = self.by_node.get(node).copied().flatten().filter(|number| *number < before)?;
        self.jobs.get(number).copied()
    }
}
