//! Content-addressed blobs: disk format, verified read and write, scrub.
//!
//! A blob is immutable bytes under the name of their BLAKE3 hash. A blob that is visible is whole and durable; a blob
//! that is read is checked against its name. The interface is synchronous: asynchronous callers use a blocking thread.
//! This crate must not know what a blob is part of: no paths of data sets, no manifests, no labels, no network.

#![forbid(unsafe_code)]

mod error;
mod files;
mod layout;
mod materialise;
mod reader;
mod scrub;
mod store;
mod verified;
mod writer;

pub use error::{BlobError, Result};
pub use files::{copy, free_bytes, sync_dir};
pub use materialise::Access;
pub use reader::VerifiedReader;
pub use scrub::{ScrubProgress, ScrubReport, Unreadable};
pub use store::BlobStore;
pub use writer::BlobWriter;
