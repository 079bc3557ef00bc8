//! Every fact that can become true. One command in, one outcome out; deterministic, so every member agrees.
//!
//! A command either changes what it names and says so in the audit log, or is refused with a code and changes nothing
//! but, where a decision was taken, the audit log.

use holdfast_api::store::{ClusterRecord, Command, IdempotencyRecord, Outcome, command, outcome};
use holdfast_api::{MAX_REQUEST_ID, refusal};
use holdfast_types::{Problem, Time};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::act::{Act, Answer};
use crate::state::State;
use crate::table::Change;
use crate::{
    array, artifacts, cluster, controllers, incarnation, jobs, level, nodes, overdue, placement, queues,
    record, refuse, releases, reservations, retention, rollouts, transaction, waits,
};

/// What one command did.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The answer to whoever proposed it.
    pub outcome: Outcome,
    /// What to write to the applied store.
    pub changes: Vec<Change>,
}

impl State {
    /// Applies one committed command, in its stored form, at a logical time.
    pub fn apply(&mut self, now: Time, bytes: &[u8]) -> Applied {
        self.changes.clear();
        self.history.keep_once(self.feature_level() >= level::ONE_CHANGE);
        self.awaited.clear_news();
        self.ended.clear_news();
        let outcome = match Command::decode(bytes) {
            Ok(command) => self.apply_command(now, command),
            Err(error) => self.refused(&refuse::undecodable(&format!("its bytes do not decode: {error}"))),
        };
        Applied { outcome, changes: std::mem::take(&mut self.changes) }
    }

    fn refused(&self, problem: &Problem) -> Outcome {
        Outcome { revision: self.revision(), result: Some(outcome::Result::Refusal(refusal(problem))) }
    }

    /// Whether a command is one of those that every member of the cluster knows. To be asked before it is proposed, so that
    /// the log of a cluster holds nothing that some of its members cannot read.
    ///
    /// # Errors
    ///
    /// E1130 with the level that it needs.
    pub fn knows(&self, body: Option<&command::Body>) -> Result<(), Problem> {
        let body = body.ok_or_else(|| refuse::undecodable("it has no body this release knows"))?;
        let (needed, found) = (level::level_of(body), self.feature_level());
        if needed > found && self.cluster().is_some() {
            return Err(refuse::level(needed, found));
        }
        Ok(())
    }

    fn apply_command(&mut self, now: Time, mut command: Command) -> Outcome {
        // Time in the state never goes back, whatever clock the leader has.
        let now = now.max(self.time());
        // What not every release knows must leave the same here and there: nothing, not even its key.
        if let Err(problem) = self.knows(command.body.as_ref()) {
            return self.refused(&problem);
        }
        // A request that is made again may have another id; it is the same command.
        let request = self.request_of(&mut command);
        let key = std::mem::take(&mut command.idempotency_key);
        // Before the founding entry nothing is decided, so there is no answer to remember either.
        if key.is_empty() || self.cluster().is_none() {
            return self.apply_once(now, command, request);
        }
        let hash = if command.request_hash.is_empty() {
            Sha256::digest(command.encode_to_vec()).to_vec()
        } else {
            std::mem::take(&mut command.request_hash)
        };
        if let Some(known) = self.answered(&command.actor, &key, &hash, now) {
            return known;
        }
        let row = key_row(&command.actor, &key);
        let outcome = self.apply_once(now, command, request);
        self.remember_key(row, hash, &outcome, now);
        outcome
    }

    /// What a request under this key was answered, where it is remembered: whoever decides something before proposing a
    /// command must not decide a repeated one again, on a state that it has changed itself.
    #[must_use]
    pub fn answered(&self, actor: &str, key: &str, request_hash: &[u8], now: Time) -> Option<Outcome> {
        let known = self.keys.get(&key_row(actor, key), now.max(self.time()))?;
        if known.command_hash != request_hash {
            return Some(self.refused(&refuse::key_reused(key)));
        }
        let damaged = || self.refused(&refuse::undecodable("a remembered outcome is damaged"));
        Some(Outcome::decode(known.outcome.as_slice()).unwrap_or_else(|_| damaged()))
    }

    fn remember_key(&mut self, row: String, command_hash: Vec<u8>, outcome: &Outcome, now: Time) {
        let record =
            IdempotencyRecord { key: row, outcome: outcome.encode_to_vec(), at_ms: now.0, command_hash };
        self.keys.put(record, &mut self.changes);
    }

