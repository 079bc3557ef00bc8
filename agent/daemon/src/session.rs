//! The session with the controllers: what is goes up, what should be comes down, and every answer renews the lease.

use std::sync::Arc;
use std::time::Duration;

use holdfast_api::internal::agent_session_client::AgentSessionClient;
use holdfast_api::internal::{Desired, ReplicaAssignment, SyncRequest, SyncResponse, TaskAssignment};
use holdfast_api::{LastSaid, longest_hold, v1};
use holdfast_client::{ClusterClient, MAX_MESSAGE};
use holdfast_identity::Trust;
use holdfast_runtime::Runtime;
use holdfast_types::{Problem, ProblemKind};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::allegiance::Allegiance;
use crate::config::Config;
use crate::law::Law;
use crate::library::{Library, blocking};
use crate::revoked;
use crate::slots::{Reset, Slots, Wanted};
use crate::tasks::Tasks;

/// What takes so much longer than the controller was asked to hold an answer is not coming.
const LATE: Duration = Duration::from_millis(1_500);
/// How long another controller is looked for after one did not answer, before the round begins anew with what is true
/// by then.
const SEARCH: Duration = Duration::from_millis(2_500);
/// How long a controller holds the first answer, of an agent that does not know its lease yet.
const FIRST_HOLD: Duration = Duration::from_secs(1);
/// The pause after a round in which no controller answered.
const PAUSE: Duration = Duration::from_millis(200);
/// The pause after an answer with a law that was refused: the controllers send it again at once, as long as it is lacking.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);
/// News cut a held answer short only in this part of the lease: they may come faster than answers, and the lease is
/// renewed by answers alone.
const CUT_UNTIL: u32 = 4;

/// The session of one agent.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) client: ClusterClient,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) library: Library,
    pub(crate) law: Law,
    pub(crate) trust: Trust,
    /// Where the controllers are, and which incarnation of the cluster this node belongs to.
    pub(crate) allegiance: Allegiance,
    pub(crate) inventory: v1::NodeInventory,
    pub(crate) news: Arc<Notify>,
    /// What this node should keep, for the replicator.
    pub(crate) replicas: watch::Sender<Vec<ReplicaAssignment>>,
    /// What this machine runs from, where it has slots.
    pub(crate) slots: Option<Slots>,
    /// What is wanted of it.
    pub(crate) system: watch::Sender<Wanted>,
}

