//! A whole cluster that has nothing to do: three controllers of the product, every node with an agent that keeps its lease,
//! jobs that run and jobs that wait, artifacts with their copies, all of it brought in over the API. What a controller has in
//! memory by then, and what it goes on using.

mod fill;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use camino::Utf8Path;
use holdfast_api::v1::ListRequest;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_client::ClusterClient;
use tempfile::TempDir;

use super::agents::{Agents, forever};
use super::host::{cpu_of, memory_of};
use super::named::PATIENCE;
use super::product::{LEASE, controllers};
use super::side::{MEMBERS, Side};
use crate::measure::{Bench, Measurement};

pub(crate) use fill::image;

/// How long nothing may have changed before the cluster counts as idle, and how long that may take.
const CALM: Duration = Duration::from_secs(10);
const SETTLED: Duration = Duration::from_secs(900);
/// How long it is looked at: what happens every minute happens twice.
const WATCHED: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_secs(1);
const BYTES_OF_MB: f64 = 1e6;
/// How large the cluster is, and how many accelerators a node has.
const NODES: u32 = 1_000;
const DEVICES: u32 = 8;

/// What the controllers use while the cluster is idle.
pub(crate) struct Idle {
    /// Resident memory in bytes, and CPU time in cores, of each controller.
    used: Vec<(f64, f64)>,
    /// What else was seen.
    told: Vec<String>,
}

impl Idle {
    /// Resident memory of the controller that has the most.
    pub(crate) fn memory(&self) -> Measurement {
        let most = self.used.iter().map(|(memory, _)| *memory).fold(0.0, f64::max);
        self.measured(most / BYTES_OF_MB, "MB")
    }

    /// CPU time of the controller that uses the most.
    pub(crate) fn cpu(&self) -> Measurement {
        let most = self.used.iter().map(|(_, cores)| *cores).fold(0.0, f64::max);
        self.measured(most * 100.0, "%")
    }

    fn measured(&self, figure: f64, unit: &'static str) -> Measurement {
        let mut measured = Measurement::new(figure, unit, Err("nothing else holds these objects".to_owned()));
        measured.details.clone_from(&self.told);
        measured
    }
}

/// Fills a cluster, waits until it is idle, and looks at what its controllers use.
pub(crate) async fn watch(bench: &Bench) -> Result<Idle> {
    let directory = TempDir::new_in(&bench.scratch).context("a directory for the cluster")?;
    let place = Utf8Path::from_path(directory.path()).context("a plain name")?;
    let side = controllers(&place.join("fleet"), LEASE)?;
    let client = ClusterClient::new(side.addresses.clone(), Arc::clone(&side.config), PATIENCE);
    let begun = Instant::now();
    let agents = Agents::join(&client, NODES, DEVICES, forever()).await.context("nodes")?;
    fill::artifacts(&client, NODES).await.context("artifacts")?;
    fill::jobs(&client).await.context("jobs")?;
    let filled = begun.elapsed();
    settle(&client).await?;
    agents.none_failed()?;
    let settled = begun.elapsed();
    let (before, at, heard) = (usage(&side)?, Instant::now(), agents.answers());
    let revision = revision(&client).await?;
    tokio::time::sleep(WATCHED).await;
    let (after, wall) = (usage(&side)?, at.elapsed().as_secs_f64());
    ensure!(self::revision(&client).await? == revision, "a heartbeat changed the state");
    let heartbeats = (agents.answers() - heard) as f64 / wall;
    agents.none_failed()?;
    let used: Vec<(f64, f64)> = before
        .iter()
        .zip(&after)
        .map(|((_, before), (memory, cpu))| (*memory, cpu.saturating_sub(*before).as_secs_f64() / wall))
        .collect();
    let each =
        used.iter().map(|(memory, cpu)| format!("{:.0} MB and {:.2} %", memory / BYTES_OF_MB, cpu * 100.0));
    let told = vec![
        format!("each controller: {}", each.collect::<Vec<_>>().join(", ")),
        format!("{heartbeats:.0} heartbeats/s, none of which changed the state"),
        format!("filled in {:.0} s, idle after {:.0} s", filled.as_secs_f64(), settled.as_secs_f64()),
    ];
    Ok(Idle { used, told })
}

/// What each controller has in memory, and the CPU time that it has used so far.
fn usage(side: &Side) -> Result<Vec<(f64, Duration)>> {
    let of = |pid| Ok((memory_of(pid)?, cpu_of(pid)?));
    (0..MEMBERS).map(|member| of(side.pid(member)?)).collect()
}

async fn revision(client: &ClusterClient) -> Result<u64> {
    let list =
        client.call(|channel| async move { QueuesClient::new(channel).list(ListRequest::default()).await });
    Ok(list.await.map_err(|problem| anyhow!("{problem}"))?.revision)
}

/// Waits until nothing changes any more.
async fn settle(client: &ClusterClient) -> Result<()> {
    let begun = Instant::now();
    let (mut known, mut since) = (0, begun);
    while since.elapsed() < CALM {
        ensure!(begun.elapsed() < SETTLED, "the cluster still changes after {SETTLED:?}");
        let now = revision(client).await?;
        if now != known {
            (known, since) = (now, Instant::now());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
