//! The handle to one member: open, propose, read, watch, answer calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::BoxFuture;
use openraft::error::{InitializeError, RaftError as CoreError};
use openraft::{RaftMetrics, ServerState};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::applied::{Cache, Shared};
use crate::barrier::Barrier;
use crate::compare::{self, Compare};
use crate::contacts::{Contacts, View};
use crate::election::{self, Heard, Pace};
use crate::error::RaftError;
use crate::house::{Findings, House};
use crate::log::LogStore;
use crate::machine::Machine;
use crate::membership::{self, Changer};
use crate::network::{Inbound, Network, NetworkError, RpcKind};
use crate::open::open;
use crate::options::Options;
use crate::peer::Peers;
use crate::points::Points;
use crate::probe::Prober;
use crate::proposer::Proposer;
use crate::rpc::{ServeError, Server};
use crate::snapshot::SnapshotStore;
use crate::standing::Standing;
use crate::status::{Latencies, MemberStatus, Role, Space, Status};
use crate::tracker::{Leadership, Tracker, leader_of};
use crate::transfer::Transfer;
use crate::types::{Member, Peer, Raft};

/// How long openraft may take to stop before the tasks around it are ended anyway.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// A member of the controller quorum. Cheap to clone; when the last handle is dropped the member stops.
pub struct RaftNode<M> {
    pub(crate) inner: Arc<Inner<M>>,
}

impl<M> Clone for RaftNode<M> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<M> std::fmt::Debug for RaftNode<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RaftNode").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

pub(crate) struct Inner<M> {
    pub(crate) options: Options,
    pub(crate) raft: Raft,
    pub(crate) log: LogStore,
    pub(crate) shared: Arc<Shared<M>>,
    pub(crate) proposer: Proposer,
    pub(crate) barrier: Barrier,
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) changer: Arc<Changer>,
    contacts: Contacts,
    pub(crate) standing: Standing,
    pub(crate) transfer: Arc<Transfer>,
    server: Server,
    findings: Arc<Findings>,
    cache: Option<Cache>,
    pub(crate) snapshots: Arc<SnapshotStore>,
    tasks: Mutex<JoinSet<()>>,
}

/// openraft's core keeps itself alive, so it is told to stop; that needs the runtime, which may be gone already.
impl<M> Drop for Inner<M> {
    fn drop(&mut self) {
        let raft = self.raft.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { raft.shutdown().await });
        }
    }
}

/// What a member is put together from.
struct Parts<M> {
    pub(crate) options: Options,
    raft: Raft,
    log: LogStore,
    pub(crate) shared: Arc<Shared<M>>,
    cache: Option<Cache>,
    snapshots: Arc<SnapshotStore>,
    peers: Peers,
}

impl<M: Machine> Inner<M> {
    /// Starts the tasks beside openraft.
    fn start(parts: Parts<M>) -> Self {
        let Parts { options, raft, log, shared, cache, snapshots, peers } = parts;
        let mut tasks = JoinSet::new();
        let clock = Arc::clone(&options.clock);
        let proposer = Proposer::start(raft.clone(), clock, options.propose_timeout, &mut tasks);
        let barrier = Barrier::start(raft.clone(), shared.watch(), options.election.1 * 2, &mut tasks);
        let tracker = Tracker::start(&raft, &mut tasks);
        let findings = Arc::new(Findings::default());
        let heard = Arc::new(Heard::new(options.election.0, Arc::clone(&tracker)));
        let standing = Standing::default();
        let judge = standing.clone();
        let (patience, lease) = options.election;
        let pace = Pace { heartbeat: options.heartbeat, lease, patience };
        election::start(raft.clone(), peers.clone(), Arc::clone(&heard), judge, pace, &mut tasks);
        let remembering = Arc::clone(&shared);
        let points: Points = Arc::new(move || remembering.points());
        let prober = Prober {
            raft: raft.clone(),
            id: options.id,
            heard,
            standing: standing.clone(),
            points: Arc::clone(&points),
            log: log.clone(),
        };
        let server = Server::new(prober, &peers, log.clone(), Arc::clone(&snapshots));
        let transfer = Transfer::new(raft.clone(), log.clone(), peers.clone(), options.election.1 * 2);
        let transfer = Arc::new(transfer);
        let house = House {
            raft: raft.clone(),
            log: log.clone(),
            cache: cache.clone(),
            snapshots: Arc::clone(&snapshots),
            options: options.clone(),
            findings: Arc::clone(&findings),
            transfer: Arc::clone(&transfer),
        };
        tasks.spawn(house.keep());
        let compare = Compare {
            raft: raft.clone(),
            peers: peers.clone(),
            points,
            standing: standing.clone(),
            transfer: Arc::clone(&transfer),
        };
        compare::start(compare, options.compare, &mut tasks);
        let changer = Changer::new(raft.clone(), peers.contacts.clone(), &options);
        tasks.spawn(membership::settle(Arc::clone(&changer)));
        let tasks = Mutex::new(tasks);
        Self {
            options,
            raft,
            log,
            shared,
            proposer,
            barrier,
            tracker,
            changer,
            contacts: peers.contacts,
            standing,
            transfer,
            server,
            findings,
            cache,
            snapshots,
            tasks,
        }
    }
}

