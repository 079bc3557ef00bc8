//! Transactions: each step through the same door as the call of its own, all of them kept as one command.

use std::sync::Arc;

use holdfast_api::store::{
    ChangeNode, Command, DecisionRecord, DeleteQueue, DeleteReservation, EndJob, Transaction,
    TransactionOutcome, TransactionStep as Stored, command, outcome, transaction_step as stored,
};
use holdfast_api::v1::transaction_step::Step;
use holdfast_api::v1::transactions_server::Transactions;
use holdfast_api::v1::{
    ChangeNodeStep, EndJobStep, StepResult, SubmitJobStep, TransactionRequest, TransactionResult,
    TransactionStep, step_result,
};
use holdfast_api::{invalid_request, refusal_problem, status_from_problem};
use holdfast_state::State;
use holdfast_types::Problem;
use prost::Message as _;
use tonic::{Request, Response, Status};

use crate::app::{App, now, system};
use crate::caller::{self, Operator};
use crate::write::Write;

use super::admission::{Asked, check_tenant, job_not_found, refused, uid};
use super::{queues, reservations};

pub(crate) struct Service(pub(crate) Arc<App>);

/// What may be done to a node.
const CHANGES: [&str; 5] = ["approve", "cordon", "uncordon", "drain", "retire"];

fn invalid(because: impl Into<String>) -> Status {
    status_from_problem(&invalid_request(because))
}

/// Queues, reservations and nodes are for administrators, jobs for every operator whom the law lets.
fn caller_of(request: &Request<TransactionRequest>) -> Result<Operator, Status> {
    let others = |step: &TransactionStep| {
        !matches!(step.step, Some(Step::SubmitJob(_) | Step::CancelJob(_) | Step::DeleteJob(_)))
    };
    if request.get_ref().steps.iter().any(others) {
        caller::admin(request)
    } else {
        caller::operator(request)
    }
}

/// A refusal with the step that it is about.
fn at_step(number: usize, many: usize, status: &Status) -> Status {
    let problem: Problem = holdfast_api::problem_from_status(status);
    status_from_problem(
        &problem.because(format!("it is step {number} of {many}; none of the steps was done")),
    )
}

/// The steps as they become a command, on a copy of the state that has taken those before.
pub(super) struct Trial<'a> {
    app: &'a App,
    operator: &'a Operator,
    key: &'a str,
    state: State,
    steps: Vec<Stored>,
}

type Prepared = (stored::Body, Option<DecisionRecord>);

impl<'a> Trial<'a> {
    /// None yet, on a state.
    pub(super) fn on(state: State, app: &'a App, operator: &'a Operator, key: &'a str) -> Self {
        Self { app, operator, key, state, steps: Vec::new() }
    }

    /// Adds these steps in their order.
    pub(super) async fn add_all(&mut self, steps: Vec<TransactionStep>) -> Result<(), Status> {
        let many = steps.len();
        for (number, step) in (1..).zip(steps) {
            self.add(step).await.map_err(|status| at_step(number, many, &status))?;
        }
        Ok(())
    }

    /// What they leave.
    pub(super) fn into_state(self) -> State {
        self.state
    }

    /// Adds a step, or says why it is refused.
    async fn add(&mut self, step: TransactionStep) -> Result<(), Status> {
        let (body, decision) = self.prepare(step.step).await?;
        let step = Stored { expected_revision: step.expected_revision, decision, body: Some(body) };
        self.take(step.clone())?;
        self.steps.push(step);
        Ok(())
    }

    /// Lets the copy take the step, so that the next is decided on what it leaves. A conflict is found here already;
    /// that there is none is only known when the whole is applied.
    fn take(&mut self, step: Stored) -> Result<(), Status> {
        let body = command::Body::Transaction(Transaction {
            // The revision of a resource that this transaction has changed is not one that the caller could have read.
            steps: vec![Stored { expected_revision: 0, ..step }],
        });
        let command = Command { actor: self.operator.actor(), ..system(body) };
        match self.state.apply(now(), &command.encode_to_vec()).outcome.result {
            Some(outcome::Result::Refusal(refusal)) => Err(status_from_problem(&refusal_problem(&refusal))),
            _ => Ok(()),
        }
    }

