//! The replicated state: tables, the revision, and the index that watches resume from.

use std::sync::Arc;

use holdfast_api::store::{
    ArtifactRecord, BundleRecord, ClusterRecord, ControllerRecord, ElementsRecord, EventRecord, NodeRecord,
    RecipientRecord, ReleaseRecord, ReleaseTrustRecord, RevokedRecord, TokenRecord,
};
use holdfast_api::v1;
use holdfast_types::Time;

use crate::awaited::Awaited;
use crate::deadlines::Deadlines;
use crate::ended::Ended;
use crate::history::{ARTIFACT, Compacted, History, JOB, NODE, QUEUE, RESERVATION, WatchItem};
use crate::keys::Keys;
use crate::packed::Packed;
use crate::placed::Placed;
use crate::table::{Change, Table, number_key};
use crate::trail::Trail;

/// How many events are kept.
const EVENTS: usize = 2_000;
/// The key of the one cluster record.
const CLUSTER: &str = "cluster";

/// Everything the cluster has agreed on. A clone shares what it is made of: it costs one counter for some hundred rows.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) cluster: Table<ClusterRecord>,
    pub(crate) nodes: Table<NodeRecord>,
    pub(crate) jobs: Table<v1::Job>,
    pub(crate) queues: Table<v1::Queue>,
    pub(crate) artifacts: Table<Packed<ArtifactRecord>>,
    pub(crate) tokens: Table<TokenRecord>,
    pub(crate) revoked: Table<RevokedRecord>,
    pub(crate) keys: Keys,
    pub(crate) bundles: Table<BundleRecord>,
    pub(crate) events: Table<EventRecord>,
    pub(crate) audit: Trail,
    pub(crate) controllers: Table<ControllerRecord>,
    pub(crate) recipients: Table<RecipientRecord>,
    pub(crate) release_trust: Table<ReleaseTrustRecord>,
    pub(crate) releases: Table<ReleaseRecord>,
    pub(crate) rollouts: Table<v1::Rollout>,
    pub(crate) reservations: Table<v1::Reservation>,
    /// How the elements of arrays ended.
    pub(crate) elements: Table<ElementsRecord>,
    /// Follows from the jobs.
    pub(crate) placed: Placed,
    /// Follows from the jobs, but for what this command has changed.
    pub(crate) ended: Ended,
    /// Follows from the jobs, but for what this command has changed.
    pub(crate) awaited: Awaited,
    /// Follows from the jobs.
    pub(crate) deadlines: Deadlines,
    pub(crate) history: History,
    pub(crate) changes: Vec<Change>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            cluster: Table::new("c/"),
            nodes: Table::new("n/"),
            jobs: Table::new("j/"),
            queues: Table::new("q/"),
            artifacts: Table::new(Self::ARTIFACTS),
            tokens: Table::new("t/"),
            revoked: Table::new("r/"),
            keys: Keys::default(),
            bundles: Table::new("b/"),
            events: Table::new("e/"),
            audit: Trail::default(),
            controllers: Table::new("m/"),
            recipients: Table::new("k/"),
            release_trust: Table::new("u/"),
            releases: Table::new("v/"),
            rollouts: Table::new("o/"),
            reservations: Table::new("s/"),
            elements: Table::new("y/"),
            placed: Placed::default(),
            ended: Ended::default(),
            awaited: Awaited::default(),
            deadlines: Deadlines::default(),
            history: History::default(),
            changes: Vec::new(),
        }
    }
}

impl State {
    /// What the keys of artifacts begin with.
    pub(crate) const ARTIFACTS: &str = "a/";

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

