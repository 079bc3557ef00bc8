//! From the call that submits a job to the agent that has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use holdfast_api::v1::Resources;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::scenario::{call, job};
use super::site::{Site, block_on};
use crate::control::agents::{Life, Moment};
use crate::control::named::PATIENCE;
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
    let mut samples = block_on(run(bench))?;
    let mut at = |part| quantile(&mut samples, part).unwrap_or_default().as_secs_f64() * 1e3;
    let (half, nine, most) = (at(0.5), at(0.9), at(0.99));
    let mut measured = Measurement::new(most, "ms", Err("none that can be asked for it".to_owned()));
    measured.details = vec![format!("p50 {half:.1} ms, p90 {nine:.1} ms of {} jobs", samples.len())];
    measured.curves = vec![Curve { name: "Holdfast", samples }];
    Ok(measured)
}

async fn run(bench: &Bench) -> Result<Vec<Duration>> {
    let (started, heard) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(Notify::new()));
    let site = Site::begin(bench, (NODES, DEVICES), life(&started, &heard)).await?;
    let mut samples = Vec::new();
    for number in 0..JOBS {
        let (name, begun) = (format!("job-{number}"), Instant::now());
        let resources = Resources { cpu_millis: 10, memory_bytes: 1 << 20, devices: None };
        call(&site.client, name.clone(), job("default".to_owned(), 1, 0, resources)).await?;
        loop {
            let known: Option<Instant> = started.lock().get(&name).copied();
            if let Some(at) = known {
                samples.push(at.duration_since(begun));
                break;
            }
            tokio::time::timeout(PATIENCE, heard.notified()).await.context("a job that comes to no agent")?;
        }
    }
    site.agents.none_failed()?;
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
