//! The words of Holdfast: ids, quantities, labels, specs and phases.
//!
//! Parse, don't validate: a value of one of these types is valid, because its only door is a constructor that checks.
//! This crate must not know how anything is stored, sent, placed or run: no clock, no I/O, no randomness.

#![forbid(unsafe_code)]

mod id;
mod problem;
mod quantity;
mod time;

pub use id::{
    ArtifactName, BlobId, BlobIdError, DeviceIndex, Fence, GroupName, JobName, Jurisdiction,
    JurisdictionError, LabelName, MAX_NAME, NameError, NodeName, PrincipalName, PurposeName, QueueName, Rank,
    TenantName,
};
pub use problem::{AsProblem, Code, Problem, ProblemKind};
pub use quantity::{Bytes, BytesError, Millicores, MillicoresError};
pub use time::{Span, SpanError, Time};
