//! Kueue's scenarios: queues in cohorts, each with jobs of three classes that come at fixed intervals and run for a fixed time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::{
    ApplyQueueRequest, DeviceRequest, JobSpec, QueueSpec, Resources, SubmitJobRequest, TaskGroup,
};
use holdfast_client::ClusterClient;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::site::{Site, block_on};
use crate::control::agents::{Life, Moment};
use crate::control::host::cpu_of;
use crate::control::named::{IMAGE, TENANT, options};
use crate::control::side::{MEMBERS, Side};
use crate::measure::{Bench, Measurement};

/// What each queue has of its own, and may borrow.
const NOMINAL: u32 = 20;
const BORROWS: u32 = 100;
const CLASS: &str = "nvidia";
/// As many as a node can have.
const DEVICES: u32 = 128;
/// So many calls are made at once.
const AT_ONCE: usize = 64;
/// A run that takes longer is given up.
const GIVEN_UP: Duration = Duration::from_secs(600);

/// Jobs of one class of each queue.
struct Class {
    name: &'static str,
    count: u32,
    every: Duration,
    runs: Duration,
    priority: i32,
    devices: u32,
}

struct Scenario {
    cohorts: u32,
    queues: u32,
    classes: [Class; 3],
    published: &'static str,
}

const fn class(
    name: &'static str,
    (count, every): (u32, u64),
    runs: u64,
    (priority, devices): (i32, u32),
) -> Class {
    Class {
        name,
        count,
        every: Duration::from_millis(every),
        runs: Duration::from_millis(runs),
        priority,
        devices,
    }
}

/// 15,000 jobs in 30 queues; nobody can be through with them in less than 67 s.
const BASELINE: Scenario = Scenario {
    cohorts: 5,
    queues: 6,
    classes: [
        class("small", (350, 100), 200, (50, 1)),
        class("medium", (100, 500), 500, (100, 5)),
        class("large", (50, 1_200), 1_000, (200, 20)),
    ],
    published: "Kueue's CI, published: 351.1 s",
};

/// 50,000 jobs in 1,000 queues; nobody can be through with them in less than 4.6 s.
const LARGE: Scenario = Scenario {
    cohorts: 10,
    queues: 100,
    classes: [
        class("small", (35, 60), 150, (50, 1)),
        class("medium", (11, 300), 350, (100, 5)),
        class("large", (4, 700), 700, (200, 20)),
    ],
    published: "Kueue's CI, published: 1,179 s",
};

/// How long the baseline scenario takes.
pub(crate) fn baseline(bench: &Bench) -> Result<Measurement> {
    block_on(run(bench, &BASELINE))
}

/// How long the large scenario takes.
pub(crate) fn large(bench: &Bench) -> Result<Measurement> {
    block_on(run(bench, &LARGE))
}

/// What has happened to each job, by its name.
#[derive(Default)]
struct Seen {
    asked: BTreeMap<String, Instant>,
    started: BTreeMap<String, Instant>,
    over: BTreeMap<String, Instant>,
}

async fn run(bench: &Bench, scenario: &'static Scenario) -> Result<Measurement> {
    let (seen, ended) = (Arc::new(Mutex::new(Seen::default())), Arc::new(Notify::new()));
    let quota = scenario.cohorts * scenario.queues * NOMINAL;
    let nodes = (2 * quota).div_ceil(DEVICES);
    let site = Site::begin(bench, (nodes, DEVICES), life(scenario, &seen, &ended)).await?;
    queues(&site.client, scenario).await.context("queues")?;
    let jobs: Vec<Job> = scenario.jobs();
    let many = jobs.len();
    let before = usage(&site.side)?;
    let begun = Instant::now();
    let mut submitting = submit(site.client.clone(), jobs, &seen, begun);
    while let Some(done) = submitting.join_next().await {
        done.context("a client")??;
    }
    let asked = begun.elapsed();
    while seen.lock().over.len() < many {
        ensure!(begun.elapsed() < GIVEN_UP, "{} of {many} jobs are over", seen.lock().over.len());
        drop(tokio::time::timeout(Duration::from_millis(100), ended.notified()).await);
    }
    site.agents.none_failed()?;
    let seen = seen.lock();
    let last = seen.over.values().max().copied().context("jobs")?;
    let makespan = last.duration_since(begun).as_secs_f64();
    let cpu = (usage(&site.side)?.saturating_sub(before)).as_secs_f64();
    let peer = Err(scenario.published.to_owned());
    let mut measured = Measurement::new(makespan, "s", peer);
    measured.details = details(scenario, &seen, (quota, makespan));
    measured.details.push(format!(
        "{:.0} jobs/s; all were submitted after {:.1} s; {cpu:.1} CPU-s of three controllers, {:.2} ms a job",
        many as f64 / makespan,
        asked.as_secs_f64(),
        cpu * 1e3 / many as f64
    ));
    Ok(measured)
}

/// Records when tasks start and end, and says how long they run.
fn life(scenario: &'static Scenario, seen: &Arc<Mutex<Seen>>, ended: &Arc<Notify>) -> Life {
    let (seen, ended) = (Arc::clone(seen), Arc::clone(ended));
    Arc::new(move |job, moment| match moment {
        Moment::Starts => {
            seen.lock().started.entry(job.to_owned()).or_insert_with(Instant::now);
            scenario.classes.iter().find(|class| job.starts_with(class.name)).map(|class| class.runs)
        }
        Moment::Over => {
            seen.lock().over.entry(job.to_owned()).or_insert_with(Instant::now);
            ended.notify_one();
            None
        }
    })
}

