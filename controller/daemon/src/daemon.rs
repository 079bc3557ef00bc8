//! A controller from its configuration file to its end.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::routing::get;
use camino::Utf8Path;
use holdfast_audit::Signer;
use holdfast_identity::{
    Alpn, ClientAuth, ClusterCa, Identity, IdentityHandle, KeyExchange, PeerInfo, Trust, server_config,
};
use holdfast_raft::{Member, Options, RaftError, RaftNode};
use holdfast_types::{AsProblem as _, Problem, ProblemKind};
use http::header;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Parts, now};
use crate::config::Config;
use crate::front::{Faces, Front};
use crate::generate::openapi;
use crate::level::outgrown;
use crate::loops::{keep_desk, lead, renew_certificate, renewed, worn};
use crate::machine::StateMachine;
use crate::metrics::{Metrics, scrape};
use crate::network::GrpcNetwork;
use crate::orders::carry_out;
use crate::platform::Platform;
use crate::recovery::disk_is_back;
use crate::removed::Outcast;
use crate::server::{Listening, serve};
use crate::{health, join, members, rest, rollouts, services, watch};

/// How long the lock of the log is waited for, and how often it is tried.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_RETRY: Duration = Duration::from_millis(100);
/// How long open calls may take to end once the controller was told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// How long handing leadership over may take before the controller stops all the same.
const HAND_OVER: Duration = Duration::from_secs(2);

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(1219, ProblemKind::Failed, "the controller cannot start").because(because)
}

/// Runs a controller until SIGTERM or SIGINT.
///
/// # Errors
///
/// Where it cannot start: the configuration, the directory, the port.
pub fn main_with_config(path: &Utf8Path) -> Result<(), Problem> {
    let mut config = carry_out(path)?;
    // What a start or a snapshot needed goes back to the kernel also where no thread that used it allocates any more.
    if let Err(error) = tikv_jemalloc_ctl::background_thread::write(true) {
        tracing::warn!(%error, "memory that is freed may stay with this process");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("controller")
        .build()
        .map_err(|error| failed(format!("start the runtime: {error}")))?;
    while let Ended::Again = runtime.block_on(run(config.clone()))? {
        tracing::info!("the controller begins anew");
        config = carry_out(path)?;
    }
    Ok(())
}

/// Why a controller ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It was told to.
    Told,
    /// Its disk works again after it had failed, or it was ordered to go on alone.
    Again,
}

async fn run(config: Config) -> Result<Ended, Problem> {
    let mut controller = Controller::start(config, Platform::default()).await?;
    let ended = until_told(&controller.app, &mut controller.tasks).await;
    controller.stop().await;
    ended
}

/// A controller that runs.
pub struct Controller {
    app: Arc<App>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controller").field("member", &self.app.config.id).finish_non_exhaustive()
    }
}

impl Controller {
    /// Starts a controller on the runtime of the caller.
    ///
    /// # Errors
    ///
    /// Where it cannot start: the directory, the port, a release too old for the state.
    pub async fn start(config: Config, platform: Platform) -> Result<Self, Problem> {
        let app = Arc::new(prepare(config, platform).await?);
        let stop = CancellationToken::new();
        let tasks = started(&app, &stop).await?;
        bootstrap(&app).await?;
        tracing::info!(listen = app.config.listen, member = app.config.id, "controller runs");
        Ok(Self { app, tasks, stop })
    }

    /// Hands leadership over, lets open calls end, and stops.
    pub async fn stop(mut self) {
        hand_over(&self.app).await;
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, ended).await.is_err() {
            tracing::warn!("some calls had not ended when the controller stopped");
        }
        self.app.raft.shutdown().await;
    }
}

/// Everything a controller does, as tasks.
async fn started(app: &Arc<App>, stop: &CancellationToken) -> Result<JoinSet<()>, Problem> {
    let listener = TcpListener::bind(&app.config.listen).await.map_err(|error| {
        let problem =
            Problem::new(1220, ProblemKind::Failed, format!("cannot listen on {}", app.config.listen));
        problem.because(error.to_string()).next("stop what uses the port, or set another `listen` address")
    })?;
    let config = server_config(
        &app.identity,
        &app.trust,
        KeyExchange::HybridOrClassical,
        ClientAuth::Optional,
        Alpn::H2AndHttp1,
    )
    .map_err(|error| error.problem())?;
    let mut tasks = JoinSet::new();
    let listening = Listening {
        front: Arc::new(Front::new(Arc::clone(app), faces(app)?, stop.clone())),
        acceptor: TlsAcceptor::from(config),
        trust: app.trust.clone(),
        stop: stop.clone(),
    };
    tasks.spawn(serve(listener, listening));
    tasks.spawn(lead(Arc::clone(app), stop.clone()));
    tasks.spawn(keep_desk(Arc::clone(app), stop.clone()));
    let (hub, applied) = (Arc::clone(&app.watches), app.raft.applied());
    tasks.spawn(watch::run(hub, Arc::clone(app), applied, stop.clone()));
    tasks.spawn(health::keep(Arc::clone(app), stop.clone()));
    tasks.spawn(members::tend(Arc::clone(app), stop.clone()));
    tasks.spawn(rollouts::tend(Arc::clone(app), stop.clone()));
    tasks.spawn(renew_certificate(Arc::clone(app), stop.clone()));
    Ok(tasks)
}