impl<M: Machine> RaftNode<M> {
    /// Opens the member and recovers its state from disk. It takes part in the cluster from here on: it answers calls
    /// handed to [`RaftNode::serve`], and stands for election if it is a voter.
    ///
    /// # Errors
    ///
    /// The directory is locked, foreign or damaged, or the options cannot work.
    pub async fn open(options: Options, machine: M, network: impl Network) -> Result<Self, RaftError> {
        let config = Arc::new(options.config().map_err(RaftError::Options)?);
        let opening = options.clone();
        let opened = options.work.blocking(move || open(&opening, machine)).await;
        let (log, state) = opened.map_err(|error| RaftError::Stopped(error.to_string()))??;
        let peers = Peers {
            network: Arc::new(network),
            cluster_id: options.cluster_id.as_str().into(),
            id: options.id,
            contacts: Contacts::default(),
            view: View::default(),
            log: log.clone(),
            work: options.work.clone(),
        };
        let (shared, snapshots) = (Arc::clone(&state.shared), Arc::clone(&state.snapshots));
        let cache = state.cache.clone();
        let raft = Raft::new(options.id, config, peers.clone(), log.clone(), state).await;
        let raft = raft.map_err(|fatal| RaftError::Stopped(fatal.to_string()))?;
        peers.view.open(raft.metrics());

        let inner = Inner::start(Parts { options, raft, log, shared, cache, snapshots, peers });
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Founds the cluster with these voters. One member does this once; again, or on a member that belongs to a cluster
    /// already, it does nothing.
    ///
    /// # Errors
    ///
    /// This member is not among the voters, or raft has stopped.
    pub async fn bootstrap(&self, members: Vec<Member>) -> Result<(), RaftError> {
        let peers: BTreeMap<u64, Peer> =
            members.iter().map(|member| (member.id, Peer::from(member))).collect();
        match self.inner.raft.initialize(peers).await {
            Ok(()) | Err(CoreError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(CoreError::APIError(InitializeError::NotInMembers(error))) => Err(RaftError::Options(
                format!("member {} founds a cluster it is not part of", error.node_id),
            )),
            Err(CoreError::Fatal(fatal)) => Err(RaftError::Stopped(fatal.to_string())),
        }
    }

    /// Reads the machine as this member has applied it.
    pub fn with<R>(&self, read: impl FnOnce(&M) -> R) -> R {
        self.inner.shared.with(read)
    }

    /// The index of the last applied entry, to wake whoever waits for changes.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.inner.shared.watch()
    }

    /// The leader as far as this member knows.
    #[must_use]
    pub fn leader(&self) -> Option<Member> {
        leader_of(&self.inner.raft.metrics().borrow())
    }

    /// Whether this member takes itself for the leader; only [`RaftNode::read_barrier`] proves it.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.inner.raft.metrics().borrow().state == ServerState::Leader
    }

