//! Which nodes a change concerns, and what concerns a node. A cluster has far more jobs and artifacts than any one node
//! has to do with: neither a question of an agent nor a change may look at all of them.
//!
//! It follows the state by its changes and is built anew where they are no longer known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_api::store::ArtifactRecord;
use holdfast_api::{internal, v1};
use holdfast_state::State;
use holdfast_types::JobPhase;
use prost::Message as _;

use crate::desired::{inputs, phase, without_replicas};
use crate::holders::belongs_to;
use crate::replica::replica;

/// A name that many share; of an artifact, the key that the state has for it.
pub type Name = Arc<str>;

/// The nodes whose desired state may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// Every one.
    All,
    /// These.
    Nodes(BTreeSet<Name>),
}

/// The artifacts of which there may be too few copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recheck {
    /// Every one: a node came or went.
    All,
    /// These.
    Keys(BTreeSet<Name>),
}

impl Default for Recheck {
    fn default() -> Self {
        Self::Keys(BTreeSet::new())
    }
}

impl Recheck {
    fn key(&mut self, key: &Name) {
        if let Self::Keys(keys) = self {
            keys.insert(Arc::clone(key));
        }
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Keys(mut keys), Self::Keys(more)) => {
                keys.extend(more);
                Self::Keys(keys)
            }
            _ => Self::All,
        }
    }

    /// Whether there is nothing to look at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Keys(keys) if keys.is_empty())
    }
}

/// What concerns every node whatever it does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Common {
    bundle: String,
    revoked: usize,
    /// What a node says of itself may be kept from some level on.
    level: u32,
}

impl Common {
    fn of(state: &State) -> Self {
        let bundle = state.bundle().map(|bundle| bundle.hash.clone()).unwrap_or_default();
        Self { bundle, revoked: state.revoked().count(), level: state.feature_level() }
    }
}

/// What one node has to do with.
#[derive(Debug, Default, Clone)]
pub struct OfNode {
    jobs: BTreeSet<Name>,
    artifacts: BTreeSet<Name>,
}

impl OfNode {
    /// What the node should run and keep, as [`crate::desired()`] finds it in the whole state, encoded. Only one artifact of it
    /// is in memory otherwise: a thousand nodes may be told at once.
    #[must_use]
    pub fn told(&self, state: &State, node: &str) -> Vec<u8> {
        let jobs = self.jobs.iter().filter_map(|name| state.job(name));
        let mut told = without_replicas(state, node, jobs).encode_to_vec();
        for record in self.artifacts.iter().filter_map(|key| state.artifact(key)) {
            // Messages that follow one another are one message with the parts of both.
            let part = internal::Desired { replicas: vec![replica(state, record)], ..Default::default() };
            told.extend(part.encode_to_vec());
        }
        told
    }

    /// Those of its jobs that are being stopped, or of which a task is.
    pub fn stopping<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a v1::Job> {
        let leaves =
            |job: &v1::Job| job.status.iter().flat_map(|status| &status.tasks).any(|task| task.leaving);
        let stops = move |job: &&v1::Job| phase(job) == Some(JobPhase::Stopping) || leaves(job);
        self.jobs.iter().filter_map(|name| state.job(name)).filter(stops)
    }
}

/// A job that holds places.
#[derive(Debug, Default)]
struct OfJob {
    nodes: BTreeSet<Name>,
    inputs: BTreeSet<Name>,
}

/// How many artifacts each node has or should have.
#[derive(Debug, Clone, Default)]
pub struct Loads(BTreeMap<Name, u64>);

impl Loads {
    /// How many one node has.
    #[must_use]
    pub fn of(&self, node: &str) -> u64 {
        self.0.get(node).copied().unwrap_or(0)
    }
}

/// Both directions between nodes and what they have to do with.
#[derive(Debug, Default)]
pub struct Concerns {
    seen: Option<(u64, Common)>,
    nodes: BTreeMap<Name, Arc<OfNode>>,
    jobs: BTreeMap<Name, OfJob>,
    /// The nodes that have an artifact or should.
    holders: BTreeMap<Name, Box<[Name]>>,
    /// The jobs that hold places and need an artifact.
    users: BTreeMap<Name, BTreeSet<Name>>,
    recheck: Recheck,
}

