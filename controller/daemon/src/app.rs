//! What every service and loop shares: the log, the law, the CA, and who has been heard from.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast_api::store::{Command, DecisionRecord, Outcome, RecordDecisions, command, outcome};
use holdfast_api::{LEADER_METADATA, refusal_problem, retry_after, status_from_problem, v1};
use holdfast_identity::{ClusterCa, IdentityHandle, Trust};
use holdfast_policy::{Bundle, BundleSource, UserFacts};
use holdfast_raft::{ProposeError, RaftNode, ReadError};
use holdfast_reconcile::user_facts;
use holdfast_state::State;
use holdfast_types::{AsProblem as _, Problem, ProblemKind, TenantName, Time};
use parking_lot::Mutex;
use prost::Message as _;
use prost_reflect::DescriptorPool;

use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::apart::Apart;
use crate::caller::Operator;
use crate::calls::CallStats;
use crate::command_counts;
use crate::config::Config;
use crate::desk::{Desk, Newest};
use crate::fields::select;
use crate::fresh::Fresh;
use crate::heard::Heard;
use crate::kept::Kept;
use crate::known::Known;
use crate::machine::StateMachine;
use crate::removed::Outcast;
use crate::request_id;
use crate::space::grows;
use crate::vitals::Vitals;
use crate::watch::Hub;

/// A leader that has not heard from a quorum for this long stops answering for the cluster: another may lead by now.
pub(crate) const LEADER_FRESH: Duration = Duration::from_millis(600);

/// When to come back to a cluster that is only beginning again.
const BEGIN_RETRY: Duration = Duration::from_millis(50);

/// The shared parts of a controller.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) raft: RaftNode<StateMachine>,
    pub(crate) ca: ClusterCa,
    pub(crate) trust: Trust,
    pub(crate) identity: IdentityHandle,
    pub(crate) audit_key: holdfast_audit::Signer,
    pub(crate) heard: Mutex<Heard>,
    pub(crate) watches: Arc<Hub>,
    pub(crate) vitals: Vitals,
    /// Where the controllers are.
    pub(crate) known: Known,
    /// Whether the others say that this controller was removed.
    pub(crate) outcast: Outcast,
    /// The newest feature level that this release knows.
    pub(crate) newest_level: u32,
    /// How old the state is where this controller does not lead.
    pub(crate) fresh: Fresh,
    /// What agents are to be told.
    pub(crate) desk: Desk,
    /// What the leader plans with.
    pub(crate) planner: Kept,
    /// Where long work is done.
    pub(crate) apart: Apart,
    /// How often each call was made and how it ended.
    pub(crate) calls: CallStats,
    /// Cancelled when this controller was ordered to begin again as another one.
    pub(crate) ordered: CancellationToken,
    pool: DescriptorPool,
    bundle: Mutex<Option<(String, Arc<Bundle>)>>,
}

/// The wall clock, read here and nowhere deeper.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// What a controller is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) raft: RaftNode<StateMachine>,
    pub(crate) ca: ClusterCa,
    pub(crate) trust: Trust,
    pub(crate) identity: IdentityHandle,
    pub(crate) outcast: Outcast,
    pub(crate) audit_key: holdfast_audit::Signer,
    /// The newest feature level that this release knows.
    pub(crate) newest_level: u32,
    /// The descriptors of every message and service.
    pub(crate) pool: DescriptorPool,
}

impl Newest for App {
    fn revision(&self) -> u64 {
        self.with(State::revision)
    }

    fn knows_since(&self, revision: u64) -> bool {
        self.with(|state| state.changes_since(revision).is_ok())
    }

