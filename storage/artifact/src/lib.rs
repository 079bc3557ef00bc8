//! Datasets, models, checkpoints and images as artifacts: manifests, imports, views, diffs, and OCI images.
//!
//! An artifact's content is a manifest: a list of files as blobs, itself a blob. This crate must not know what an
//! artifact is called, who may use it, or where its replicas are.

#![forbid(unsafe_code)]

mod beneath;
mod check;
mod codec;
mod diff;
mod error;
mod import;
mod ingest;
mod manifest;
pub mod oci;
mod rel_path;
mod staging;
mod view;
mod walk;

pub use check::{BadChunk, Report, missing, verify};
pub use codec::MAX_MANIFEST_BYTES;
pub use diff::{Diff, diff};
pub use error::{ArtifactError, Result};
pub use import::{ImportOptions, ImportProgress, import_dir};
pub use manifest::{CHUNK_BYTES, Chunk, FileEntry, FileMode, MAX_ENTRIES, Manifest, ManifestError};
pub use rel_path::{MAX_PATH_BYTES, RelPath, RelPathError};
pub use staging::{remove_partials, remove_tree};
pub use view::materialise;
