//! `holdfast apply --atomic`: all that is described at one revision, or none of it.

use holdfast_api::v1::transaction_step::Step;
use holdfast_api::v1::transactions_client::TransactionsClient;
use holdfast_api::v1::{JobSpec, Metadata, StepResult, TransactionRequest, TransactionStep, step_result};
use holdfast_types::JobManifest;

use super::super::steps;
use super::live::{is_there, said};
use crate::failure::Failure;
use crate::manifest::Wanted;
use crate::session::{Session, call};

/// Sends what is not there yet as one transaction.
pub(super) async fn apply(session: &Session, wanted: &[Wanted]) -> Result<(), Failure> {
    let mut steps = Vec::new();
    for wanted in wanted {
        let step = match wanted {
            Wanted::Job(manifest) => submit(session, manifest).await?,
            Wanted::Queue(manifest) => Some(steps::queue(manifest)),
            Wanted::Reservation(manifest) => Some(steps::reservation(manifest)),
        };
        steps.extend(step.map(|step| TransactionStep { expected_revision: 0, step: Some(step) }));
    }
    if steps.is_empty() {
        return Ok(());
    }
    let request = TransactionRequest { steps, options: Some(session.write_options()?) };
    let result = call!(session, TransactionsClient, commit, request)?;
    for step in &result.steps {
        show(session, step)?;
    }
    Ok(())
}

/// Nothing where the job is there as described.
async fn submit(session: &Session, manifest: &JobManifest) -> Result<Option<Step>, Failure> {
    let (name, spec) = (&manifest.metadata.name, JobSpec::from(&manifest.spec));
    if is_there(session, name, &spec).await? {
        return Ok(None);
    }
    Ok(Some(steps::job(manifest)))
}

fn show(session: &Session, step: &StepResult) -> Result<(), Failure> {
    let name = |metadata: &Option<Metadata>| metadata.as_ref().map_or("", |m| m.name.as_str()).to_owned();
    match &step.resource {
        Some(step_result::Resource::Job(job)) => said(session, job, "job", &name(&job.metadata), "submitted"),
        Some(step_result::Resource::Queue(queue)) => {
            said(session, queue, "queue", &name(&queue.metadata), "applied")
        }
        Some(step_result::Resource::Reservation(made)) => {
            said(session, made, "reservation", &name(&made.metadata), "applied")
        }
        // No step of a manifest is about a node.
        Some(step_result::Resource::Node(_)) | None => Ok(()),
    }
}
