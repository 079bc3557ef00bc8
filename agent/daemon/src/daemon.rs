//! An agent from its configuration file to its end.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_artifact::remove_partials;
use holdfast_blob::BlobStore;
use holdfast_client::ClusterClient;
use holdfast_identity::{
    Alpn, ClientAuth, Expect, IdentityHandle, KeyExchange, Principal, Trust, client_config, server_config,
};
use holdfast_runtime::{Runtime, RuntimeOptions};
use holdfast_types::{AsProblem as _, Jurisdiction, NodeName, Problem, ProblemKind};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::allegiance::Allegiance;
use crate::config::Config;
use crate::data::Service;
use crate::law::Law;
use crate::library::{self, Library};
use crate::place::{Decisions, Place};
use crate::rotate::Rotation;
use crate::session::{Session, replicate};
use crate::slots::Slots;
use crate::tasks::Tasks;
use crate::{clock, enrol, lock, machine, relay, revoked, server, slots};

/// How often the agent sees to it that a relay runs.
const RELAY_LOOK: Duration = Duration::from_secs(1);
/// How long a call to the controllers is tried outside the session.
const PATIENCE: Duration = Duration::from_secs(15);

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(6204, ProblemKind::Failed, "the agent cannot start").because(because)
}

/// Runs a helper process of the agent where this process was started as one: the first thing a hosting program does,
/// before it has threads.
pub fn maybe_run_hidden(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(code) = holdfast_runtime::maybe_run_hidden(args.clone()) {
        return Some(code);
    }
    let (verb, path) = (args.get(1)?, args.get(2)?);
    if verb != "__relay" {
        return None;
    }
    let path = Utf8PathBuf::from(path.to_str()?);
    // Without its log the relay still carries; there is nobody to tell.
    let _ = holdfast_telemetry::init(
        "relay",
        holdfast_telemetry::LogFormat::Pretty,
        holdfast_telemetry::DAEMON_FILTER,
    );
    Some(match relay::main(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            tracing::error!(%problem, "the gang relay has stopped");
            ExitCode::FAILURE
        }
    })
}

/// Ends everything an agent's directory runs, at once: relay, shims and tasks, as a loss of power would. The agent
/// itself is its caller's.
///
/// # Errors
///
/// Where the tasks cannot be listed.
pub fn kill_all(directory: &Utf8Path) -> Result<(), Problem> {
    if let Some(pid) = lock::holder(&directory.join("relay.lock")).and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    holdfast_runtime::kill_all(&directory.join("runtime")).map(|_| ()).map_err(|error| error.problem())
}

/// Runs an agent until SIGTERM or SIGINT; what its tasks do goes on. `exe` is the hosting program, which is started
/// again for the helper processes.
///
/// # Errors
///
/// Where it cannot start.
pub fn main_with_config(path: &Utf8Path, exe: Utf8PathBuf) -> Result<(), Problem> {
    let config = Config::load(path)?;
    let lock = lock::take(&config.path("agent.lock"))?;
    let Some(_lock) = lock else {
        return Err(failed(format!("another agent uses `{}`", config.directory)));
    };
    let runtime = Runtime::start(RuntimeOptions::new(config.path("runtime"), exe.clone()))
        .map_err(|error| error.problem())?;
    let executor = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("agent")
        .build()
        .map_err(|error| failed(error.to_string()))?;
    executor.block_on(run(config, path.to_owned(), exe, Arc::new(runtime)))
}

async fn run(
    config: Config,
    path: Utf8PathBuf,
    exe: Utf8PathBuf,
    runtime: Arc<Runtime>,
) -> Result<(), Problem> {
    let (identity, trust) = enrol::identity(&config).await?;
    let Principal::Node { name, jurisdiction } = identity.current().principal().clone() else {
        return Err(failed("its certificate is not that of a node"));
    };
    if name.as_str() != config.name {
        return Err(failed(format!(
            "its certificate names node `{name}`, its configuration `{}`",
            config.name
        )));
    }
    revoked::load(&config.directory, &trust);
    let node = Node { config, name, jurisdiction, identity, trust, runtime };
    let stop = CancellationToken::new();
    let mut jobs = JoinSet::new();
    node.start(&stop, &mut jobs).await?;
    jobs.spawn(keep_relay(
        node.config.path("relay.lock"),
        path,
        exe,
        node.config.path("relay.log"),
        stop.clone(),
    ));
    tracing::info!(node = %node.name, jurisdiction = %node.jurisdiction, "agent runs");
    let ended = until_told(&mut jobs).await;
    stop.cancel();
    jobs.shutdown().await;
    ended
}

async fn until_told(jobs: &mut JoinSet<()>) -> Result<(), Problem> {
    let handler = |kind| signal(kind).map_err(|error| failed(format!("handle signals: {error}")));
    let (mut terminate, mut interrupt) =
        (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        ended = jobs.join_next() => {
            let why = match ended {
                Some(Err(error)) => error.to_string(),
                _ => "a part of it ended".to_owned(),
            };
            Err(Problem::new(6205, ProblemKind::Failed, "the agent has stopped").because(why))
        }
    }
}