impl Concerns {
    /// What is in a state. All of it is read, which takes long where it is large.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let mut concerns = Self::default();
        concerns.follow(state);
        concerns
    }

    /// The revision it stands at; `None` where it knows nothing.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.seen.as_ref().map(|(revision, _)| *revision)
    }

    /// Takes over what changed since the last time, and says whom it concerns.
    pub fn follow(&mut self, state: &State) -> Touched {
        let common = Common::of(state);
        let seen = self.seen.replace((state.revision(), common.clone()));
        let Some((since, before)) = seen else { return self.build(state) };
        if since == state.revision() && before == common {
            return Touched::Nodes(BTreeSet::new());
        }
        let Ok(changes) = state.changes_since(since) else { return self.build(state) };
        let changed: BTreeSet<(&str, &str)> = changes.map(|item| (item.kind, item.name.as_str())).collect();
        let mut touched = BTreeSet::new();
        for (kind, name) in changed {
            let name = if kind == "Artifact" { state.artifact_key(name) } else { self.name(kind, name) };
            match kind {
                "Job" => self.job(state, &name, &mut touched),
                "Artifact" => self.artifact(state.artifact(&name).as_ref(), &name, &mut touched),
                "Node" => self.node(&name, &mut touched),
                _ => {}
            }
        }
        if before == common { Touched::Nodes(touched) } else { Touched::All }
    }

    /// What a node has to do with.
    #[must_use]
    pub fn of_node(&self, node: &str) -> Arc<OfNode> {
        self.nodes.get(node).cloned().unwrap_or_default()
    }

    /// How much each node has.
    #[must_use]
    pub fn loads(&self) -> Loads {
        let count = |of: &Arc<OfNode>| u64::try_from(of.artifacts.len()).unwrap_or(u64::MAX);
        Loads(self.nodes.iter().map(|(node, of)| (Arc::clone(node), count(of))).collect())
    }

    /// Whether any artifact has to be looked at again.
    #[must_use]
    pub fn has_recheck(&self) -> bool {
        !self.recheck.is_empty()
    }

    /// The artifacts that have to be looked at again since this was asked last.
    pub fn take_recheck(&mut self) -> Recheck {
        std::mem::take(&mut self.recheck)
    }

    fn build(&mut self, state: &State) -> Touched {
        *self = Self { seen: self.seen.take(), recheck: Recheck::All, ..Self::default() };
        let mut nobody = BTreeSet::new();
        for record in state.artifacts() {
            if let Some(name) = record.artifact.as_ref().and_then(|a| a.metadata.as_ref()) {
                self.artifact(Some(&record), &state.artifact_key(&name.name), &mut nobody);
            }
        }
        for job in state.jobs() {
            if let Some(metadata) = &job.metadata {
                self.job(state, &Name::from(metadata.name.as_str()), &mut nobody);
            }
        }
        Touched::All
    }

    /// A name as it is kept already, where it is.
    fn name(&self, kind: &str, name: &str) -> Name {
        let known = match kind {
            "Job" => self.jobs.get_key_value(name).map(|(name, _)| name),
            _ => self.nodes.get_key_value(name).map(|(name, _)| name),
        };
        known.map_or_else(|| name.into(), Arc::clone)
    }

    fn names<'a>(&self, nodes: impl Iterator<Item = &'a str>) -> BTreeSet<Name> {
        nodes.map(|node| self.name("Node", node)).collect()
    }

    fn job(&mut self, state: &State, name: &Name, touched: &mut BTreeSet<Name>) {
        if let Some(before) = self.jobs.remove(name) {
            for node in &before.nodes {
                self.forget(node, |of| of.jobs.remove(name));
            }
            for key in &before.inputs {
                let users = self.users.get_mut(key);
                if users.is_some_and(|users| users.remove(name) && users.is_empty()) {
                    self.users.remove(key);
                }
            }
            touched.extend(before.nodes);
        }
        let Some(job) = state.job(name).filter(|job| holds_places(job)) else { return };
        let tasks = job.status.as_ref().map_or(&[][..], |status| status.tasks.as_slice());
        let nodes = self.names(tasks.iter().map(|task| task.node.as_str()));
        for node in &nodes {
            self.entry(node).jobs.insert(Arc::clone(name));
        }
        let inputs: BTreeSet<Name> = inputs(job).map(|key| state.artifact_key(&key)).collect();
        for key in &inputs {
            self.users.entry(Arc::clone(key)).or_default().insert(Arc::clone(name));
        }
        touched.extend(nodes.iter().cloned());
        self.jobs.insert(Arc::clone(name), OfJob { nodes, inputs });
    }

    fn artifact(&mut self, record: Option<&ArtifactRecord>, key: &Name, touched: &mut BTreeSet<Name>) {
        for node in self.holders.remove(key).into_iter().flatten() {
            self.forget(&node, |of| of.artifacts.remove(key));
            touched.insert(node);
        }
        if let Some(record) = record {
            let nodes = self.names(belongs_to(record));
            for node in &nodes {
                self.entry(node).artifacts.insert(Arc::clone(key));
            }
            touched.extend(nodes.iter().cloned());
            self.holders.insert(Arc::clone(key), nodes.into_iter().collect());
            self.recheck.key(key);
        }
        self.of_users(key, touched);
    }

    /// A node is told to others: where its data can be had, and where the leader of a gang listens.
    fn node(&mut self, node: &Name, touched: &mut BTreeSet<Name>) {
        self.recheck = Recheck::All;
        touched.insert(Arc::clone(node));
        let Some(of_node) = self.nodes.get(node) else { return };
        for key in &of_node.artifacts {
            touched.extend(self.holders.get(key).into_iter().flatten().cloned());
            self.of_users(key, touched);
        }
        for job in of_node.jobs.iter().filter_map(|job| self.jobs.get(job)) {
            touched.extend(job.nodes.iter().cloned());
        }
    }

    fn of_users(&self, key: &str, touched: &mut BTreeSet<Name>) {
        let jobs = self.users.get(key).into_iter().flatten().filter_map(|job| self.jobs.get(job));
        touched.extend(jobs.flat_map(|job| job.nodes.iter().cloned()));
    }

    /// What a node has to do with, to add to it. Whoever was given it keeps what it was.
    fn entry(&mut self, node: &Name) -> &mut OfNode {
        Arc::make_mut(self.nodes.entry(Arc::clone(node)).or_default())
    }

    fn forget(&mut self, node: &str, what: impl FnOnce(&mut OfNode) -> bool) {
        let Some(of) = self.nodes.get_mut(node).map(Arc::make_mut) else { return };
        what(of);
        if of.jobs.is_empty() && of.artifacts.is_empty() {
            self.nodes.remove(node);
        }
    }
}

fn holds_places(job: &v1::Job) -> bool {
    phase(job).is_some_and(JobPhase::holds_places)
}

#[cfg(test)]
mod tests;
