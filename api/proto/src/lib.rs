//! The wire: the .proto files, the code generated from them, and the conversions to and from the domain types.
//!
//! `v1` is public and only grows, `internal` is spoken between our own processes, `store` is what the log and the
//! applied state hold. This crate must not know who calls, nor how anything is decided.

#![forbid(unsafe_code)]

mod convert;
mod descriptors;
mod generated;
mod lease;
mod problem;
mod reservation;
mod variant;

pub use convert::{ConvertError, legal_label, legal_label_from, millis, timestamp};
pub use descriptors::{DESCRIPTORS, pool};
pub use generated::holdfast::internal::v1 as internal;
pub use generated::holdfast::store::v1 as store;
pub use generated::holdfast::v1;
pub use lease::{LastSaid, longest_hold};
pub use problem::{
    LEADER_METADATA, MAX_REQUEST_ID, REQUEST_ID_METADATA, RETRY_AFTER_METADATA, invalid_request,
    is_request_id, problem_from_status, refusal, refusal_problem, retry_after, retry_after_of,
    status_from_problem,
};
