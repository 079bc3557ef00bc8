//! How large the cluster is, and what all calls that fill it have in common. A leaf.

use std::time::Duration;

use anyhow::{Result, anyhow};
use holdfast_api::v1::WriteOptions;
use holdfast_client::idempotency_key;

pub(super) const NODES: u32 = 1_000;
pub(super) const JOBS: u32 = 10_000;
pub(super) const ARTIFACTS: u32 = 100_000;
/// How long a call may take, while the cluster begins too.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The name of a node.
pub(super) fn name(number: u32) -> String {
    format!("node-{number:04}")
}

pub(super) fn options() -> Result<Option<WriteOptions>> {
    let idempotency_key = idempotency_key().map_err(|problem| anyhow!("{problem}"))?;
    Ok(Some(WriteOptions { idempotency_key, ..WriteOptions::default() }))
}
