//! What can be listed, and by which fields it can be selected.

use holdfast_api::v1::{Artifact, Job, Metadata, Node, Queue, Release, Reservation, Rollout};

/// The value of one field as text.
pub(crate) type Read<R> = fn(&R) -> Option<String>;

/// A kind of resource that there are lists of.
pub(crate) trait Listed: Clone + Sized + 'static {
    /// The name of its message.
    const KIND: &'static str;
    /// The fields that a list can be selected by.
    const FIELDS: &'static [(&'static str, Read<Self>)];
    /// Its head.
    fn metadata(&self) -> Option<&Metadata>;
}

impl Listed for Job {
    const KIND: &'static str = "Job";
    const FIELDS: &'static [(&'static str, Read<Self>)] = &[
        ("metadata.name", |job| job.metadata.as_ref().map(|m| m.name.clone())),
        ("spec.kind", |job| job.spec.as_ref().map(|s| s.kind.clone())),
        ("spec.queue", |job| job.spec.as_ref().map(|s| s.queue.clone())),
        ("spec.tenant", |job| job.spec.as_ref().map(|s| s.tenant.clone())),
        ("status.phase", |job| job.status.as_ref().map(|s| s.phase.clone())),
        ("status.submittedBy", |job| job.status.as_ref().map(|s| s.submitted_by.clone())),
    ];

    fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }
}

impl Listed for Node {
    const KIND: &'static str = "Node";
    const FIELDS: &'static [(&'static str, Read<Self>)] = &[
        ("metadata.name", |node| node.metadata.as_ref().map(|m| m.name.clone())),
        ("spec.jurisdiction", |node| node.spec.as_ref().map(|s| s.jurisdiction.clone())),
        ("spec.site", |node| node.spec.as_ref().map(|s| s.site.clone())),
        ("status.phase", |node| node.status.as_ref().map(|s| s.phase.clone())),
        ("status.simulated", |node| node.status.as_ref().map(|s| s.simulated.to_string())),
    ];

    fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }
}

impl Listed for Queue {
    const KIND: &'static str = "Queue";
    const FIELDS: &'static [(&'static str, Read<Self>)] = &[
        ("metadata.name", |queue| queue.metadata.as_ref().map(|m| m.name.clone())),
        ("spec.stopped", |queue| queue.spec.as_ref().map(|s| s.stopped.to_string())),
    ];

    fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }
}

impl Listed for Reservation {
    const KIND: &'static str = "Reservation";
    const FIELDS: &'static [(&'static str, Read<Self>)] =
        &[("metadata.name", |reservation| reservation.metadata.as_ref().map(|m| m.name.clone()))];

    fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }
}

impl Listed for Artifact {
    const KIND: &'static str = "Artifact";
    const FIELDS: &'static [(&'static str, Read<Self>)] = &[
        ("metadata.name", |artifact| artifact.metadata.as_ref().map(|m| m.name.clone())),
        ("spec.kind", |artifact| artifact.spec.as_ref().map(|s| s.kind.clone())),
        ("spec.name", |artifact| artifact.spec.as_ref().map(|s| s.name.clone())),
        ("spec.tenant", |artifact| artifact.spec.as_ref().map(|s| s.tenant.clone())),
        ("status.phase", |artifact| artifact.status.as_ref().map(|s| s.phase.clone())),
    ];

    fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }
}

impl Listed for Release {
    const KIND: &'static str = "Release";
    const FIELDS: &'static [(&'static str, Read<Self>)] = &[
        ("metadata.name", |release| release.metadata.as_ref().map(|m| m.name.clone())),
        ("spec.version", |release| release.spec.as_ref().map(|s| s.version.clone())),
    ];

    fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }
}

impl Listed for Rollout {
    const KIND: &'static str = "Rollout";
    const FIELDS: &'static [(&'static str, Read<Self>)] = &[
        ("metadata.name", |rollout| rollout.metadata.as_ref().map(|m| m.name.clone())),
        ("spec.release", |rollout| rollout.spec.as_ref().map(|s| s.release.clone())),
        ("status.phase", |rollout| rollout.status.as_ref().map(|s| s.phase.clone())),
    ];

    fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }
}
