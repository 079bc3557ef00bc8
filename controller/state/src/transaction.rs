//! Several changes as one: all of them at one revision, or none.

use holdfast_api::store::{
    Outcome, Transaction, TransactionOutcome, TransactionStep, outcome, transaction_step,
};
use holdfast_types::Problem;

use crate::act::{Act, Answer};
use crate::{array, jobs, nodes, queues, record, refuse, reservations, waits};

/// The most steps of one transaction.
const MOST_STEPS: usize = 128;

/// Takes the steps one after another; the first one that is refused undoes those before it.
pub(crate) fn run(act: &mut Act<'_>, transaction: Transaction) -> Answer {
    let steps = transaction.steps;
    if steps.is_empty() || steps.len() > MOST_STEPS {
        return Err(refuse::transaction(format!(
            "it has {} steps, 1 to {MOST_STEPS} are taken",
            steps.len()
        )));
    }
    // Both are cheap: a state shares its rows with its copies.
    let (state, cluster) = (act.state.clone(), act.cluster.clone());
    let decisions: Vec<_> = steps.iter().map(|step| step.decision.clone()).collect();
    match all(act, steps) {
        Ok(steps) => Ok(outcome::Result::Transaction(TransactionOutcome { steps })),
        Err(problem) => {
            *act.state = state;
            act.cluster = cluster;
            for decision in decisions.into_iter().flatten() {
                record::decision(act, decision, Some(&problem));
            }
            Err(problem)
        }
    }
}

fn all(act: &mut Act<'_>, steps: Vec<TransactionStep>) -> Result<Vec<Outcome>, Problem> {
    let many = steps.len();
    let mut outcomes = Vec::with_capacity(many);
    for (at, step) in (1..).zip(steps) {
        let (decision, word) = (step.decision.clone(), word(step.body.as_ref()));
        let result = one(act, step).map_err(|problem| {
            problem.because(format!("it is step {at} of {many}, {word}; none of the steps was done"))
        })?;
        // A step may delete what the one before has ended, and others wait for.
        array::settle(act);
        waits::settle(act);
        if let Some(decision) = decision {
            record::decision(act, decision, None);
        }
        outcomes.push(Outcome { revision: act.revision, result: Some(result) });
    }
    Ok(outcomes)
}

fn one(act: &mut Act<'_>, step: TransactionStep) -> Answer {
    act.expected_revision = step.expected_revision;
    match step.body {
        Some(transaction_step::Body::SubmitJob(submit)) => jobs::submit(act, submit),
        Some(transaction_step::Body::CancelJob(end)) => jobs::cancel(act, &end.name),
        Some(transaction_step::Body::DeleteJob(end)) => jobs::delete(act, &end.name),
        Some(transaction_step::Body::PutQueue(put)) => queues::put(act, put),
        Some(transaction_step::Body::DeleteQueue(delete)) => queues::delete(act, &delete.name),
        Some(transaction_step::Body::PutReservation(put)) => reservations::put(act, put),
        Some(transaction_step::Body::DeleteReservation(delete)) => reservations::delete(act, &delete.name),
        Some(transaction_step::Body::ChangeNode(change)) => nodes::change(act, &change),
        None => Err(refuse::transaction("a step has no body this release knows")),
    }
}

fn word(body: Option<&transaction_step::Body>) -> String {
    match body {
        Some(transaction_step::Body::SubmitJob(submit)) => format!("submit job `{}`", submit.name),
        Some(transaction_step::Body::CancelJob(end)) => format!("cancel job `{}`", end.name),
        Some(transaction_step::Body::DeleteJob(end)) => format!("delete job `{}`", end.name),
        Some(transaction_step::Body::PutQueue(put)) => format!("apply queue `{}`", put.name),
        Some(transaction_step::Body::DeleteQueue(delete)) => format!("delete queue `{}`", delete.name),
        Some(transaction_step::Body::PutReservation(put)) => format!("apply reservation `{}`", put.name),
        Some(transaction_step::Body::DeleteReservation(delete)) => {
            format!("delete reservation `{}`", delete.name)
        }
        Some(transaction_step::Body::ChangeNode(change)) => {
            format!("{} node `{}`", change.change, change.node)
        }
        None => "unknown".to_owned(),
    }
}
