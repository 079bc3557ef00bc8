//! How many placements three controllers commit in a second: a queue full of gangs is opened, and looked at until all of them have places.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::{GetRequest, QueueSpec, Resources};
use holdfast_client::ClusterClient;

use super::scenario::{apply, call, job};
use super::site::{Site, block_on};
use crate::control::agents::forever;
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
    let took = block_on(run(bench))?;
    let rate = f64::from(GANGS * TASKS) / took.as_secs_f64();
    let mut measured = Measurement::new(rate, "", Err("Nomad, published: 3,750 /s".to_owned()));
    measured.details = vec![format!("{GANGS} gangs of {TASKS} tasks in {:.0} ms", took.as_secs_f64() * 1e3)];
    Ok(measured)
}

async fn run(bench: &Bench) -> Result<Duration> {
    let site = Site::begin(bench, (NODES, DEVICES), forever()).await?;
    apply(&site.client, QUEUE.to_owned(), QueueSpec { stopped: true, ..QueueSpec::default() }).await?;
    let submit = |number: u32| {
        let resources = Resources { cpu_millis: 10, memory_bytes: 1 << 20, devices: None };
        call(&site.client, format!("gang-{number:04}"), job(QUEUE.to_owned(), TASKS, 0, resources))
    };
    futures::stream::iter(0..GANGS).map(submit).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let begun = Instant::now();
    apply(&site.client, QUEUE.to_owned(), QueueSpec::default()).await?;
    while running(&site.client).await? < GANGS {
        ensure!(begun.elapsed() < GIVEN_UP, "not all gangs have places after {GIVEN_UP:?}");
        tokio::time::sleep(LOOK).await;
    }
    let took = begun.elapsed();
    site.agents.none_failed()?;
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
