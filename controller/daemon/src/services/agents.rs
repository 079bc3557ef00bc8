//! The session with agents: they say what is, and are told what should be.
//!
//! Heartbeats never go through the log. What an agent says is proposed only where it differs from the state, so an idle
//! cluster writes nothing.

mod news;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use holdfast_api::internal::agent_session_server::AgentSession;
use holdfast_api::internal::{
    Desired, EnrolResponse, RenewRequest, RotateRequest, SyncRequest, SyncResponse, TaskReport,
};
use holdfast_api::store::{
    Command, CommitCheckpoint, DecisionRecord, NodeRecord, RecordDecisions, ReportNode, ReportTasks,
    RotateNode, SetNodePhase, SetReplicas, command,
};
use holdfast_api::{longest_hold, status_from_problem};
use holdfast_identity::{NODE_VALIDITY, Principal};
use holdfast_state::State;
use holdfast_types::{AsProblem as _, Jurisdiction, NodeName, NodePhase, Problem, ProblemKind, Time};
use prost::Message as _;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use self::news::{is_news, never_started, new_replicas};
use crate::app::{App, now, system};
use crate::caller;
use crate::desk::Said;

pub(crate) struct Service(pub(crate) Arc<App>);

/// How long an answer is held while nothing changes, for an agent that does not say how long it waits.
const HOLD: Duration = Duration::from_millis(1_000);
/// From this feature level on the state keeps what a node runs from.
const SYSTEM_LEVEL: u32 = 4;
/// The most decisions taken over from an agent at once.
const MAX_DECISIONS: usize = 256;
/// Held answers are given at so many moments in the time that one is held for, those of many agents at each: to wake once for
/// fifty agents takes far less than to wake for every one.
const MOMENTS: u32 = 20;

fn unknown(node: &str) -> Status {
    status_from_problem(&holdfast_state::not_found("node", node))
}

/// What an agent that waits for an answer knows already. Nothing else that it said is kept while the answer is held.
struct Known {
    /// All that it said.
    said: Said,
    /// The hash of what it should do.
    desired: String,
    /// The law.
    bundle: String,
    hold_ms: u64,
}

/// How long the answer to an agent that waits so long is held.
fn hold(asked_ms: u64, lease_ms: u64) -> Duration {
    match asked_ms {
        0 => HOLD,
        asked => Duration::from_millis(asked).min(longest_hold(Duration::from_millis(lease_ms))),
    }
}

/// When an answer is given that is held from now on: at the last of the moments within that time.
fn given_at(hold: Duration) -> Instant {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let latest = BEGUN.elapsed() + hold;
    let past = latest.as_nanos().checked_rem((hold / MOMENTS).as_nanos()).unwrap_or(0);
    *BEGUN + latest.saturating_sub(Duration::from_nanos(u64::try_from(past).unwrap_or(0)))
}

impl Service {
    async fn say(&self, node: &str, body: command::Body) -> Result<(), Status> {
        let command = Command { actor: format!("node/{node}"), ..system(body) };
        self.0.propose(command).await.map(|_| ())
    }

    fn record(&self, node: &str) -> Result<NodeRecord, Status> {
        self.0.with(|state| state.node(node).cloned()).ok_or_else(|| unknown(node))
    }

    /// Only a leader that a quorum still follows may renew a lease: another may lead by now and give the work away.
    fn hear(&self, node: &str) -> Result<(), Status> {
        if !self.0.leads() {
            return Err(self.0.not_leader());
        }
        self.0.heard.lock().hear(node);
        Ok(())
    }

    /// An agent that was told of a newer incarnation belongs to it; this state is one that was given up. And before the
    /// state is of the incarnation that was begun there is nothing to tell.
    fn of_one_incarnation(&self, node: &str, known: u64) -> Result<(), Status> {
        let (incarnation, begun) = (self.0.incarnation(), self.0.begun());
        if begun && known <= incarnation {
            return Ok(());
        }
        if !begun {
            return Err(self.0.not_leader());
        }
        let summary = format!("node `{node}` belongs to a newer incarnation of the cluster");
        let problem = Problem::new(1275, ProblemKind::Unreachable, summary)
            .because(format!("it was told of incarnation {known}, this controller is of {incarnation}"))
            .next("stop this controller: the cluster was restored or recovered without it");
        Err(status_from_problem(&problem))
    }

