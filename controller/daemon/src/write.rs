//! Writes as callers ask for them: under a key, at a revision, or only as a trial. It must not know what they do.

use holdfast_api::store::{Command, DecisionRecord, Outcome, command, outcome};
use holdfast_api::{status_from_problem, v1};
use holdfast_state::State;
use holdfast_types::{Problem, ProblemKind};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tonic::Status;

use crate::app::{App, accepted, now};
use crate::request_id;
use crate::space::over_quota;

/// The most bytes of an idempotency key.
const MAX_KEY: usize = 128;

/// A change as a caller asked for it.
#[derive(Debug, Default)]
pub(crate) struct Write {
    actor: String,
    options: v1::WriteOptions,
    decision: Option<DecisionRecord>,
    request_hash: Vec<u8>,
}

impl Write {
    /// What `actor` asked for with `request`, whose options are given apart.
    pub(crate) fn new(
        actor: String,
        options: Option<v1::WriteOptions>,
        request: &impl prost::Message,
    ) -> Self {
        let request_hash = Sha256::digest(request.encode_to_vec()).to_vec();
        Self { actor, options: options.unwrap_or_default(), decision: None, request_hash }
    }

    /// Whether nothing of it is kept.
    pub(crate) fn is_trial(&self) -> bool {
        self.options.dry_run
    }

    /// With the decision that allowed it.
    pub(crate) fn decided(self, decision: DecisionRecord) -> Self {
        Self { decision: Some(decision), ..self }
    }
}

impl App {
    /// Proposes a command as a caller asked for it: with key and expected revision, or only as a trial.
    pub(crate) async fn execute(&self, write: Write, body: command::Body) -> Result<outcome::Result, Status> {
        if write.options.dry_run {
            return self.tried(write, body).await.map(|(_, result)| result);
        }
        let command = self.command(write, body)?;
        result(self.propose(command).await?)
    }

    /// What the command would answer, and the state that it would leave: the same code on a copy.
    pub(crate) async fn tried(
        &self,
        write: Write,
        body: command::Body,
    ) -> Result<(State, outcome::Result), Status> {
        let command = self.command(write, body)?;
        self.barrier(false).await?;
        let mut trial = self.with(State::clone);
        let outcome = accepted(trial.apply(now(), &command.encode_to_vec()).outcome)?;
        Ok((trial, result(outcome)?))
    }

    fn command(&self, write: Write, body: command::Body) -> Result<Command, Status> {
        let options = write.options;
        let length = options.idempotency_key.len();
        if length > MAX_KEY {
            let problem = Problem::new(1204, ProblemKind::Invalid, "the idempotency key is too long");
            let because = format!("it has {length} characters, at most {MAX_KEY} are allowed");
            return Err(status_from_problem(&problem.because(because)));
        }
        if let Some(problem) = over_quota(&self.raft.space(), &body) {
            return Err(status_from_problem(&problem));
        }
        Ok(Command {
            idempotency_key: options.idempotency_key,
            actor: write.actor,
            expected_revision: options.expected_revision,
            decision: write.decision,
            request_hash: write.request_hash,
            body: Some(body),
            request_id: request_id::current().unwrap_or_default(),
        })
    }

    /// What the same request under the same key was answered, if it was. To be asked before anything is decided on the
    /// state: a repeated request would be decided on what it has changed itself.
    pub(crate) fn answered(&self, write: &Write) -> Result<Option<outcome::Result>, Status> {
        let key = &write.options.idempotency_key;
        if key.is_empty() {
            return Ok(None);
        }
        let known = self.with(|state| state.answered(&write.actor, key, &write.request_hash, now()));
        Ok(known.map(accepted).transpose()?.and_then(|outcome| outcome.result))
    }
}

fn result(outcome: Outcome) -> Result<outcome::Result, Status> {
    outcome.result.ok_or_else(|| Status::internal("the outcome is empty"))
}