    fn state(&self) -> State {
        self.with(State::clone)
    }
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { config, raft, ca, trust, identity, outcast, audit_key, newest_level, pool } = parts;
        let (heard, watches, vitals) = (Mutex::new(Heard::new(0)), Arc::default(), Vitals::new(now()));
        let (calls, bundle) = (CallStats::new(&pool), Mutex::default());
        let (known, fresh, desk) = (Known::default(), Fresh::default(), Desk::default());
        Self {
            config,
            raft,
            ca,
            trust,
            identity,
            audit_key,
            heard,
            watches,
            vitals,
            known,
            outcast,
            newest_level,
            fresh,
            desk,
            planner: Kept::default(),
            apart: Apart::default(),
            calls,
            ordered: CancellationToken::new(),
            pool,
            bundle,
        }
    }

    /// The descriptors of every message and service.
    pub(crate) fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// Reads the state as this member has it.
    pub(crate) fn with<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        self.raft.with(|machine| read(&machine.state))
    }

    /// Waits until this member has applied everything that was acknowledged before the call. Only the leader can say;
    /// others send the caller to it.
    pub(crate) async fn barrier(&self, stale: bool) -> Result<(), Status> {
        if stale {
            return self.recent();
        }
        match self.raft.read_barrier().await {
            Ok(_) if !self.begun() => Err(self.not_begun()),
            Ok(_) => Ok(()),
            Err(ReadError::NotLeader { .. }) => Err(self.not_leader()),
            Err(other) => Err(status_from_problem(&other.problem())),
        }
    }

    /// Whether the state is of the incarnation that this controller was made for.
    pub(crate) fn begun(&self) -> bool {
        self.incarnation() >= self.config.incarnation
    }

    /// The incarnation of the state; that of the configuration while nothing is founded.
    pub(crate) fn incarnation(&self) -> u64 {
        self.with(|state| state.cluster().map(|cluster| cluster.incarnation.max(1)))
            .unwrap_or(self.config.incarnation)
    }

    /// What is answered after a restore until the state is of the new incarnation: what it says still holds for the old one.
    fn not_begun(&self) -> Status {
        let number = self.config.incarnation;
        let problem = Problem::new(1285, ProblemKind::Unreachable, "the cluster is only beginning again")
            .because(format!("its state is not of incarnation {number} yet"))
            .next("try again in a moment");
        retry_after(status_from_problem(&problem), BEGIN_RETRY)
    }

    /// Whether the state of this member is recent enough for a read that may be stale.
    pub(crate) fn recent(&self) -> Result<(), Status> {
        if self.leads() {
            return Ok(());
        }
        let applied = *self.raft.applied().borrow();
        self.fresh.check(applied).map_err(|problem| status_from_problem(&problem))
    }

    /// Whether this member leads, and a quorum has said so of late.
    pub(crate) fn leads(&self) -> bool {
        self.raft.is_leader() && self.raft.quorum_fresh(LEADER_FRESH)
    }

    /// The status that sends a caller on to the leader.
    pub(crate) fn not_leader(&self) -> Status {
        let leader = self.raft.leader().map(|m| m.address);
        let problem = Problem::new(1203, ProblemKind::Unreachable, "this controller does not lead")
            .because(
                leader.clone().map_or_else(|| "no leader is elected".to_owned(), |l| format!("{l} leads")),
            )
            .next("holdfast cluster status");
        let mut status = status_from_problem(&problem);
        if let Some(value) = leader.and_then(|l| l.parse().ok()) {
            status.metadata_mut().insert(LEADER_METADATA, value);
        }
        status
    }

    /// Only the fields of a resource that are asked for; all where none is named.
    pub(crate) fn select_one<M: prost::Message + Default>(
        &self,
        kind: &str,
        item: M,
        fields: &[String],
    ) -> Result<M, Status> {
        let mut items = self.select(kind, vec![item], fields)?;
        items.pop().ok_or_else(|| Status::internal("the selected resource is gone"))
    }

    /// As [`App::select_one`], of every item of a list.
    pub(crate) fn select<M: prost::Message + Default>(
        &self,
        kind: &str,
        items: Vec<M>,
        fields: &[String],
    ) -> Result<Vec<M>, Status> {
        select(&self.pool, kind, items, fields)
    }

    fn raft_status(&self, error: ProposeError) -> Status {
        match error {
            ProposeError::NotLeader { .. } => self.not_leader(),
            ProposeError::Busy { after } => retry_after(status_from_problem(&error.problem()), after),
            other => status_from_problem(&other.problem()),
        }
    }

    /// Proposes a command and returns what applying it gave, or the refusal as a status.
    pub(crate) async fn propose(&self, command: Command) -> Result<Outcome, Status> {
        let name = command_counts::name(command.body.as_ref());
        let ended = self.commit(command).await;
        self.vitals.commands.count(name, &ended);
        ended
    }

    async fn commit(&self, mut command: Command) -> Result<Outcome, Status> {
        self.with(|state| state.knows(command.body.as_ref()))
            .map_err(|problem| status_from_problem(&problem))?;
        if command.request_id.is_empty() {
            command.request_id = request_id::current().unwrap_or_default();
        }
        let growing = command.body.as_ref().is_some_and(grows);
        let bytes = command.encode_to_vec();
        let answer = match growing {
            true => self.raft.propose(bytes).await,
            false => self.raft.propose_from_reserve(bytes).await,
        };
        let answer = answer.map_err(|error| self.raft_status(error))?;
        let outcome = Outcome::decode(answer.as_slice())
            .map_err(|error| Status::internal(format!("the outcome does not decode: {error}")))?;
        accepted(outcome)
    }

    /// Keeps the record of a decision before its effect.
    pub(crate) async fn record(&self, decision: DecisionRecord) -> Result<(), Status> {
        let body = RecordDecisions { decisions: vec![decision], node: String::new(), through: 0 };
        self.propose(system(command::Body::RecordDecisions(body))).await.map(|_| ())
    }

    /// Keeps the record of a refusal. The caller is refused all the same when that fails, so the failure is only logged.
    pub(crate) async fn record_refusal(&self, decision: Option<DecisionRecord>) {
        let Some(decision) = decision else { return };
        if let Err(status) = self.record(decision).await {
            tracing::error!(error = status.message(), "a refusal could not be recorded");
        }
    }

    /// The law in force, parsed once for each bundle.
    pub(crate) fn bundle(&self) -> Result<Arc<Bundle>, Status> {
        let mut cached = self.bundle.lock();
        // Its texts are long, and nearly always it is the one that is known.
        let unknown = |stored: &v1::PolicyBundle| match cached.as_ref() {
            Some((hash, bundle)) if *hash == stored.hash => Err(Arc::clone(bundle)),
            _ => Ok(stored.clone()),
        };
        let stored = match self.with(|state| state.bundle().map(unknown)) {
            Some(Ok(stored)) => stored,
            Some(Err(known)) => return Ok(known),
            None => {
                let problem = Problem::new(1205, ProblemKind::Unreachable, "no law is in force yet")
                    .because("the cluster is being founded")
                    .next("holdfast cluster status");
                return Err(status_from_problem(&problem));
            }
        };
        let bundle = parse_bundle(&stored).map_err(|problem| status_from_problem(&problem))?;
        let bundle = Arc::new(bundle);
        *cached = Some((stored.hash, Arc::clone(&bundle)));
        Ok(bundle)
    }

    /// The caller as the law sees them, acting for a tenant. A certificate that names a tenant binds its holder to it.
    pub(crate) fn user(
        &self,
        operator: &Operator,
        tenant: &TenantName,
        bundle: &Bundle,
    ) -> Result<UserFacts, Status> {
        if let Some(own) = &operator.tenant
            && own != tenant
        {
            let problem = Problem::new(
                1206,
                ProblemKind::Refused,
                format!("operator `{}` may not act for tenant `{tenant}`", operator.name),
            )
            .because(format!("their certificate is for tenant `{own}`"));
            return Err(status_from_problem(&problem));
        }
        user_facts(&operator.name, tenant, &operator.roles, bundle)
            .map_err(|error| status_from_problem(&error.problem()))
    }
}

