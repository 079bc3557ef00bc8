//! Manifests: what people write in files and give to `holdfast apply -f`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::job::JobSpec;
use crate::queue::QueueSpec;
use crate::reservation::ReservationSpec;

/// The one version of the manifest format.
pub const API_VERSION: &str = "holdfast/v1";
/// The largest manifest that is read, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;

/// Name and labels of an object as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestMetadata {
    /// The object's name.
    pub name: String,
    /// Free labels for selecting; the law never reads them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// The head every manifest has, read first so that a wrong kind or version is named before its fields are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestHead {
    /// Must be [`API_VERSION`].
    pub api_version: String,
    /// `Job`, `Queue` or `Reservation`.
    pub kind: String,
}

/// A whole manifest of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Manifest<S> {
    /// Must be [`API_VERSION`].
    pub api_version: String,
    /// The kind of object.
    pub kind: String,
    /// Name and labels.
    pub metadata: ManifestMetadata,
    /// What is wanted.
    pub spec: S,
}

/// A manifest of a job.
pub type JobManifest = Manifest<JobSpec>;
/// A manifest of a queue.
pub type QueueManifest = Manifest<QueueSpec>;
/// A manifest of a reservation.
pub type ReservationManifest = Manifest<ReservationSpec>;