    /// Whether a node may be answered: it was heard, belongs to this cluster as it is now, and was not retired.
    async fn greet(&self, node: &str, incarnation: u64) -> Result<(), Status> {
        self.of_one_incarnation(node, incarnation)?;
        self.hear(node)?;
        let phase = |record: &NodeRecord| record.node.as_ref()?.status.as_ref().map(|s| s.phase.clone());
        let phase = self.0.with(|state| state.node(node).map(phase)).ok_or_else(|| unknown(node))?;
        if phase.as_deref() == Some(NodePhase::Retired.as_str()) {
            let problem =
                Problem::new(1216, ProblemKind::Unauthorised, format!("node `{node}` has been retired"))
                    .because("a retired node never comes back")
                    .next("holdfast node token --jurisdiction CODE");
            return Err(status_from_problem(&problem));
        }
        self.0.desk.ready(&*self.0).await
    }

    /// Takes over what the agent says, where it says something new. Nearly always it says what it said before.
    async fn hear_out(&self, node: &str, sync: &SyncRequest, said: Said) -> Result<(), Status> {
        let Some(times) = self.0.desk.unheard(&*self.0, node, said) else { return Ok(()) };
        if !self.take(node, sync).await? {
            self.0.desk.heard(node, times, said);
        }
        Ok(())
    }

    /// Takes over what the agent says; whether there was something new.
    async fn take(&self, node: &str, sync: &SyncRequest) -> Result<bool, Status> {
        let record = self.record(node)?;
        let mut new = false;
        let status = record.node.as_ref().and_then(|n| n.status.clone()).unwrap_or_default();
        // What not every member keeps yet is not told to any.
        let keeps = self.0.with(State::feature_level) >= SYSTEM_LEVEL;
        let system = sync.system.clone().filter(|_| keeps);
        let told = (
            &sync.data_address,
            &sync.relay_address,
            &sync.agent_version,
            sync.simulated,
            &sync.inventory,
            system.as_ref().or(status.system.as_ref()),
        );
        let known = (
            &status.data_address,
            &status.relay_address,
            &status.agent_version,
            status.simulated,
            &status.inventory,
            status.system.as_ref(),
        );
        if told != known {
            let body = ReportNode {
                node: node.to_owned(),
                inventory: sync.inventory.clone(),
                data_address: sync.data_address.clone(),
                relay_address: sync.relay_address.clone(),
                agent_version: sync.agent_version.clone(),
                simulated: sync.simulated,
                system,
            };
            self.say(node, command::Body::ReportNode(body)).await?;
            new = true;
        }
        // A node whose agent could not ask the law yet would refuse what it is given.
        if !record.alive && self.is_the_law(&sync.bundle) {
            let body =
                SetNodePhase { node: node.to_owned(), alive: true, reason: "its agent reports".to_owned() };
            self.say(node, command::Body::SetNodePhase(body)).await?;
            new = true;
        }
        // Checkpoints before tasks: the end of a task may be the end of the start that the checkpoint belongs to.
        new |= self.take_checkpoints(node, sync).await?;
        let (mut tasks, silent) = self.news_of_tasks(node, sync);
        if !silent.is_empty() && self.newer(node, &sync.known_desired).await?.is_none() {
            tasks.extend(silent);
        }
        new |= !tasks.is_empty();
        if !tasks.is_empty() {
            self.say(node, command::Body::ReportTasks(ReportTasks { node: node.to_owned(), tasks })).await?;
        }
        let have = self.0.with(|state| new_replicas(state, node, &sync.replicas));
        new |= !have.is_empty();
        if !have.is_empty() {
            let body = SetReplicas { node: node.to_owned(), have, targets: Vec::new() };
            self.say(node, command::Body::SetReplicas(body)).await?;
        }
        new |= self.take_decisions(node, sync, record.decisions_through).await?;
        Ok(new)
    }

