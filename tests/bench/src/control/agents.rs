//! The agents of a cluster as its controllers see them: each with a certificate and a connection of its own, its tasks running
//! and its copies whole, keeping its lease as `holdfast-agent` does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use holdfast_api::internal::agent_session_client::AgentSessionClient;
use holdfast_api::internal::enrolment_client::EnrolmentClient;
use holdfast_api::internal::{Desired, EnrolRequest, SyncRequest, TaskAssignment, TaskReport};
use holdfast_api::v1::nodes_client::NodesClient;
use holdfast_api::v1::{CreateTokenRequest, Device, NodeInventory};
use holdfast_api::{LastSaid, longest_hold};
use holdfast_client::{ClusterClient, MAX_MESSAGE};
use holdfast_identity::{
    Alpn, Expect, Identity, IdentityHandle, JoinToken, Trust, client_config, client_config_pinned,
};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::named::{PATIENCE, name, options};

/// So many join at once.
const AT_ONCE: usize = 32;
const FIRST_HOLD_MS: u64 = 1_000;
/// What takes so much longer than the hold is not coming.
const LATE: Duration = Duration::from_millis(1_500);
/// Tasks that end within so long are told of together.
const TOGETHER: Duration = Duration::from_millis(5);
const SUCCEEDED: &str = "Succeeded";
const SEARCH: Duration = Duration::from_secs(30);

/// What becomes of a task on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The agent was told of it, and it runs.
    Starts,
    /// It ended, and the agent was told that this is known.
    Over,
}

/// Asked at each moment of each task, with its job; for how long a task runs that starts, or nothing where it runs for ever.
pub(crate) type Life = Arc<dyn Fn(&str, Moment) -> Option<Duration> + Send + Sync>;

/// Tasks run for ever.
pub(crate) fn forever() -> Life {
    Arc::new(|_, _| None)
}

/// The agents, until it is dropped.
pub(crate) struct Agents {
    answers: Arc<AtomicU64>,
    failure: Arc<Mutex<Option<String>>>,
    _tasks: JoinSet<()>,
}

impl Agents {
    /// Lets so many nodes join, with so many accelerators each.
    pub(crate) async fn join(client: &ClusterClient, nodes: u32, devices: u32, life: Life) -> Result<Self> {
        let join = |number| Agent::join(client, first(number, devices), Arc::clone(&life), number);
        let joining = futures::stream::iter(0..nodes).map(join);
        let joined: Vec<Agent> = joining.buffer_unordered(AT_ONCE).try_collect().await?;
        let (answers, failure) = (Arc::default(), Arc::default());
        let mut tasks = JoinSet::new();
        for agent in joined {
            let (answers, failure) = (Arc::clone(&answers), Arc::<Mutex<Option<String>>>::clone(&failure));
            tasks.spawn(async move {
                let Err(error) = agent.run(&answers).await;
                failure.lock().get_or_insert(format!("{error:#}"));
            });
        }
        Ok(Self { answers, failure, _tasks: tasks })
    }

    /// How many answers they were given so far.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    pub(crate) fn none_failed(&self) -> Result<()> {
        match self.failure.lock().as_ref() {
            Some(failure) => bail!("an agent: {failure}"),
            None => Ok(()),
        }
    }
}

struct Agent {
    client: ClusterClient,
    said: SyncRequest,
    heard: LastSaid,
    life: Life,
    /// When each task that runs ends by itself.
    ends: BTreeMap<Task, Instant>,
}

/// A task by its job, the uid of that, its fence and its rank.
type Task = (String, String, u64, u32);

impl Agent {
    async fn join(operator: &ClusterClient, said: SyncRequest, life: Life, number: u32) -> Result<Self> {
        let ask = CreateTokenRequest {
            jurisdiction: "DE".to_owned(),
            site: "berlin".to_owned(),
            approve: true,
            options: options()?,
            ..CreateTokenRequest::default()
        };
        let created = operator.call(|channel| {
            let ask = ask.clone();
            async move { NodesClient::new(channel).create_token(ask).await }
        });
        let token = created.await.map_err(|problem| anyhow!("a token: {problem}"))?.token;
        let root = JoinToken::parse(&token)?.root();
        let (tls, captured) = client_config_pinned(root, Alpn::H2)?;
        let stranger = ClusterClient::new(operator.endpoints(), tls, PATIENCE);
        let (key, csr_pem) = Identity::generate_csr()?;
        let ask = EnrolRequest { token, node: name(number), csr_pem, ..EnrolRequest::default() };
        let enrolled = stranger.call(|channel| {
            let ask = ask.clone();
            async move { EnrolmentClient::new(channel).enrol(ask).await }
        });
        let enrolled = enrolled.await.map_err(|problem| anyhow!("enrol: {problem}"))?;
        let identity = IdentityHandle::new(Identity::from_pem(&enrolled.chain_pem, key)?);
        let trust = Trust::new(captured.pem().ok_or_else(|| anyhow!("no root was captured"))?)?;
        let tls = client_config(Some(&identity), &trust, Expect::Controller, Alpn::H2)?;
        let client = ClusterClient::new(operator.endpoints(), tls, PATIENCE);
        Ok(Self { client, said, heard: LastSaid::default(), life, ends: BTreeMap::new() })
    }

