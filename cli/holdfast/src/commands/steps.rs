//! Manifests as steps of a transaction. It must not know what becomes of the transaction.

use holdfast_api::v1::transaction_step::Step;
use holdfast_api::v1::{
    ApplyQueueStep, ApplyReservationStep, JobSpec, QueueSpec, ReservationSpec, SubmitJobStep,
};
use holdfast_types::{JobManifest, QueueManifest, ReservationManifest};

/// The queue is made, or changed.
pub(super) fn queue(manifest: &QueueManifest) -> Step {
    Step::ApplyQueue(ApplyQueueStep {
        name: manifest.metadata.name.clone(),
        labels: manifest.metadata.labels.clone().into_iter().collect(),
        spec: Some(QueueSpec::from(&manifest.spec)),
    })
}

/// The reservation is made, or changed.
pub(super) fn reservation(manifest: &ReservationManifest) -> Step {
    Step::ApplyReservation(ApplyReservationStep {
        name: manifest.metadata.name.clone(),
        labels: manifest.metadata.labels.clone().into_iter().collect(),
        spec: Some(ReservationSpec::from(&manifest.spec)),
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