    /// The leader and its term, as they change.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.tracker.watch()
    }

    /// Whether this member leads and a quorum answered it within `max_age`.
    #[must_use]
    pub fn quorum_fresh(&self, max_age: Duration) -> bool {
        self.inner.tracker.quorum_within(max_age) == Some(true)
    }

    /// Whether a leader called this member within `max_age`.
    #[must_use]
    pub fn heard_leader(&self, max_age: Duration) -> bool {
        self.inner.server.heard_leader(max_age)
    }

    /// The space of this member, as it was measured last.
    #[must_use]
    pub fn space(&self) -> Space {
        self.inner.findings.space()
    }

    /// Waits until this member's log refuses writes for good.
    pub async fn failed(&self) {
        self.inner.log.failed().await;
    }

    /// What this member says of itself.
    #[must_use]
    pub fn status(&self) -> Status {
        let inner = &self.inner;
        let metrics = inner.raft.metrics().borrow().clone();
        let stopped = metrics.running_state.as_ref().err().map(ToString::to_string);
        let counters = &inner.proposer.counters;
        let age = inner.findings.snapshot_age();
        Status {
            id: inner.options.id,
            term: metrics.current_term,
            leader: leader_of(&metrics),
            last_log: inner.log.last().map(|id| id.index),
            applied: inner.shared.applied().map(|id| id.index),
            snapshot_index: metrics.snapshot.map(|id| id.index),
            purged: inner.log.purged().map(|id| id.index),
            configured: metrics.membership_config.log_id().map(|id| id.index),
            members: members_of(&metrics, &inner.contacts),
            state_hash: inner.shared.hash(),
            log_bytes: inner.log.bytes(),
            fsyncs: inner.log.fsyncs(),
            records: inner.log.records(),
            proposals: counters.commands.load(Ordering::Relaxed),
            batches: counters.batches.load(Ordering::Relaxed),
            failure: inner.log.failure().or(stopped),
            excluded: inner.standing.excluded(),
            space: inner.findings.space(),
            start: inner.shared.start.lock().clone(),
            leader_changes: inner.tracker.changes(),
            snapshot_age_ms: age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            latency: Latencies {
                fsync: inner.log.sync_time(),
                commit: counters.commit_time.counts(),
                apply: inner.shared.apply_time.counts(),
            },
        }
    }

    /// Index and term of every entry of the log that is not purged, for whoever checks that logs agree.
    #[must_use]
    pub fn log_terms(&self) -> Vec<(u64, u64)> {
        self.inner.log.terms()
    }

    /// Asks for a snapshot now.
    ///
    /// # Errors
    ///
    /// Raft has stopped.
    pub async fn trigger_snapshot(&self) -> Result<(), RaftError> {
        let asked = self.inner.raft.trigger().snapshot().await;
        asked.map_err(|fatal| RaftError::Stopped(fatal.to_string()))
    }

    /// Answers a call of another member.
    ///
    /// # Errors
    ///
    /// The bytes are no call for this member, or raft has stopped.
    pub async fn serve(&self, kind: RpcKind, bytes: Vec<u8>) -> Result<Vec<u8>, ServeError> {
        self.inner.server.serve(kind, bytes).await
    }

    /// Stops this member. Files are released when the last handle is dropped as well.
    pub async fn shutdown(&self) {
        self.inner.snapshots.hurry();
        let stopped = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.inner.raft.shutdown()).await;
        if !matches!(stopped, Ok(Ok(()))) {
            tracing::warn!("raft did not stop in time");
        }
        self.inner.tasks.lock().abort_all();
        if let Some(cache) = self.inner.cache.clone() {
            // One that panicked is found damaged by the next start.
            drop(self.inner.options.work.blocking(move || cache.close()).await);
        }
    }
}

impl<M: Machine> Inbound for RaftNode<M> {
    fn serve_call(
        self: Arc<Self>,
        rpc: RpcKind,
        body: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, NetworkError>> {
        Box::pin(async move {
            self.serve(rpc, body).await.map_err(|error| NetworkError::Refused(error.to_string()))
        })
    }
}

fn members_of(metrics: &RaftMetrics<u64, Peer>, contacts: &Contacts) -> Vec<MemberStatus> {
    let membership = metrics.membership_config.membership();
    let voters: BTreeSet<u64> = membership.voter_ids().collect();
    let matched = |id: &u64| metrics.replication.as_ref().and_then(|all| all.get(id).copied().flatten());
    let members = membership.nodes().map(|(id, peer)| MemberStatus {
        member: peer.member(*id),
        role: if voters.contains(id) { Role::Voter } else { Role::Learner },
        matched: matched(id).map(|id| id.index),
        trouble: contacts.troubled(*id),
        heard_ms: contacts.age(*id).map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
    });
    members.collect()
}