    /// The incarnation of the cluster: 1 until it is restored or recovered, a greater number from then on.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.cluster().map_or(1, |c| c.incarnation.max(1))
    }

    /// Commands up to this level are taken.
    #[must_use]
    pub fn feature_level(&self) -> u32 {
        self.cluster().map_or(1, |c| c.feature_level.max(1))
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

    /// The jobs that hold places, by name.
    pub fn placed_jobs(&self) -> impl Iterator<Item = &v1::Job> {
        self.placed.names().filter_map(|name| self.jobs.get(name))
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

    /// Every reservation, by name.
    pub fn reservations(&self) -> impl DoubleEndedIterator<Item = &v1::Reservation> {
        self.reservations.values()
    }

    /// One reservation.
    #[must_use]
    pub fn reservation(&self, name: &str) -> Option<&v1::Reservation> {
        self.reservations.get(name)
    }

    /// Every version of every artifact, by key. There are many: each is decoded as it is come to.
    pub fn artifacts(&self) -> impl DoubleEndedIterator<Item = ArtifactRecord> {
        self.artifacts.values().map(Packed::open)
    }

    /// The versions after so many, by key.
    pub fn artifacts_after(&self, count: usize) -> impl Iterator<Item = ArtifactRecord> {
        self.artifacts.values().skip(count).map(Packed::open)
    }

    /// The versions from those of `kind/name` on, by key.
    pub fn artifacts_from(&self, series: &str) -> impl Iterator<Item = ArtifactRecord> {
        let start = format!("{series}@");
        self.artifacts.after(move |key, _| *key < *start).map(Packed::open)
    }

    /// How many versions of artifacts there are.
    #[must_use]
    pub fn artifact_count(&self) -> usize {
        self.artifacts.len()
    }

    /// The versions in which this text stands anywhere, such as the name of a node, by key. Others are not decoded.
    pub fn artifacts_mentioning(&self, text: &str) -> impl Iterator<Item = ArtifactRecord> {
        self.artifacts.values().filter(move |row| row.mentions(text)).map(Packed::open)
    }

    /// One version, by `kind/name@version`.
    #[must_use]
    pub fn artifact(&self, key: &str) -> Option<ArtifactRecord> {
        self.artifacts.get(&row_named(key)?).map(Packed::open)
    }

    /// The key under which the state keeps a version, or would, shared with it: there are many, and others keep them too. It names
    /// the version as `kind/name@version` does.
    #[must_use]
    pub fn artifact_key(&self, name: &str) -> Arc<str> {
        let row = row_named(name).unwrap_or_else(|| name.to_owned());
        self.artifacts.key(&row).unwrap_or_else(|| row.into())
    }

    /// The newest version of `kind/name`.
    #[must_use]
    pub fn newest(&self, series: &str) -> Option<ArtifactRecord> {
        self.artifacts.last_starting_with(&format!("{series}@")).map(Packed::open)
    }

    /// Every version of `kind/name`, from old to new.
    pub fn versions(&self, series: &str) -> impl Iterator<Item = ArtifactRecord> {
        self.artifacts.starting_with(format!("{series}@")).map(Packed::open)
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

    /// The first entry of the audit log that is kept.
    #[must_use]
    pub fn audit_first(&self) -> u64 {
        self.audit.first()
    }

    /// The audit log from an entry on, or from the first one that is kept: the index of each entry and its canonical bytes.
    pub fn audit_from(&self, index: u64) -> impl Iterator<Item = (u64, Vec<u8>)> + use<> {
        self.audit.from(index)
    }

    /// What changed after a revision, in order. Every member answers the same.
    ///
    /// # Errors
    ///
    /// Where those changes are no longer kept: the watcher has to list again.
    pub fn changes_since(&self, revision: u64) -> Result<impl Iterator<Item = &WatchItem>, Compacted> {
        self.history.since(revision)
    }

    /// The oldest revision that a watch can resume from.
    #[must_use]
    pub fn watch_floor(&self) -> u64 {
        self.history.floor()
    }

    pub(crate) fn put_cluster(&mut self, mut record: ClusterRecord) {
        record.watch_floor = self.history.floor();
        self.cluster.put(CLUSTER, record, &mut self.changes);
    }

    pub(crate) fn put_job(&mut self, mut job: v1::Job, revision: u64) {
        let name = stamp(&mut job.metadata, revision);
        self.history.put(revision, (JOB, &name), &job, &mut self.changes);
        let before = self.jobs.kept(&name);
        self.jobs.put(&name, job, &mut self.changes);
        self.job_changed(before.as_deref(), self.jobs.kept(&name).as_deref());
    }

    /// What follows from a job that has changed.
    pub(crate) fn job_changed(&mut self, before: Option<&v1::Job>, now: Option<&v1::Job>) {
        self.placed.changed(before, now);
        self.ended.changed(before, now);
        self.awaited.changed(before, now);
        self.deadlines.changed(before, now);
    }

    pub(crate) fn put_node(&mut self, mut record: NodeRecord, revision: u64) {
        let Some(node) = record.node.as_mut() else { return };
        let name = stamp(&mut node.metadata, revision);
        self.history.put(revision, (NODE, &name), node, &mut self.changes);
        self.nodes.put(&name, record, &mut self.changes);
    }

    pub(crate) fn remove_node(&mut self, name: &str, revision: u64) {
        if self.nodes.remove(name, &mut self.changes).is_some() {
            self.history.deleted(revision, NODE, name, &mut self.changes);
        }
    }

    pub(crate) fn put_queue(&mut self, mut queue: v1::Queue, revision: u64) {
        let name = stamp(&mut queue.metadata, revision);
        self.history.put(revision, (QUEUE, &name), &queue, &mut self.changes);
        self.queues.put(&name, queue, &mut self.changes);
    }

    /// Keeps what is counted of a queue, which is no change of it.
    pub(crate) fn keep_queue(&mut self, queue: v1::Queue) {
        let name = queue.metadata.as_ref().map_or_else(String::new, |metadata| metadata.name.clone());
        self.queues.put(&name, queue, &mut self.changes);
    }

    pub(crate) fn put_reservation(&mut self, mut reservation: v1::Reservation, revision: u64) {
        let name = stamp(&mut reservation.metadata, revision);
        self.history.put(revision, (RESERVATION, &name), &reservation, &mut self.changes);
        self.reservations.put(&name, reservation, &mut self.changes);
    }

    pub(crate) fn remove_reservation(&mut self, name: &str, revision: u64) {
        if self.reservations.remove(name, &mut self.changes).is_some() {
            self.history.deleted(revision, RESERVATION, name, &mut self.changes);
        }
    }

    pub(crate) fn put_artifact(&mut self, mut record: ArtifactRecord, revision: u64) {
        let Some(artifact) = record.artifact.as_mut() else { return };
        let name = stamp(&mut artifact.metadata, revision);
        let Some(row) = artifact.spec.as_ref().map(row_of) else { return };
        self.history.put(revision, (ARTIFACT, &name), artifact, &mut self.changes);
        self.artifacts.put(&row, Packed::of(&record), &mut self.changes);
    }

    pub(crate) fn remove_artifact(&mut self, spec: &v1::ArtifactSpec, revision: u64) {
        if self.artifacts.remove(&row_of(spec), &mut self.changes).is_some() {
            let name = format!("{}/{}@{}", spec.kind, spec.name, spec.version);
            self.history.deleted(revision, ARTIFACT, &name, &mut self.changes);
        }
    }

    pub(crate) fn remove_job(&mut self, name: &str, revision: u64) {
        if let Some(job) = self.jobs.remove(name, &mut self.changes) {
            self.job_changed(Some(&job), None);
            self.history.deleted(revision, JOB, name, &mut self.changes);
        }
    }

    pub(crate) fn remove_queue(&mut self, name: &str, revision: u64) {
        if self.queues.remove(name, &mut self.changes).is_some() {
            self.history.deleted(revision, QUEUE, name, &mut self.changes);
        }
    }

    pub(crate) fn event(&mut self, cluster: &mut ClusterRecord, event: v1::Event) {
        cluster.event_seq += 1;
        let record = EventRecord { seq: cluster.event_seq, event: Some(event) };
        self.events.put(&number_key(cluster.event_seq), record, &mut self.changes);
        if self.events.len() > EVENTS
            && let Some(oldest) = self.events.first().map(|(key, _)| key.to_owned())
        {
            self.events.remove(&oldest, &mut self.changes);
        }
    }
}

/// The row of a version: numbers are padded so that rows sort by version.
fn artifact_row(series: &str, version: u64) -> String {
    format!("{series}@{}", number_key(version))
}

/// The row of `kind/name@version`.
fn row_named(name: &str) -> Option<String> {
    let (series, version) = name.rsplit_once('@')?;
    Some(artifact_row(series, version.parse().ok()?))
}

fn row_of(spec: &v1::ArtifactSpec) -> String {
    artifact_row(&format!("{}/{}", spec.kind, spec.name), spec.version)
}

fn stamp(metadata: &mut Option<v1::Metadata>, revision: u64) -> String {
    let metadata = metadata.get_or_insert_default();
    metadata.revision = revision;
    metadata.name.clone()
}