/// Sees to it that a relay runs; one that runs already is left alone.
async fn keep_relay(
    lock: Utf8PathBuf,
    config: Utf8PathBuf,
    exe: Utf8PathBuf,
    log: Utf8PathBuf,
    stop: CancellationToken,
) {
    loop {
        if lock::holder(&lock).is_none()
            && let Err(error) = spawn_relay(&config, &exe, &log)
        {
            tracing::error!(%error, "the gang relay cannot be started");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RELAY_LOOK) => {}
        }
    }
}

fn spawn_relay(config: &Utf8Path, exe: &Utf8Path, log: &Utf8Path) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    let log = std::fs::File::options().create(true).append(true).open(log)?;
    let mut child = Command::new(exe)
        .arg("__relay")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        // A group of its own: what is sent to the agent's is not meant for it.
        .process_group(0)
        .spawn()?;
    // Whoever starts a child has to take its end; the thread ends with it.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// The parts every job of the agent shares.
struct Node {
    config: Config,
    name: NodeName,
    jurisdiction: Jurisdiction,
    identity: IdentityHandle,
    trust: Trust,
    runtime: Arc<Runtime>,
}

impl Node {
    async fn start(&self, stop: &CancellationToken, jobs: &mut JoinSet<()>) -> Result<(), Problem> {
        let config = &self.config;
        let (inventory, devices) = machine::look(config)?;
        let law = Law::default();
        let news = Arc::new(Notify::new());
        let library = self.library(&law)?;
        let place = Place {
            library: library.clone(),
            law: law.clone(),
            directory: config.directory.clone(),
            node: self.name.clone(),
            jurisdiction: self.jurisdiction.clone(),
            simulated: config.simulated.is_some(),
            devices,
            decisions: Decisions::new(clock::now()),
        };
        let tasks = Arc::new(Tasks::new(Arc::clone(&self.runtime), place, Arc::clone(&news)));
        tasks.adopt()?;
        let (replicas, wanted) = watch::channel(Vec::new());
        self.listen(&library, &law, wanted.clone(), stop, jobs).await?;
        let tls = client_config(Some(&self.identity), &self.trust, Expect::Controller, Alpn::H2);
        let allegiance = Allegiance::load(&config.directory, &config.controllers)?;
        let client = ClusterClient::new(allegiance.addresses(), tls.map_err(|e| e.problem())?, PATIENCE);
        let slots = config.slots.clone().map(|slots| Slots::new(slots, &config.directory));
        let (system, wanted_system) = watch::channel(slots::Wanted::default());
        let rotation = Rotation {
            client: client.clone(),
            identity: self.identity.clone(),
            place: config.path("identity"),
        };
        let session = Session {
            config: config.clone(),
            client,
            allegiance,
            runtime: Arc::clone(&self.runtime),
            tasks: Arc::clone(&tasks),
            library: library.clone(),
            law,
            trust: self.trust.clone(),
            inventory,
            news: Arc::clone(&news),
            replicas,
            slots: slots.clone(),
            system,
        };
        if let Some(slots) = slots {
            let (library, news) = (library.clone(), Arc::clone(&news));
            jobs.spawn(slots::run(slots, library, wanted_system, news, stop.clone()));
        }
        jobs.spawn(session.run(stop.clone()));
        jobs.spawn(rotation.run(stop.clone()));
        jobs.spawn(tasks.watch(stop.clone()));
        jobs.spawn(replicate(library, wanted, news, stop.clone()));
        Ok(())
    }

    fn library(&self, law: &Law) -> Result<Library, Problem> {
        let views = self.config.path("views");
        for name in ["files", "images"] {
            let place = views.join(name);
            std::fs::create_dir_all(&place).map_err(|error| failed(format!("create `{place}`: {error}")))?;
            remove_partials(&place).map_err(|error| error.problem())?;
        }
        let store = BlobStore::open(&self.config.path("blobs")).map_err(|error| error.problem())?;
        Ok(Library::new(library::Parts {
            store,
            views,
            law: law.clone(),
            jurisdiction: self.jurisdiction.clone(),
            identity: self.identity.clone(),
            trust: self.trust.clone(),
        }))
    }

    async fn listen(
        &self,
        library: &Library,
        law: &Law,
        desired: watch::Receiver<Vec<holdfast_api::internal::ReplicaAssignment>>,
        stop: &CancellationToken,
        jobs: &mut JoinSet<()>,
    ) -> Result<(), Problem> {
        let address = &self.config.data_listen;
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Problem::new(6206, ProblemKind::Failed, format!("the agent cannot listen on {address}"))
                .because(error.to_string())
                .next("stop what uses the port, or set another `data_listen`")
        })?;
        let tls = server_config(
            &self.identity,
            &self.trust,
            KeyExchange::HybridOnly,
            ClientAuth::Required,
            Alpn::H2,
        )
        .map_err(|error| error.problem())?;
        let service = Service {
            library: library.clone(),
            law: law.clone(),
            jurisdiction: self.jurisdiction.clone(),
            runtime: Arc::clone(&self.runtime),
            desired,
            known: Arc::default(),
        };
        jobs.spawn(server::serve(
            listener,
            TlsAcceptor::from(tls),
            self.trust.clone(),
            service,
            stop.clone(),
        ));
        Ok(())
    }
}
