//! The words of Holdfast: ids, quantities, labels, specs and phases.
//!
//! Parse, don't validate: a value of one of these types is valid, because its only door is a constructor that checks.
//! This crate must not know how anything is stored, sent, placed or run: no clock, no I/O, no randomness.

#![forbid(unsafe_code)]

mod amounts;
mod array;
mod artifact;
mod device;
mod gang;
mod id;
mod job;
mod manifest;
mod model;
mod part;
mod phase;
mod problem;
mod quantity;
mod queue;
mod reservation;
mod restart;
mod rfc3339;
mod start;
mod text;
mod time;
mod topology;
mod usage;
mod variant;
mod window;

pub use amounts::{Amounts, Resource};
pub use array::{ArrayError, ArraySpec, Indexes, IndexesError, MAX_ARRAY, element_name, element_of};
pub use artifact::{
    ArtifactKey, ArtifactKeyError, ArtifactKind, ArtifactKindError, ArtifactRef, ArtifactRefError, LegalLabel,
};
pub use device::{DeviceClass, DeviceClassError, DeviceShare, DeviceShareError, Precision, PrecisionError};
pub use gang::{DeviceRequest, GangError, MAX_TASKS, Resources, TaskGroup};
pub use id::{
    ArtifactName, BlobId, BlobIdError, DeviceIndex, DomainName, Fence, GroupName, JobName, Jurisdiction,
    JurisdictionError, LabelName, MAX_NAME, NameError, NodeName, PrincipalName, PurposeName, QueueName, Rank,
    ReservationName, SingletonName, TenantName,
};
pub use job::{CheckpointPolicy, DatasetMount, JobKind, JobSpec, JobSpecError, RESERVED_ENV, RawJobSpec};
pub use manifest::{
    API_VERSION, JobManifest, MAX_MANIFEST_BYTES, Manifest, ManifestHead, ManifestMetadata, QueueManifest,
    ReservationManifest,
};
pub use model::{precisions_of, watts_of};
pub use part::{PartName, part_name, part_of};
pub use phase::{JobPhase, NodePhase, TaskPhase};
pub use problem::{AsProblem, Code, Problem, ProblemKind};
pub use quantity::{Bytes, BytesError, MilliDevices, Millicores, MillicoresError, Watts, WattsError};
pub use queue::{
    Disruptions, MAX_QUEUE_DEPTH, MAX_WEIGHT, QueueSpec, QueueSpecError, RawQueueSpec, default_queue_name,
};
pub use reservation::{
    Keepable, MAX_RESERVED_NODES, RawReservationSpec, ReservationError, ReservationSpec, Scope, kept,
};
pub use restart::{Restart, RestartError};
pub use rfc3339::TimeError;
pub use start::{Dependency, DependencyCondition, DependencyConditionError, MAX_DEPENDENCIES, StartError};
pub use time::{Span, SpanError, Time};
pub use topology::{
    Place, PlaceError, Slice, TopologyError, TopologyLevel, TopologyLevelError, TopologyRequest,
    place_in_site,
};
pub use usage::{PART_BITS, USAGE_HALF_LIFE, Usage, in_parts};
pub use window::{Window, WindowError};
