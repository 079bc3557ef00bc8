//! An array of 100,000 elements: from the call that submits it to its answer, and from the call that cancels it, while as many of its
//! elements run as there is room for, until nothing of it runs any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::{ArraySpec, ArrayStatus, CancelJobRequest, GetRequest, Job, Resources};

use super::scenario::{call, job};
use super::site::{Site, block_on};
use crate::control::named::{PATIENCE, options};
use crate::measure::{Bench, Curve, Measurement};

const NODES: u32 = 8;
const DEVICES: u32 = 8;
const ELEMENTS: u32 = 100_000;
/// One after the other; the first one warms up connections.
const ARRAYS: usize = 9;
/// So many elements run at once before an array is cancelled.
const RUN: u32 = 64;
/// How often an array is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// The slowest of the submissions.
pub(crate) fn submit_array(bench: &Bench) -> Result<Measurement> {
    measured(bench, |(submitted, _)| submitted)
}

/// The slowest of the cancellations.
pub(crate) fn cancel_array(bench: &Bench) -> Result<Measurement> {
    measured(bench, |(_, cancelled)| cancelled)
}

fn measured(bench: &Bench, part: impl Fn((Duration, Duration)) -> Duration) -> Result<Measurement> {
    let samples: Vec<Duration> = block_on(run(bench))?.into_iter().map(part).collect();
    let most = samples.iter().max().copied().unwrap_or_default().as_secs_f64() * 1e3;
    let least = samples.iter().min().copied().unwrap_or_default().as_secs_f64() * 1e3;
    let mut measured = Measurement::new(most, "ms", Err("none that can be asked for it".to_owned()));
    measured.details =
        vec![format!("{least:.1} to {most:.1} ms of {} arrays of {ELEMENTS} elements", samples.len())];
    measured.curves = vec![Curve { name: "Holdfast", samples }];
    Ok(measured)
}

async fn run(bench: &Bench) -> Result<Vec<(Duration, Duration)>> {
    let site = Site::begin(bench, (NODES, DEVICES), Arc::new(|_, _| None)).await?;
    let mut samples = Vec::new();
    for number in 0..ARRAYS {
        let name = format!("array-{number}");
        let resources = Resources { cpu_millis: 10, memory_bytes: 1 << 20, devices: None };
        let mut spec = job("default".to_owned(), 1, 0, resources);
        spec.array = Some(ArraySpec { size: ELEMENTS, max_parallel: RUN, indexes: String::new() });
        let begun = Instant::now();
        call(&site.client, name.clone(), spec).await?;
        let submitted = begun.elapsed();
        until(&site, &name, |array| array.active == RUN).await?;
        let begun = Instant::now();
        cancel(&site, &name).await?;
        until(&site, &name, |array| array.active == 0).await?;
        samples.push((submitted, begun.elapsed()));
    }
    site.agents.none_failed()?;
    Ok(samples.split_off(1))
}

async fn until(site: &Site, name: &str, reached: impl Fn(&ArrayStatus) -> bool) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let array =
            get(site, name).await?.status.and_then(|status| status.array).context("it is an array")?;
        if reached(&array) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("array {name} does not come further")
}

async fn get(site: &Site, name: &str) -> Result<Job> {
    let ask = GetRequest { name: name.to_owned(), ..GetRequest::default() };
    let job = site.client.call(|channel| {
        let ask = ask.clone();
        async move { JobsClient::new(channel).get(ask).await }
    });
    job.await.map_err(|problem| anyhow!("{problem}"))
}

async fn cancel(site: &Site, name: &str) -> Result<()> {
    let ask = CancelJobRequest { name: name.to_owned(), options: options()? };
    let cancelled = site.client.call(|channel| {
        let ask = ask.clone();
        async move { JobsClient::new(channel).cancel(ask).await }
    });
    cancelled.await.map(drop).map_err(|problem| anyhow!("{problem}"))
}