    /// Whether an agent that has verified this law knows the one in force, or there is none.
    fn is_the_law(&self, known: &str) -> bool {
        self.0.with(|state| state.bundle().is_none_or(|bundle| bundle.hash == known))
    }

    async fn take_checkpoints(&self, node: &str, sync: &SyncRequest) -> Result<bool, Status> {
        let mut new = false;
        for checkpoint in &sync.checkpoints {
            let known = self.0.with(|state| state.has_checkpoint(checkpoint));
            if !known {
                let body = CommitCheckpoint { node: node.to_owned(), checkpoint: Some(checkpoint.clone()) };
                self.say(node, command::Body::CommitCheckpoint(body)).await?;
                new = true;
            }
        }
        Ok(new)
    }

    /// What a node says of its tasks that was not known, and what follows for those of which it says nothing. The state that this
    /// is found in is let go at once: whoever waits with one keeps every row of it that is replaced meanwhile.
    fn news_of_tasks(&self, node: &str, sync: &SyncRequest) -> (Vec<TaskReport>, Vec<TaskReport>) {
        let (state, of_node) = self.0.desk.of_node(&*self.0, node);
        let tasks = sync.tasks.iter().filter(|task| is_news(&state, node, task)).cloned().collect();
        (tasks, never_started(of_node.stopping(&state), node, sync))
    }

    async fn take_decisions(&self, node: &str, sync: &SyncRequest, known: u64) -> Result<bool, Status> {
        let mut new: Vec<_> = sync.decisions.iter().filter(|d| d.number > known).collect();
        new.sort_by_key(|d| d.number);
        new.truncate(MAX_DECISIONS);
        let Some(through) = new.last().map(|d| d.number) else { return Ok(false) };
        let decisions = new.into_iter().map(|d| DecisionRecord {
            action: d.action.clone(),
            object: if d.job.is_empty() {
                d.object.clone()
            } else {
                format!("{} by job/{}", d.object, d.job)
            },
            verdict: d.verdict.clone(),
            reasons: d.reasons.clone(),
            bundle: d.bundle.clone(),
            actor: format!("node/{node}"),
        });
        let body = RecordDecisions { decisions: decisions.collect(), node: node.to_owned(), through };
        self.say(node, command::Body::RecordDecisions(body)).await?;
        Ok(true)
    }

    async fn held(&self, node: &str, known: Known) -> Result<Response<SyncResponse>, Status> {
        let answer = self.answer(node, known).await?;
        // Held answers are the usual ones: the node was there all the while.
        self.hear(node)?;
        Ok(Response::new(answer))
    }

    /// Waits until what the node should do differs from what it knows, or for as long as an answer is held.
    async fn answer(&self, node: &str, known: Known) -> Result<SyncResponse, Status> {
        let deadline = given_at(hold(known.hold_ms, self.0.config.lease_ms));
        let mut touched = self.0.desk.touched(&*self.0, node);
        loop {
            touched.borrow_and_update();
            let has_law = self.is_the_law(&known.bundle);
            let through = self.0.with(|state| state.node(node).map_or(0, |r| r.decisions_through));
            // One without the law is told everything.
            let desired = if has_law { known.desired.as_str() } else { "" };
            if let Some((mut told, hash)) = self.newer(node, desired).await? {
                if !has_law {
                    let bundle = self.0.with(|state| state.bundle().cloned());
                    // Messages that follow one another are one message with the parts of both.
                    told.extend(Desired { bundle, ..Desired::default() }.encode_to_vec());
                }
                return Ok(self.response(hash, Some(told), through));
            }
            let woken = tokio::time::timeout_at(deadline, touched.changed()).await;
            if !matches!(woken, Ok(Ok(()))) {
                // What was heard and brought nothing new need not be said again.
                let heard = self.0.desk.unheard(&*self.0, node, known.said).is_none();
                let said = if heard { known.said.name() } else { Vec::new() };
                return Ok(SyncResponse { said, ..self.response(known.desired, None, through) });
            }
        }
    }