/// A job, and when it is submitted.
struct Job {
    at: Duration,
    name: String,
    queue: String,
    class: &'static Class,
}

impl Scenario {
    fn jobs(&'static self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for cohort in 0..self.cohorts {
            for queue in 0..self.queues {
                for class in &self.classes {
                    jobs.extend((0..class.count).map(|number| Job {
                        at: class.every * number,
                        name: format!("{}-{cohort}-{queue}-{number}", class.name),
                        queue: format!("queue-{cohort}-{queue}"),
                        class,
                    }));
                }
            }
        }
        jobs.sort_by_key(|job| job.at);
        jobs
    }
}

async fn queues(client: &ClusterClient, scenario: &Scenario) -> Result<()> {
    for cohort in 0..scenario.cohorts {
        let above = format!("cohort-{cohort}");
        apply(client, above.clone(), QueueSpec::default()).await?;
        for queue in 0..scenario.queues {
            let spec = QueueSpec {
                parent: above.clone(),
                nominal: [(CLASS.to_owned(), NOMINAL)].into(),
                borrowing_limit: [(CLASS.to_owned(), BORROWS)].into(),
                ..QueueSpec::default()
            };
            apply(client, format!("queue-{cohort}-{queue}"), spec).await?;
        }
    }
    Ok(())
}

pub(super) async fn apply(client: &ClusterClient, name: String, spec: QueueSpec) -> Result<()> {
    let options = options()?;
    let ask = ApplyQueueRequest { name, spec: Some(spec), options, ..ApplyQueueRequest::default() };
    let applied = client.call(|channel| {
        let ask = ask.clone();
        async move { QueuesClient::new(channel).apply(ask).await }
    });
    applied.await.map(drop).map_err(|problem| anyhow!("{problem}"))
}

/// Submits each job at its time, each by a call of its own, as Kueue's runner makes each object.
fn submit(
    client: ClusterClient,
    jobs: Vec<Job>,
    seen: &Arc<Mutex<Seen>>,
    begun: Instant,
) -> JoinSet<Result<()>> {
    let (mut clients, seen) = (JoinSet::new(), Arc::clone(seen));
    clients.spawn(async move {
        let (mut calls, turns) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
        for job in jobs {
            tokio::time::sleep_until((begun + job.at).into()).await;
            // One that has to wait for its turn was asked for all the same.
            seen.lock().asked.insert(job.name.clone(), begun + job.at);
            let turn = Arc::clone(&turns).acquire_owned().await?;
            let client = client.clone();
            calls.spawn(async move {
                let called = call(&client, job.name, spec(job.queue, job.class)).await;
                drop(turn);
                called
            });
            while let Some(done) = calls.try_join_next() {
                done.context("a call")??;
            }
        }
        while let Some(done) = calls.join_next().await {
            done.context("a call")??;
        }
        Ok(())
    });
    clients
}

fn spec(queue: String, class: &Class) -> JobSpec {
    let devices = DeviceRequest { class: CLASS.to_owned(), count: class.devices, ..DeviceRequest::default() };
    let resources = Resources { cpu_millis: 10, memory_bytes: 1 << 20, devices: Some(devices) };
    job(queue, 1, class.priority, resources)
}

pub(super) fn job(queue: String, tasks: u32, priority: i32, resources: Resources) -> JobSpec {
    let name = "worker".to_owned();
    JobSpec {
        kind: "batch".to_owned(),
        queue,
        priority,
        tenant: TENANT.to_owned(),
        purpose: "research".to_owned(),
        image: IMAGE.to_owned(),
        groups: vec![TaskGroup { name, count: tasks, resources: Some(resources), ..TaskGroup::default() }],
        ..JobSpec::default()
    }
}

pub(super) async fn call(client: &ClusterClient, name: String, spec: JobSpec) -> Result<()> {
    let ask = SubmitJobRequest { name, spec: Some(spec), options: options()?, ..SubmitJobRequest::default() };
    let submitted = client.call(|channel| {
        let ask = ask.clone();
        async move { JobsClient::new(channel).submit(ask).await }
    });
    submitted.await.map(drop).map_err(|problem| anyhow!("{problem}"))
}

fn usage(side: &Side) -> Result<Duration> {
    (0..MEMBERS).map(|member| cpu_of(side.pid(member)?)).sum()
}

/// How long jobs of each class waited until an agent had them, and how much of what the queues have was in use.
fn details(scenario: &Scenario, seen: &Seen, (quota, makespan): (u32, f64)) -> Vec<String> {
    let mut told = Vec::new();
    let mut used = 0.0;
    for class in &scenario.classes {
        let of = |times: &BTreeMap<String, Instant>, job: &String| times.get(job).copied();
        let jobs: Vec<&String> = seen.asked.keys().filter(|job| job.starts_with(class.name)).collect();
        let wait =
            |job: &&String| Some(of(&seen.started, job)?.duration_since(of(&seen.asked, job)?).as_secs_f64());
        let waits: Vec<f64> = jobs.iter().filter_map(wait).collect();
        let mean = waits.iter().sum::<f64>() / waits.len().max(1) as f64;
        told.push(format!("{}: {} jobs waited {mean:.2} s on average", class.name, waits.len()));
        used += jobs.len() as f64 * class.runs.as_secs_f64() * f64::from(class.devices);
    }
    told.push(format!("{:.1} % of the quotas in use", 100.0 * used / (f64::from(quota) * makespan)));
    told
}
