//! The agents of a cluster as its controllers see them: each with a certificate and a connection of its own, its tasks running
//! and its copies whole, keeping its lease as `holdfast-agent` does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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

use super::size::{NODES, PATIENCE, name, options};

/// So many join at once.
const AT_ONCE: usize = 32;
const DEVICES: u32 = 8;
const FIRST_HOLD_MS: u64 = 1_000;
/// What takes so much longer than the hold is not coming.
const LATE: Duration = Duration::from_millis(1_500);
const SEARCH: Duration = Duration::from_secs(30);

/// The agents, until it is dropped.
pub(super) struct Agents {
    answers: Arc<AtomicU64>,
    failure: Arc<Mutex<Option<String>>>,
    _tasks: JoinSet<()>,
}

impl Agents {
    /// Lets every node join.
    pub(super) async fn join(client: &ClusterClient) -> Result<Self> {
        let joining = futures::stream::iter(0..NODES).map(|number| Agent::join(client, number));
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
    pub(super) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    pub(super) fn none_failed(&self) -> Result<()> {
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
}

impl Agent {
    async fn join(operator: &ClusterClient, number: u32) -> Result<Self> {
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
        Ok(Self { client, said: first(number), heard: LastSaid::default() })
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
            let answer = self.client.call_within(attempt + SEARCH, attempt, call).await;
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
        self.said.tasks = desired.tasks.iter().map(running).collect();
        let whole: BTreeSet<&String> = desired.replicas.iter().map(|replica| &replica.key).collect();
        self.said.replicas = whole.into_iter().cloned().collect();
    }
}

/// What a node says at first.
fn first(number: u32) -> SyncRequest {
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
        devices: (0..DEVICES).map(device).collect(),
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