    async fn newer(&self, node: &str, known: &str) -> Result<Option<(Vec<u8>, String)>, Status> {
        self.0.desk.newer(&*self.0, node, known).await
    }

    fn response(
        &self,
        desired_hash: String,
        desired: Option<Vec<u8>>,
        decisions_recorded: u64,
    ) -> SyncResponse {
        SyncResponse {
            desired_hash,
            desired,
            lease_ms: self.0.config.lease_ms,
            decisions_recorded,
            incarnation: self.0.incarnation(),
            controllers: self.0.known.addresses(),
            ..SyncResponse::default()
        }
    }
}

#[tonic::async_trait]
impl AgentSession for Service {
    async fn sync(&self, request: Request<SyncRequest>) -> Result<Response<SyncResponse>, Status> {
        let (name, _) = caller::node(&request)?;
        let mut sync = request.into_inner();
        self.greet(name.as_str(), sync.incarnation).await?;
        let said = Said::of(&sync);
        self.hear_out(name.as_str(), &sync, said).await?;
        let known = Known {
            said,
            desired: std::mem::take(&mut sync.known_desired),
            bundle: std::mem::take(&mut sync.bundle),
            hold_ms: sync.hold_ms,
        };
        drop(sync);
        self.held(name.as_str(), known).await
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<SyncResponse>, Status> {
        let (name, _) = caller::node(&request)?;
        let renew = request.into_inner();
        self.greet(name.as_str(), renew.incarnation).await?;
        let said = Said::from_name(&renew.said)
            .filter(|said| self.0.desk.unheard(&*self.0, name.as_str(), *said).is_none());
        let Some(said) = said else {
            return Ok(Response::new(SyncResponse { say_again: true, ..SyncResponse::default() }));
        };
        let RenewRequest { known_desired: desired, bundle, hold_ms, .. } = renew;
        self.held(name.as_str(), Known { said, desired, bundle, hold_ms }).await
    }

    async fn rotate(&self, request: Request<RotateRequest>) -> Result<Response<EnrolResponse>, Status> {
        let (name, presented) = caller::node(&request)?;
        let ends = caller::ends(&request);
        let ask = request.into_inner();
        self.0.barrier(false).await?;
        let record = self.record(name.as_str())?;
        let old_serial = if self.was_forgotten(&record, ends) {
            record.node.as_ref().and_then(|n| n.status.as_ref()).map(|s| s.certificate_serial.clone())
        } else {
            Some(presented)
        };
        let old_serial = old_serial.unwrap_or_default();
        let jurisdiction = record.node.and_then(|n| n.spec).unwrap_or_default().jurisdiction;
        let chain = self.certify(&name, &jurisdiction, &ask.csr_pem)?;
        let body = RotateNode {
            node: name.to_string(),
            old_serial,
            new_serial: chain.serial.to_string(),
            expires_ms: chain.not_after.0,
        };
        self.say(name.as_str(), command::Body::RotateNode(body)).await?;
        let cluster_id = self.0.config.cluster.clone();
        Ok(Response::new(EnrolResponse { chain_pem: chain.chain_pem, cluster_id, jurisdiction }))
    }
}

impl Service {
    /// Whether a node comes with a newer certificate than the state knows of: it was renewed after the backup was made
    /// that the cluster went on from. The CA is the same and nobody revoked it, so it may be renewed again.
    fn was_forgotten(&self, record: &NodeRecord, ends: Option<Time>) -> bool {
        let known = Time(record.certificate_expires_ms.saturating_add(1_000));
        self.0.incarnation() > 1 && ends.is_some_and(|ends| ends > known)
    }

    fn certify(
        &self,
        name: &NodeName,
        jurisdiction: &str,
        csr: &str,
    ) -> Result<holdfast_identity::Issued, Status> {
        let jurisdiction: Jurisdiction = jurisdiction
            .parse()
            .map_err(|error: holdfast_types::JurisdictionError| Status::internal(error.to_string()))?;
        let principal = Principal::Node { name: name.clone(), jurisdiction };
        self.0
            .ca
            .issue(csr, &principal, NODE_VALIDITY, now())
            .map_err(|error| status_from_problem(&error.problem()))
    }
}