/// Parses a stored bundle and checks that it is the one its hash says.
pub(crate) fn parse_bundle(stored: &v1::PolicyBundle) -> Result<Bundle, Problem> {
    let source = BundleSource {
        schema: &stored.schema,
        constitution: &stored.constitution,
        tenant: &stored.tenant,
        law: &stored.law,
    };
    let bundle = Bundle::parse(source).map_err(|findings| {
        let problem = Problem::new(1207, ProblemKind::Failed, "the law in force cannot be read");
        findings.iter().take(8).fold(problem, |p, finding| p.because(finding.to_string()))
    })?;
    if bundle.hash().to_string() == stored.hash {
        Ok(bundle)
    } else {
        Err(Problem::new(1207, ProblemKind::Failed, "the law in force cannot be read").because(format!(
            "its texts hash to {}, its record says {}",
            bundle.hash(),
            stored.hash
        )))
    }
}

/// A command that the cluster itself gives.
pub(crate) fn system(body: command::Body) -> Command {
    Command { actor: "system".to_owned(), body: Some(body), ..Command::default() }
}

/// What was answered, unless it was refused.
pub(crate) fn accepted(outcome: Outcome) -> Result<Outcome, Status> {
    match &outcome.result {
        Some(outcome::Result::Refusal(refusal)) => Err(status_from_problem(&refusal_problem(refusal))),
        _ => Ok(outcome),
    }
}