impl Session {
    /// Runs until it is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut known = String::new();
        // Until the first answer nothing is wanted or unwanted: a restart must not stop what runs.
        let mut tasks: Option<Vec<TaskAssignment>> = None;
        let (mut may_cut_until, mut hold) = (Instant::now(), FIRST_HOLD);
        let mut said = LastSaid::default();
        loop {
            let request = self.request(&known, hold);
            let (sent, began) = (Runtime::boottime_ms(), Instant::now());
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                // News cut a held answer short: it is asked for again with them.
                () = self.news.notified(), if began < may_cut_until => continue,
                answer = self.ask(&request, &said, hold) => answer,
            };
            match answer {
                Ok(answer) if answer.say_again => said = LastSaid::default(),
                Ok(answer) if !self.follows(&answer) => pause(&stop, PAUSE).await,
                Ok(answer) => {
                    said = LastSaid::new(answer.said.clone(), request.clone());
                    let lease = Duration::from_millis(answer.lease_ms);
                    may_cut_until = began + lease / CUT_UNTIL;
                    hold = longest_hold(lease);
                    let whole = self.take(answer, sent, &request, &mut known, &mut tasks).await;
                    if let Some(tasks) = &tasks {
                        self.tasks.follow(tasks);
                    }
                    if !whole {
                        pause(&stop, REFUSED_PAUSE).await;
                    }
                }
                Err(problem) => {
                    said = LastSaid::default();
                    tracing::warn!(%problem, "the controllers do not answer");
                    pause(&stop, PAUSE).await;
                }
            }
            if stop.is_cancelled() {
                return;
            }
        }
    }

    /// Whether the answer is of the incarnation this node belongs to; what is of an older one is not followed, and does not
    /// renew the lease.
    fn follows(&self, answer: &SyncResponse) -> bool {
        match self.allegiance.take(answer) {
            Ok(Some(addresses)) => {
                tracing::info!(controllers = addresses.join(", "), "the controllers are at other addresses");
                self.client.set_endpoints(addresses);
                true
            }
            Ok(None) => true,
            Err(problem) => {
                tracing::error!(%problem, "an answer is not followed");
                self.client.forget_current();
                false
            }
        }
    }

    fn request(&self, known: &str, hold: Duration) -> SyncRequest {
        let (tasks, checkpoints, decisions) = self.tasks.reports();
        SyncRequest {
            known_desired: known.to_owned(),
            inventory: Some(self.inventory.clone()),
            data_address: self.config.advertised(&self.config.data_listen),
            relay_address: self.config.advertised(&self.config.relay_listen),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            simulated: self.config.simulated.is_some(),
            tasks,
            replicas: self.library.whole(),
            checkpoints,
            bundle: self.law.hash(),
            decisions,
            incarnation: self.allegiance.incarnation(),
            hold_ms: u64::try_from(hold.as_millis()).unwrap_or(0),
            system: self.slots.as_ref().and_then(Slots::system),
        }
    }

    /// Says what is, or that it is as it was said last.
    async fn ask(
        &self,
        request: &SyncRequest,
        said: &LastSaid,
        hold: Duration,
    ) -> Result<SyncResponse, Problem> {
        let renewal = said.renewal(request);
        let call = |channel| {
            let (request, renewal) = (request.clone(), renewal.clone());
            let client = AgentSessionClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
            let mut client = client.max_encoding_message_size(MAX_MESSAGE);
            async move {
                match renewal {
                    Some(renewal) => client.renew(renewal).await,
                    None => client.sync(request).await,
                }
            }
        };
        let attempt = hold + LATE;
        self.client.call_within(attempt + SEARCH, attempt, call).await
    }

    /// Whether all of it was taken over.
    async fn take(
        &self,
        answer: SyncResponse,
        sent: u64,
        request: &SyncRequest,
        known: &mut String,
        tasks: &mut Option<Vec<TaskAssignment>>,
    ) -> bool {
        // The lease runs from before the question: the controller counts from when it heard it, which is later.
        if let Err(error) = self.runtime.renew_lease(sent.saturating_add(answer.lease_ms)) {
            tracing::error!(%error, "the lease cannot be written; tasks will be fenced");
        }
        self.tasks.heard(&request.tasks, answer.decisions_recorded);
        let desired = match answer.told() {
            Ok(Some(desired)) => desired,
            Ok(None) => return true,
            Err(problem) => {
                tracing::error!(%problem, "what this node should do stays as it is");
                return false;
            }
        };
        let reset = Reset::wanted(&desired);
        let Desired { tasks: wanted, replicas, bundle, revoked_serials, update, .. } = desired;
        let law = bundle.map_or(Ok(()), |bundle| self.law.replace(&bundle));
        if let Err(problem) = &law {
            tracing::error!(%problem, "a law bundle was refused; the old one stays in force");
        }
        if revoked::take(&self.trust, &revoked_serials) {
            self.write_revoked(revoked_serials).await;
        }
        self.replicas.send_replace(replicas);
        let system = Wanted { update, reset };
        self.system.send_if_modified(|known| {
            let changed = *known != system;
            *known = system;
            changed
        });
        *tasks = Some(wanted);
        // From here on what is not wanted is being stopped and will not be started, so the hash may be claimed.
        *known = answer.desired_hash;
        law.is_ok()
    }

    async fn write_revoked(&self, serials: Vec<String>) {
        let directory = self.config.directory.clone();
        let written = blocking(move || {
            revoked::save(&directory, &serials).map_err(|error| {
                Problem::new(6208, ProblemKind::Failed, "the list of revoked certificates cannot be written")
                    .because(error.to_string())
            })
        });
        if let Err(problem) = written.await {
            tracing::error!(%problem, "the relay does not know which certificates are revoked");
        }
    }
}

async fn pause(stop: &CancellationToken, pause: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(pause) => {}
    }
}

/// Fetches what this node should keep, again and again until it has it.
pub(crate) async fn replicate(
    library: Library,
    mut wanted: watch::Receiver<Vec<ReplicaAssignment>>,
    news: Arc<Notify>,
    stop: CancellationToken,
) {
    const RETRY: Duration = Duration::from_secs(1);
    loop {
        let list = wanted.borrow_and_update().clone();
        let whole: std::collections::BTreeSet<String> = library.whole().into_iter().collect();
        let mut failed = false;
        for replica in list.iter().filter(|r| !whole.contains(&r.key)) {
            let ensured = tokio::select! {
                () = stop.cancelled() => return,
                ensured = library.ensure(replica) => ensured,
            };
            match ensured {
                Ok(_) => news.notify_one(),
                Err(problem) => {
                    failed = true;
                    tracing::warn!(artifact = replica.key, %problem, "a copy cannot be had yet");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = wanted.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(RETRY), if failed => {}
        }
    }
}