/// Lets another member lead before this one goes, so that writes pause for a moment and not for an election. Where
/// nobody can take over the others find that out by themselves.
async fn hand_over(app: &App) {
    if !app.raft.is_leader() {
        return;
    }
    match tokio::time::timeout(HAND_OVER, app.raft.transfer_leader(None)).await {
        Ok(Ok(member)) => tracing::info!(leader = member.name, "leadership is handed over"),
        Ok(Err(error)) => tracing::info!(%error, "leadership is not handed over"),
        Err(_) => tracing::warn!("leadership was not handed over in time"),
    }
}

/// Waits for a signal. A task that ends by itself has failed: better no controller than half of one.
async fn until_told(app: &App, tasks: &mut JoinSet<()>) -> Result<Ended, Problem> {
    let handler = |kind| signal(kind).map_err(|error| failed(format!("handle signals: {error}")));
    let (mut terminate, mut interrupt) =
        (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok(Ended::Told),
        _ = interrupt.recv() => Ok(Ended::Told),
        () = disk_is_back(app) => Ok(Ended::Again),
        () = app.ordered.cancelled() => Ok(Ended::Again),
        problem = outgrown(app) => Err(problem),
        ended = tasks.join_next() => {
            let why = match ended {
                Some(Err(error)) => error.to_string(),
                _ => "a part of it ended".to_owned(),
            };
            Err(Problem::new(1221, ProblemKind::Failed, "the controller has stopped").because(why))
        }
    }
}

fn faces(app: &Arc<App>) -> Result<Faces, Problem> {
    let grpc = services::routes(app).prepare();
    let rest = rest::router(app.pool(), &grpc).map_err(failed)?;
    let metrics = Arc::new(Metrics::new().map_err(|error| failed(error.to_string()))?);
    let document = openapi().map_err(failed)?;
    let app = Arc::clone(app);
    let scraped = move |Extension(peer): Extension<PeerInfo>, headers: http::HeaderMap| {
        let answer = scrape(&app, &metrics, &peer, &headers);
        async move { answer }
    };
    let documented = move || {
        let json = [(header::CONTENT_TYPE, "application/json")];
        let answer = (json, document.clone());
        async move { answer }
    };
    let rest = rest.route("/metrics", get(scraped)).route("/v1/openapi.json", get(documented));
    Ok(Faces { grpc, rest: rest::closed(rest) })
}

async fn prepare(config: Config, platform: Platform) -> Result<App, Problem> {
    let newest_level = platform.newest_level;
    join::fetch(&config).await?;
    let directory = config.directory.clone();
    let ca = ClusterCa::load(&directory.join("pki")).map_err(|error| error.problem())?;
    let trust = Trust::new(&ca.root_pem()).map_err(|error| error.problem())?;
    let place = directory.join("identity");
    let stored = Identity::load(&place.join("chain.pem"), &place.join("key.pem")).map_err(|e| e.problem())?;
    // A controller that was off for longer than its certificate lasts comes back with a new one.
    let identity = if worn(&stored, now()) { renewed(&ca, stored.principal(), &directory)? } else { stored };
    let identity = IdentityHandle::new(identity);
    let audit_key = audit_key(&config)?;
    let clock = Arc::new(|| now().0);
    let mut options = Options::new(config.id, config.raft_cluster(), directory.join("raft"), clock);
    if let Some(quota) = config.quota_bytes {
        options.quota_bytes = quota;
    }
    options.disk = platform.disk;
    let outcast = Outcast::default();
    let network = || GrpcNetwork::new(identity.clone(), trust.clone(), outcast.clone());
    let raft = open(options, newest_level, network).await?;
    let pool = holdfast_api::pool().map_err(|error| failed(error.to_string()))?;
    Ok(App::new(Parts { config, raft, ca, trust, identity, outcast, audit_key, newest_level, pool }))
}

/// Opens the log. Where this controller begins anew the one before may hold it for a moment.
async fn open(
    options: Options,
    newest_level: u32,
    network: impl Fn() -> GrpcNetwork,
) -> Result<RaftNode<StateMachine>, Problem> {
    let deadline = tokio::time::Instant::now() + LOCK_PATIENCE;
    loop {
        match RaftNode::open(options.clone(), StateMachine::new(newest_level), network()).await {
            Err(RaftError::Locked { .. }) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            opened => return opened.map_err(|error| error.problem()),
        }
    }
}

fn audit_key(config: &Config) -> Result<Signer, Problem> {
    let path = config.directory.join("pki/audit.key");
    let text = std::fs::read_to_string(&path).map_err(|error| failed(format!("read `{path}`: {error}")))?;
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed)
        .map_err(|_| failed(format!("`{path}` is not 64 hexadecimal digits")))?;
    Signer::from_seed(&config.cluster, &seed).map_err(|error| failed(error.to_string()))
}

/// Tells raft who the founding members are; where it knows its members already this does nothing. One member says it:
/// the others hear it from the leader that comes of it.
async fn bootstrap(app: &App) -> Result<(), Problem> {
    if app.config.join || app.config.members.iter().any(|m| m.id < app.config.id) {
        return Ok(());
    }
    let members = app.config.members.iter().map(|m| Member {
        id: m.id,
        address: m.address.clone(),
        name: m.name.clone(),
    });
    app.raft.bootstrap(members.collect()).await.map_err(|error| error.problem())
}
