//! The replicated state: tables, the revision, and the index that watches resume from.

use std::collections::VecDeque;

use holdfast_api::store::{
    ArtifactRecord, AuditRecord, BundleRecord, ClusterRecord, EventRecord, IdempotencyRecord, NodeRecord,
    RevokedRecord, TokenRecord,
};
use holdfast_api::v1;
use holdfast_types::Time;

use crate::table::{Change, Table, number_key};

/// How many changes a watch can go back.
const HISTORY: usize = 8_192;
/// How many events are kept.
const EVENTS: usize = 2_000;
/// The key of the one cluster record.
const CLUSTER: &str = "cluster";

/// What changed at a revision, as a watch delivers it.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchItem {
    /// The revision of the change.
    pub revision: u64,
    /// `Job`, `Node`, `Queue` or `Artifact`.
    pub kind: &'static str,
    /// The resource's name.
    pub name: String,
    /// The resource as it was after the change; `None` where it was deleted.
    pub resource: Option<Resource>,
}

/// A public resource of any kind.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are the kinds")]
pub enum Resource {
    Job(Box<v1::Job>),
    Node(Box<v1::Node>),
    Queue(Box<v1::Queue>),
    Artifact(Box<v1::Artifact>),
}

/// A watch asked for changes that are no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Watches can resume from this revision on.
    pub oldest: u64,
}

/// Everything the cluster has agreed on.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) cluster: Table<ClusterRecord>,
    pub(crate) nodes: Table<NodeRecord>,
    pub(crate) jobs: Table<v1::Job>,
    pub(crate) queues: Table<v1::Queue>,
    pub(crate) artifacts: Table<ArtifactRecord>,
    pub(crate) tokens: Table<TokenRecord>,
    pub(crate) revoked: Table<RevokedRecord>,
    pub(crate) idempotency: Table<IdempotencyRecord>,
    pub(crate) idempotency_order: VecDeque<String>,
    pub(crate) bundles: Table<BundleRecord>,
    pub(crate) events: Table<EventRecord>,
    pub(crate) audit: Table<AuditRecord>,
    history: VecDeque<WatchItem>,
    /// Watches resume from here; everything before this process began to remember is gone.
    floor: u64,
    pub(crate) changes: Vec<Change>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            cluster: Table::new("c/"),
            nodes: Table::new("n/"),
            jobs: Table::new("j/"),
            queues: Table::new("q/"),
            artifacts: Table::new("a/"),
            tokens: Table::new("t/"),
            revoked: Table::new("r/"),
            idempotency: Table::new("i/"),
            idempotency_order: VecDeque::new(),
            bundles: Table::new("b/"),
            events: Table::new("e/"),
            audit: Table::new("l/"),
            history: VecDeque::new(),
            floor: 0,
            changes: Vec::new(),
        }
    }
}

