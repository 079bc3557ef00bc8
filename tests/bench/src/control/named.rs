//! What all calls that fill a cluster have in common. A leaf.

use std::time::Duration;

use anyhow::{Result, anyhow};
use holdfast_api::v1::WriteOptions;
use holdfast_client::idempotency_key;

/// How long a call may take, while the cluster begins too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Whose everything is.
pub(crate) const TENANT: &str = "lab";
/// The image that all jobs run.
pub(crate) const IMAGE: &str = "trainer";

/// The name of a node.
pub(crate) fn name(number: u32) -> String {
    format!("node-{number:04}")
}

pub(crate) fn options() -> Result<Option<WriteOptions>> {
    let idempotency_key = idempotency_key().map_err(|problem| anyhow!("{problem}"))?;
    Ok(Some(WriteOptions { idempotency_key, ..WriteOptions::default() }))
}