    /// The id of the request, taken out of the command: what was stored below the level that it counts from stays as it was.
    fn request_of(&self, command: &mut Command) -> String {
        let id = std::mem::take(&mut command.request_id);
        let counts = self.feature_level() >= level::REQUEST_IDS && id.len() <= MAX_REQUEST_ID;
        if counts { id } else { String::new() }
    }

    fn apply_once(&mut self, now: Time, command: Command, request: String) -> Outcome {
        let Some(body) = command.body else {
            return self.refused(&refuse::undecodable("it has no body this release knows"));
        };
        let founding = matches!(body, command::Body::InitCluster(_));
        let mut cluster = match (self.cluster(), founding) {
            (None, false) => return self.refused(&refuse::not_founded()),
            (Some(_), true) => return self.refused(&refuse::founding("it has been founded already")),
            (None, true) => ClusterRecord::default(),
            (Some(cluster), false) => cluster.clone(),
        };
        cluster.time_ms = now.0;
        let revision = cluster.revision + 1;
        let mut act = Act {
            state: self,
            cluster,
            revision,
            now,
            actor: command.actor,
            request,
            expected_revision: command.expected_revision,
            decision: command.decision,
        };
        let answer = dispatch(&mut act, body);
        if answer.is_ok() {
            array::settle(&mut act);
            waits::settle(&mut act);
            retention::ended_jobs(&mut act);
        }
        if let Some(decision) = act.decision.take() {
            record::decision(&mut act, decision, answer.as_ref().err());
        }
        let (mut cluster, revision) = (act.cluster, act.revision);
        // A command that changed nothing leaves the revision alone, so that nobody wakes for it.
        let changed = !self.changes.is_empty();
        if changed {
            cluster.revision = revision;
            self.put_cluster(cluster);
        }
        match answer {
            Ok(result) => Outcome { revision: self.revision(), result: Some(result) },
            Err(problem) => self.refused(&problem),
        }
    }
}

/// The row of a key: keys of one actor are nobody else's.
fn key_row(actor: &str, key: &str) -> String {
    format!("{actor}|{key}")
}

fn dispatch(act: &mut Act<'_>, body: command::Body) -> Answer {
    match body {
        command::Body::InitCluster(init) => cluster::init(act, init),
        command::Body::CreateToken(token) => nodes::create_token(act, token),
        command::Body::EnrolNode(enrol) => nodes::enrol(act, enrol),
        command::Body::RotateNode(rotate) => nodes::rotate(act, &rotate),
        command::Body::ChangeNode(change) => nodes::change(act, &change),
        command::Body::ReportNode(report) => nodes::report(act, report),
        command::Body::SetNodePhase(phase) => nodes::set_alive(act, &phase),
        command::Body::SubmitJob(submit) => jobs::submit(act, submit),
        command::Body::CancelJob(end) => jobs::cancel(act, &end.name),
        command::Body::DeleteJob(end) => jobs::delete(act, &end.name),
        command::Body::FailOverdue(overdue) => overdue::fail(act, &overdue),
        command::Body::CommitPlan(plan) => placement::commit(act, plan),
        command::Body::ReportTasks(report) => jobs::report(act, report),
        command::Body::CommitCheckpoint(commit) => artifacts::checkpoint(act, commit),
        command::Body::CommitVersion(version) => artifacts::commit(act, version),
        command::Body::SetReplicas(replicas) => artifacts::replicas(act, replicas),
        command::Body::PutQueue(put) => queues::put(act, put),
        command::Body::DeleteQueue(delete) => queues::delete(act, &delete.name),
        command::Body::PutReservation(put) => reservations::put(act, put),
        command::Body::DeleteReservation(delete) => reservations::delete(act, &delete.name),
        command::Body::RecordDecisions(decisions) => record::decisions(act, decisions),
        command::Body::Transaction(transaction) => transaction::run(act, transaction),
        command::Body::BeginIncarnation(begin) => incarnation::begin(act, &begin),
        command::Body::RaiseLevel(raise) => level::raise(act, &raise),
        command::Body::AdmitController(admit) => controllers::admit(act, admit),
        command::Body::SettleController(settle) => controllers::settle(act, settle),
        command::Body::SetRecipients(set) => controllers::set_recipients(act, set),
        command::Body::TrustReleases(trust) => releases::trust(act, trust),
        command::Body::ImportRelease(import) => releases::import(act, import),
        command::Body::StartRollout(start) => rollouts::start(act, start),
        command::Body::ChangeRollout(change) => rollouts::change(act, &change),
        command::Body::StepRollout(step) => rollouts::step(act, &step),
    }
}