impl State {
    /// Every record in key order, for snapshots and the applied store.
    #[must_use]
    pub fn records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut out = Vec::new();
        self.artifacts.records(&mut out);
        self.bundles.records(&mut out);
        self.cluster.records(&mut out);
        self.events.records(&mut out);
        self.idempotency.records(&mut out);
        self.jobs.records(&mut out);
        self.audit.records(&mut out);
        self.nodes.records(&mut out);
        self.queues.records(&mut out);
        self.revoked.records(&mut out);
        self.tokens.records(&mut out);
        out.sort();
        out
    }

    /// The state these records hold.
    ///
    /// # Errors
    ///
    /// Where a record does not decode or belongs to no table: the store is damaged or written by a newer release.
    pub fn restore(records: &[(Vec<u8>, Vec<u8>)]) -> Result<Self, String> {
        let mut state = Self::default();
        for (key, value) in records {
            state.load(key, value)?;
        }
        state.floor = state.revision();
        let mut order: Vec<(u64, String)> =
            state.idempotency.values().map(|r| (r.at_ms, r.key.clone())).collect();
        order.sort();
        state.idempotency_order = order.into_iter().map(|(_, key)| key).collect();
        Ok(state)
    }

    fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let taken = self
            .cluster
            .load(key, value)
            .or_else(|| self.nodes.load(key, value))
            .or_else(|| self.jobs.load(key, value))
            .or_else(|| self.queues.load(key, value))
            .or_else(|| self.artifacts.load(key, value))
            .or_else(|| self.tokens.load(key, value))
            .or_else(|| self.revoked.load(key, value))
            .or_else(|| self.idempotency.load(key, value))
            .or_else(|| self.bundles.load(key, value))
            .or_else(|| self.events.load(key, value))
            .or_else(|| self.audit.load(key, value));
        taken.unwrap_or_else(|| {
            Err(format!("a record of an unknown table: {:?}", String::from_utf8_lossy(key)))
        })
    }

    /// The founding record; absent until the cluster is bootstrapped.
    #[must_use]
    pub fn cluster(&self) -> Option<&ClusterRecord> {
        self.cluster.get(CLUSTER)
    }

    /// The revision of the last change.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.cluster().map_or(0, |c| c.revision)
    }

    /// The latest logical time.
    #[must_use]
    pub fn time(&self) -> Time {
        Time(self.cluster().map_or(0, |c| c.time_ms))
    }

    /// The law bundle in force.
    #[must_use]
    pub fn bundle(&self) -> Option<&v1::PolicyBundle> {
        self.bundles.values().next_back().and_then(|b| b.bundle.as_ref())
    }

    /// Every node, by name.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &NodeRecord> {
        self.nodes.values()
    }

    /// One node.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&NodeRecord> {
        self.nodes.get(name)
    }

    /// Every job, by name.
    pub fn jobs(&self) -> impl DoubleEndedIterator<Item = &v1::Job> {
        self.jobs.values()
    }

    /// One job.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&v1::Job> {
        self.jobs.get(name)
    }

    /// Every queue, by name.
    pub fn queues(&self) -> impl DoubleEndedIterator<Item = &v1::Queue> {
        self.queues.values()
    }

    /// One queue.
    #[must_use]
    pub fn queue(&self, name: &str) -> Option<&v1::Queue> {
        self.queues.get(name)
    }

    /// Every version of every artifact, by key.
    pub fn artifacts(&self) -> impl DoubleEndedIterator<Item = &ArtifactRecord> {
        self.artifacts.values()
    }

    /// One version, by `kind/name@version`.
    #[must_use]
    pub fn artifact(&self, key: &str) -> Option<&ArtifactRecord> {
        let (series, version) = key.rsplit_once('@')?;
        self.artifacts.get(&artifact_row(series, version.parse().ok()?))
    }

    /// The newest version of `kind/name`.
    #[must_use]
    pub fn newest(&self, series: &str) -> Option<&ArtifactRecord> {
        self.artifacts.last_starting_with(&format!("{series}@"))
    }

    /// Serials of certificates that must not be trusted any more.
    pub fn revoked(&self) -> impl Iterator<Item = &str> {
        self.revoked.values().map(|r| r.serial.as_str())
    }

    /// A join token's record.
    #[must_use]
    pub fn token(&self, id: &str) -> Option<&TokenRecord> {
        self.tokens.get(id)
    }

    /// Events from old to new.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &v1::Event> {
        self.events.values().filter_map(|e| e.event.as_ref())
    }

    /// How many entries the audit log has.
    #[must_use]
    pub fn audit_size(&self) -> u64 {
        self.cluster().map_or(0, |c| c.audit_size)
    }

    /// How many entries the audit log has, and the root of their tree.
    #[must_use]
    pub fn audit_root(&self) -> (u64, holdfast_audit::Hash) {
        let head = self.cluster().and_then(|c| holdfast_audit::Head::from_bytes(&c.audit_head).ok());
        head.map_or_else(|| (0, holdfast_audit::Hash::empty_root()), |head| (head.size(), head.root()))
    }

    /// The canonical bytes of an audit entry.
    #[must_use]
    pub fn audit_entry(&self, index: u64) -> Option<&[u8]> {
        self.audit.get(&number_key(index)).map(|r| r.entry.as_slice())
    }

    /// What changed after a revision, in order.
    ///
    /// # Errors
    ///
    /// Where those changes are no longer kept: the watcher has to list again.
    pub fn changes_since(&self, revision: u64) -> Result<impl Iterator<Item = &WatchItem>, Compacted> {
        if revision < self.floor {
            return Err(Compacted { oldest: self.floor });
        }
        let start = self.history.partition_point(|item| item.revision <= revision);
        Ok(self.history.iter().skip(start))
    }

    pub(crate) fn put_cluster(&mut self, record: ClusterRecord) {
        self.cluster.put(CLUSTER, record, &mut self.changes);
    }

    pub(crate) fn put_job(&mut self, mut job: v1::Job, revision: u64) {
        let name = stamp(&mut job.metadata, revision);
        self.remember(revision, "Job", &name, Some(Resource::Job(Box::new(job.clone()))));
        self.jobs.put(&name, job, &mut self.changes);
    }

    pub(crate) fn put_node(&mut self, mut record: NodeRecord, revision: u64) {
        let Some(node) = record.node.as_mut() else { return };
        let name = stamp(&mut node.metadata, revision);
        let resource = Resource::Node(Box::new(node.clone()));
        self.remember(revision, "Node", &name, Some(resource));
        self.nodes.put(&name, record, &mut self.changes);
    }

    pub(crate) fn put_queue(&mut self, mut queue: v1::Queue, revision: u64) {
        let name = stamp(&mut queue.metadata, revision);
        self.remember(revision, "Queue", &name, Some(Resource::Queue(Box::new(queue.clone()))));
        self.queues.put(&name, queue, &mut self.changes);
    }

    pub(crate) fn put_artifact(&mut self, mut record: ArtifactRecord, revision: u64) {
        let Some(artifact) = record.artifact.as_mut() else { return };
        let name = stamp(&mut artifact.metadata, revision);
        let resource = Resource::Artifact(Box::new(artifact.clone()));
        let row = artifact.spec.as_ref().map(|s| artifact_row(&format!("{}/{}", s.kind, s.name), s.version));
        self.remember(revision, "Artifact", &name, Some(resource));
        if let Some(row) = row {
            self.artifacts.put(&row, record, &mut self.changes);
        }
    }

    pub(crate) fn remove_artifact(&mut self, spec: &v1::ArtifactSpec, revision: u64) {
        let row = artifact_row(&format!("{}/{}", spec.kind, spec.name), spec.version);
        if self.artifacts.remove(&row, &mut self.changes).is_some() {
            let name = format!("{}/{}@{}", spec.kind, spec.name, spec.version);
            self.remember(revision, "Artifact", &name, None);
        }
    }

    pub(crate) fn remove_job(&mut self, name: &str, revision: u64) {
        if self.jobs.remove(name, &mut self.changes).is_some() {
            self.remember(revision, "Job", name, None);
        }
    }

    pub(crate) fn remove_queue(&mut self, name: &str, revision: u64) {
        if self.queues.remove(name, &mut self.changes).is_some() {
            self.remember(revision, "Queue", name, None);
        }
    }

    pub(crate) fn event(&mut self, cluster: &mut ClusterRecord, event: v1::Event) {
        cluster.event_seq += 1;
        let record = EventRecord { seq: cluster.event_seq, event: Some(event) };
        self.events.put(&number_key(cluster.event_seq), record, &mut self.changes);
        if self.events.len() > EVENTS
            && let Some(oldest) = self.events.first_key()
        {
            self.events.remove(&oldest, &mut self.changes);
        }
    }

    fn remember(&mut self, revision: u64, kind: &'static str, name: &str, resource: Option<Resource>) {
        self.history.push_back(WatchItem { revision, kind, name: name.to_owned(), resource });
        if self.history.len() > HISTORY
            && let Some(dropped) = self.history.pop_front()
        {
            // A revision may hold several changes: one that lost any of them cannot be resumed from.
            self.floor = self.floor.max(dropped.revision);
        }
    }
}

/// The row of a version: numbers are padded so that rows sort by version.
pub(crate) fn artifact_row(series: &str, version: u64) -> String {
    format!("{series}@{}", number_key(version))
}

fn stamp(metadata: &mut Option<v1::Metadata>, revision: u64) -> String {
    let metadata = metadata.get_or_insert_default();
    metadata.revision = revision;
    metadata.name.clone()
}
