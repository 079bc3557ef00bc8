//! The words of Holdfast: ids, quantities, labels, specs and phases.
//!
//! Parse, don't validate: a value of one of these types is valid, because its only door is a constructor that checks.
//! This crate must not know how anything is stored, sent, placed or run: no clock, no I/O, no randomness.

#![forbid(unsafe_code)]

mod artifact;
mod device;
mod id;
mod job;
mod manifest;
mod phase;
mod problem;
mod quantity;
mod queue;
mod text;
mod time;

pub use artifact::{
    ArtifactKey, ArtifactKeyError, ArtifactKind, ArtifactKindError, ArtifactRef, ArtifactRefError, LegalLabel,
};
pub use device::{DeviceClass, DeviceClassError, Precision, PrecisionError};
pub use id::{
    ArtifactName, BlobId, BlobIdError, DeviceIndex, Fence, GroupName, JobName, Jurisdiction,
    JurisdictionError, LabelName, MAX_NAME, NameError, NodeName, PrincipalName, PurposeName, QueueName, Rank,
    TenantName,
};
pub use job::{
    CheckpointPolicy, DatasetMount, DeviceRequest, JobKind, JobSpec, JobSpecError, MAX_TASKS, RESERVED_ENV,
    RawJobSpec, Resources, TaskGroup,
};
pub use manifest::{
    API_VERSION, JobManifest, MAX_MANIFEST_BYTES, Manifest, ManifestHead, ManifestMetadata, QueueManifest,
};
pub use phase::{JobPhase, NodePhase, TaskPhase};
pub use problem::{AsProblem, Code, Problem, ProblemKind};
pub use quantity::{Bytes, BytesError, Millicores, MillicoresError};
pub use queue::{MAX_QUEUE_DEPTH, QueueSpec, QueueSpecError, RawQueueSpec, default_queue_name};
pub use time::{Span, SpanError, Time};
