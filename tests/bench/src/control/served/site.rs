//! Three controllers of the product with agents, and the image that jobs run.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use holdfast_client::ClusterClient;
use tempfile::TempDir;

use crate::control::agents::{Agents, Life};
use crate::control::fleet::image;
use crate::control::named::PATIENCE;
use crate::control::product::{LEASE, controllers};
use crate::control::side::Side;
use crate::measure::Bench;

/// A running cluster; it ends with this.
pub(super) struct Site {
    pub(super) client: ClusterClient,
    pub(super) agents: Agents,
    pub(super) side: Side,
    // Dropped last: the processes have ended by then.
    _directory: TempDir,
}

impl Site {
    /// Begins one of so many nodes, with so many accelerators each.
    pub(super) async fn begin(bench: &Bench, (nodes, devices): (u32, u32), life: Life) -> Result<Self> {
        let directory = TempDir::new_in(&bench.scratch).context("a directory for the cluster")?;
        let place = Utf8Path::from_path(directory.path()).context("a plain name")?;
        let side = controllers(&place.join("site"), LEASE)?;
        let client = ClusterClient::new(side.addresses.clone(), Arc::clone(&side.config), PATIENCE);
        let agents = Agents::join(&client, nodes, devices, life).await.context("nodes")?;
        image(&client).await?;
        Ok(Self { client, agents, side, _directory: directory })
    }
}

/// Runs `work` to its end, with the agents beside it.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("start a runtime")?.block_on(work)
}
