//! From the call that submits a job to the agent that has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use holdfast_api::v1::Resources;
use holdfast_client::ClusterClient;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::scenario::{call, job};
use crate::control::agents::{Agents, Life, Moment};
use crate::control::fleet::image;
use crate::control::named::PATIENCE;
use crate::control::product::{LEASE, controllers};
use crate::measure::{Bench, Curve, Measurement, quantile};

const NODES: u32 = 8;
const DEVICES: u32 = 8;
/// One after the other; the first few warm up connections.
const JOBS: usize = 330;
const WARM: usize = 30;
/// How long a job runs: it is over before the next one but a few.
const RUNS: Duration = Duration::from_millis(20);

/// One in a hundred takes longer.
pub(crate) fn submit(bench: &Bench) -> Result<Measurement> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let mut samples = runtime.context("start a runtime")?.block_on(run(bench))?;
    let mut at = |part| quantile(&mut samples, part).unwrap_or_default().as_secs_f64() * 1e3;
    let (half, nine, most) = (at(0.5), at(0.9), at(0.99));
    let mut measured = Measurement::new(most, "ms", Err("none that can be asked for it".to_owned()));
    measured.details = vec![format!("p50 {half:.1} ms, p90 {nine:.1} ms of {} jobs", samples.len())];
    measured.curves = vec![Curve { name: "Holdfast", samples }];
    Ok(measured)
}

async fn run(bench: &Bench) -> Result<Vec<Duration>> {
    let directory = TempDir::new_in(&bench.scratch).context("a directory for the cluster")?;
    let place = Utf8Path::from_path(directory.path()).context("a plain name")?;
    let side = controllers(&place.join("latency"), LEASE)?;
    let client = ClusterClient::new(side.addresses.clone(), Arc::clone(&side.config), PATIENCE);
    let (started, heard) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(Notify::new()));
    let agents = Agents::join(&client, NODES, DEVICES, life(&started, &heard)).await.context("nodes")?;
    image(&client).await?;
    let mut samples = Vec::new();
    for number in 0..JOBS {
        let (name, begun) = (format!("job-{number}"), Instant::now());
        let resources = Resources { cpu_millis: 10, memory_bytes: 1 << 20, devices: None };
        call(&client, name.clone(), job("default".to_owned(), 1, 0, resources)).await?;
        loop {
            let known: Option<Instant> = started.lock().get(&name).copied();
            if let Some(at) = known {
                samples.push(at.duration_since(begun));
                break;
            }
            tokio::time::timeout(PATIENCE, heard.notified()).await.context("a job that comes to no agent")?;
        }
    }
    agents.none_failed()?;
    Ok(samples.split_off(WARM))
}

fn life(started: &Arc<Mutex<BTreeMap<String, Instant>>>, heard: &Arc<Notify>) -> Life {
    let (started, heard) = (Arc::clone(started), Arc::clone(heard));
    Arc::new(move |job, moment| {
        if moment == Moment::Starts {
            started.lock().insert(job.to_owned(), Instant::now());
            heard.notify_one();
        }
        Some(RUNS)
    })
}