    async fn prepare(&self, step: Option<Step>) -> Result<Prepared, Status> {
        let plain = |body| Ok((body, None));
        match step {
            Some(Step::SubmitJob(submit)) => self.submit(submit).await,
            Some(Step::CancelJob(end)) => plain(stored::Body::CancelJob(self.end(end)?)),
            Some(Step::DeleteJob(end)) => plain(stored::Body::DeleteJob(self.end(end)?)),
            Some(Step::ApplyQueue(apply)) => {
                plain(stored::Body::PutQueue(queues::put(&apply.name, apply.labels, apply.spec)?))
            }
            Some(Step::DeleteQueue(delete)) => {
                plain(stored::Body::DeleteQueue(DeleteQueue { name: delete.name }))
            }
            Some(Step::ApplyReservation(apply)) => {
                plain(stored::Body::PutReservation(reservations::put(&apply.name, apply.labels, apply.spec)?))
            }
            Some(Step::DeleteReservation(delete)) => {
                plain(stored::Body::DeleteReservation(DeleteReservation { name: delete.name }))
            }
            Some(Step::ChangeNode(change)) => plain(stored::Body::ChangeNode(node(change)?)),
            None => Err(invalid("step: it says nothing to do, or nothing that this version knows")),
        }
    }

    async fn submit(&self, submit: SubmitJobStep) -> Result<Prepared, Status> {
        let asked = Asked::read(self.app, self.operator, &submit.name, submit.labels, submit.spec.as_ref())?;
        // Two jobs of one transaction need two uids.
        let key =
            if self.key.is_empty() { String::new() } else { format!("{}-{}", self.key, self.steps.len()) };
        let (state, operator, uid) = (self.state.clone(), self.operator.clone(), uid(&key)?);
        match self.app.apart.run(move || asked.admitted(&state, &operator, uid)).await? {
            Ok((body, decision)) => Ok((stored::Body::SubmitJob(body), Some(decision))),
            Err(refusal) => Err(refused(self.app, refusal).await),
        }
    }

    fn end(&self, end: EndJobStep) -> Result<EndJob, Status> {
        let job = self.state.job(&end.name).ok_or_else(|| job_not_found(&end.name))?;
        check_tenant(self.operator, job)?;
        Ok(EndJob { name: end.name })
    }
}

fn node(change: ChangeNodeStep) -> Result<ChangeNode, Status> {
    if !CHANGES.contains(&change.change.as_str()) {
        let because = format!("change: `{}` is none of {}", change.change, CHANGES.join(", "));
        return Err(invalid(because));
    }
    Ok(ChangeNode {
        node: change.name,
        change: change.change,
        reason: change.reason,
        ..ChangeNode::default()
    })
}

fn result(known: outcome::Result) -> Result<TransactionResult, Status> {
    let outcome::Result::Transaction(TransactionOutcome { steps }) = known else {
        return Err(Status::internal(format!("unexpected outcome {known:?}")));
    };
    let resource = |result| match result {
        Some(outcome::Result::Job(job)) => Ok(step_result::Resource::Job(job)),
        Some(outcome::Result::Queue(queue)) => Ok(step_result::Resource::Queue(queue)),
        Some(outcome::Result::Node(node)) => Ok(step_result::Resource::Node(node)),
        Some(outcome::Result::Reservation(made)) => Ok(step_result::Resource::Reservation(made)),
        other => Err(Status::internal(format!("unexpected outcome {other:?}"))),
    };
    let revision = steps.first().map_or(0, |step| step.revision);
    let steps = steps
        .into_iter()
        .map(|step| resource(step.result).map(|resource| StepResult { resource: Some(resource) }));
    Ok(TransactionResult { revision, steps: steps.collect::<Result<_, _>>()? })
}

#[tonic::async_trait]
impl Transactions for Service {
    async fn commit(
        &self,
        request: Request<TransactionRequest>,
    ) -> Result<Response<TransactionResult>, Status> {
        let operator = caller_of(&request)?;
        let mut request = request.into_inner();
        let options = request.options.take().unwrap_or_default();
        if options.expected_revision != 0 {
            return Err(invalid("options.expectedRevision: a transaction has none; its steps have"));
        }
        let key = options.idempotency_key.clone();
        let write = Write::new(operator.actor(), Some(options), &request);
        self.0.barrier(false).await?;
        if let Some(known) = self.0.answered(&write)? {
            return result(known).map(Response::new);
        }
        let state = self.0.with(State::clone);
        let mut trial = Trial::on(state, &self.0, &operator, &key);
        trial.add_all(request.steps).await?;
        let steps = trial.steps;
        let body = command::Body::Transaction(Transaction { steps });
        result(Box::pin(self.0.execute(write, body)).await?).map(Response::new)
    }
}