    /// Keeps the lease; returns only where that cannot be done.
    async fn run(mut self, answers: &AtomicU64) -> Result<std::convert::Infallible> {
        loop {
            let attempt = Duration::from_millis(self.said.hold_ms) + LATE;
            let (said, renewal) = (&self.said, self.heard.renewal(&self.said));
            let call = |channel| {
                let (said, renewal) = (said.clone(), renewal.clone());
                let client = AgentSessionClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
                let mut client = client.max_encoding_message_size(MAX_MESSAGE);
                async move {
                    match renewal {
                        Some(renewal) => client.renew(renewal).await,
                        None => client.sync(said).await,
                    }
                }
            };
            let answer = tokio::select! {
                answer = self.client.call_within(attempt + SEARCH, attempt, call) => answer,
                () = due(self.ends.values().min().copied()) => {
                    self.end();
                    continue;
                }
            };
            let answer = answer.map_err(|problem| anyhow!("{problem}"))?;
            answers.fetch_add(1, Ordering::Relaxed);
            if answer.say_again {
                self.heard = LastSaid::default();
                continue;
            }
            self.heard = LastSaid::new(answer.said.clone(), self.said.clone());
            let hold = longest_hold(Duration::from_millis(answer.lease_ms));
            self.said.hold_ms = u64::try_from(hold.as_millis())?;
            self.said.incarnation = answer.incarnation;
            if let Some(desired) = answer.told().map_err(|problem| anyhow!("{problem}"))? {
                self.follow(&desired);
                self.said.known_desired = answer.desired_hash;
            }
        }
    }

    /// Runs at once what it should run, and has what it should keep.
    fn follow(&mut self, desired: &Desired) {
        if let Some(bundle) = &desired.bundle {
            self.said.bundle.clone_from(&bundle.hash);
        }
        let mut known: BTreeMap<Task, TaskReport> =
            self.said.tasks.drain(..).map(|report| (task(&report), report)).collect();
        let now = Instant::now();
        for wanted in &desired.tasks {
            let report = running(wanted);
            let name = task(&report);
            let report = known.remove(&name).unwrap_or_else(|| {
                let ends = (self.life)(&report.job, Moment::Starts).map(|takes| (name, now + takes));
                self.ends.extend(ends);
                report
            });
            self.said.tasks.push(report);
        }
        for (name, report) in known {
            self.ends.remove(&name);
            if report.phase == SUCCEEDED {
                (self.life)(&report.job, Moment::Over);
            }
        }
        let whole: BTreeSet<&String> = desired.replicas.iter().map(|replica| &replica.key).collect();
        self.said.replicas = whole.into_iter().cloned().collect();
    }

    /// What is due has ended well.
    fn end(&mut self) {
        let soon = Instant::now() + TOGETHER;
        let over: BTreeSet<Task> =
            self.ends.extract_if(.., |_, at| *at <= soon).map(|(task, _)| task).collect();
        for report in self.said.tasks.iter_mut().filter(|report| over.contains(&task(report))) {
            SUCCEEDED.clone_into(&mut report.phase);
        }
    }
}

/// Waits until a moment, or for ever.
async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn task(report: &TaskReport) -> Task {
    (report.job.clone(), report.job_uid.clone(), report.fence, report.rank)
}

/// What a node says at first.
fn first(number: u32, devices: u32) -> SyncRequest {
    let device = |index| Device {
        index,
        class: "nvidia".to_owned(),
        model: "H200".to_owned(),
        memory_bytes: 141 << 30,
        health: "ok".to_owned(),
        simulated: true,
    };
    let inventory = NodeInventory {
        cpu_millis: 128_000,
        memory_bytes: 1 << 40,
        devices: (0..devices).map(device).collect(),
        cpu_threads: 128,
        ..NodeInventory::default()
    };
    let address = format!("10.{}.{}.1", number / 256, number % 256);
    SyncRequest {
        inventory: Some(inventory),
        data_address: format!("{address}:7003"),
        relay_address: format!("{address}:7004"),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        simulated: true,
        hold_ms: FIRST_HOLD_MS,
        ..SyncRequest::default()
    }
}

fn running(task: &TaskAssignment) -> TaskReport {
    TaskReport {
        job: task.job.clone(),
        job_uid: task.job_uid.clone(),
        fence: task.fence,
        rank: task.rank,
        phase: "Running".to_owned(),
        ..TaskReport::default()
    }
}
