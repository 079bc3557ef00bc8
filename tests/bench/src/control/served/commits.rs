//! How many placements three controllers commit in a second: a queue full of gangs is opened, and looked at until all of them have places.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use camino::Utf8Path;
use futures::{StreamExt as _, TryStreamExt as _};
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::{GetRequest, QueueSpec, Resources};
use holdfast_client::ClusterClient;
use tempfile::TempDir;

use super::scenario::{apply, call, job};
use crate::control::agents::{Agents, forever};
use crate::control::fleet::image;
use crate::control::named::PATIENCE;
use crate::control::product::{LEASE, controllers};
use crate::measure::{Bench, Measurement};

const NODES: u32 = 16;
const DEVICES: u32 = 8;
/// Gangs, and tasks of each.
const GANGS: u32 = 800;
const TASKS: u32 = 64;
const QUEUE: &str = "full";
const AT_ONCE: usize = 64;
const LOOK: Duration = Duration::from_millis(5);
const GIVEN_UP: Duration = Duration::from_secs(120);

/// Placements a second, from the call that opens the queue to the last gang that is known to have places.
pub(crate) fn placements(bench: &Bench) -> Result<Measurement> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let took = runtime.context("start a runtime")?.block_on(run(bench))?;
    let rate = f64::from(GANGS * TASKS) / took.as_secs_f64();
    let mut measured = Measurement::new(rate, "", Err("Nomad, published: 3,750 /s".to_owned()));
    measured.details = vec![format!("{GANGS} gangs of {TASKS} tasks in {:.0} ms", took.as_secs_f64() * 1e3)];
    Ok(measured)
}

async fn run(bench: &Bench) -> Result<Duration> {
    let directory = TempDir::new_in(&bench.scratch).context("a directory for the cluster")?;
    let place = Utf8Path::from_path(directory.path()).context("a plain name")?;
    let side = controllers(&place.join("commits"), LEASE)?;
    let client = ClusterClient::new(side.addresses.clone(), Arc::clone(&side.config), PATIENCE);
    let agents = Agents::join(&client, NODES, DEVICES, forever()).await.context("nodes")?;
    image(&client).await?;
    apply(&client, QUEUE.to_owned(), QueueSpec { stopped: true, ..QueueSpec::default() }).await?;
    let submit = |number: u32| {
        let resources = Resources { cpu_millis: 10, memory_bytes: 1 << 20, devices: None };
        call(&client, format!("gang-{number:04}"), job(QUEUE.to_owned(), TASKS, 0, resources))
    };
    futures::stream::iter(0..GANGS).map(submit).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let begun = Instant::now();
    apply(&client, QUEUE.to_owned(), QueueSpec::default()).await?;
    while running(&client).await? < GANGS {
        ensure!(begun.elapsed() < GIVEN_UP, "not all gangs have places after {GIVEN_UP:?}");
        tokio::time::sleep(LOOK).await;
    }
    let took = begun.elapsed();
    agents.none_failed()?;
    Ok(took)
}

async fn running(client: &ClusterClient) -> Result<u32> {
    let ask = GetRequest { name: QUEUE.to_owned(), ..GetRequest::default() };
    let queue = client.call(|channel| {
        let ask = ask.clone();
        async move { QueuesClient::new(channel).get(ask).await }
    });
    let queue = queue.await.map_err(|problem| anyhow!("{problem}"))?;
    Ok(queue.status.unwrap_or_default().running)
}
