//! Manifests as steps of a transaction. It must not know what becomes of the transaction.

use holdfast_api::v1::transaction_step::Step;
use holdfast_api::v1::{ApplyQueueStep, JobSpec, QueueSpec, SubmitJobStep};
use holdfast_types::{JobManifest, QueueManifest};

/// The queue is made, or changed.
pub(super) fn queue(manifest: &QueueManifest) -> Step {
    Step::ApplyQueue(ApplyQueueStep {
        name: manifest.metadata.name.clone(),
        labels: manifest.metadata.labels.clone().into_iter().collect(),
        spec: Some(QueueSpec::from(&manifest.spec)),
    })
}

/// The job is submitted.
pub(super) fn job(manifest: &JobManifest) -> Step {
    Step::SubmitJob(SubmitJobStep {
        name: manifest.metadata.name.clone(),
        labels: manifest.metadata.labels.clone().into_iter().collect(),
        spec: Some(JobSpec::from(&manifest.spec)),
    })
}
