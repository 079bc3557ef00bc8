//! A cluster of which only the agent is real: a controller and peers that do as a test tells them, over real mutual TLS.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::internal::agent_session_server::{AgentSession, AgentSessionServer};
use holdfast_api::internal::data_client::DataClient;
use holdfast_api::internal::enrolment_server::{Enrolment, EnrolmentServer};
use holdfast_api::internal::{
    Desired, EnrolRequest, EnrolResponse, RenewRequest, ReplicaAssignment, ReplicaSource, RotateRequest,
    SyncRequest, SyncResponse,
};
use holdfast_api::v1;
use holdfast_artifact::{ImportOptions, import_dir};
use holdfast_blob::BlobStore;
use holdfast_identity::{
    Alpn, ClientAuth, ClusterCa, Expect, HANDSHAKE_TIMEOUT, Identity, IdentityHandle, JoinToken, KeyExchange,
    Principal, Trust, client_config, server_config, tls_accept,
};
use holdfast_policy::packs;
use holdfast_types::{Span, Time};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tower::ServiceExt as _;

pub(crate) mod peer;

/// What the controller calls whatever it was told.
const SAID: &[u8] = b"said";
/// How long an answer is held, as real controllers do.
const HOLD: Duration = Duration::from_secs(1);
/// The longest a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Time(u64::try_from(since.as_millis()).unwrap())
}

/// What the controller answers to a request for a new certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    Signs,
    NeverAnswers,
}

/// What the controller was told, and what it tells.
#[derive(Default)]
struct Told {
    enrolled: Vec<EnrolRequest>,
    last: SyncRequest,
    /// Answers that reached their end; one that the agent cut short is none.
    answered: Vec<Instant>,
    /// How often it was asked without being told all again.
    renewed: usize,
    /// How often it was told all.
    told: usize,
    /// The next renewal is not understood.
    forgetful: bool,
    rotations: u64,
    desired: Desired,
    version: u64,
}

struct Shared {
    ca: ClusterCa,
    token: String,
    rotation: Rotation,
    told: Mutex<Told>,
    changed: watch::Sender<u64>,
}

#[derive(Clone)]
struct Controller(Arc<Shared>);

impl Controller {
    fn bump(&self) {
        self.0.changed.send_modify(|n| *n += 1);
    }

    fn certify(&self, csr: &str, node: &str) -> Result<String, Status> {
        let principal = Principal::Node { name: node.parse().unwrap(), jurisdiction: "DE".parse().unwrap() };
        let issued = self.0.ca.issue(csr, &principal, Span::from_secs(3_600), now());
        issued.map(|i| i.chain_pem).map_err(|error| Status::internal(error.to_string()))
    }
}

#[tonic::async_trait]
impl Enrolment for Controller {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let ask = request.into_inner();
        if ask.token != self.0.token {
            return Err(Status::permission_denied("not the token"));
        }
        let chain_pem = self.certify(&ask.csr_pem, &ask.node)?;
        self.0.told.lock().enrolled.push(ask);
        let (cluster_id, jurisdiction) = ("fake".to_owned(), "DE".to_owned());
        Ok(Response::new(EnrolResponse { chain_pem, cluster_id, jurisdiction }))
    }
}

impl Controller {
    /// Answers when something changes, or in the end.
    async fn held(&self, ask: SyncRequest) -> Result<Response<SyncResponse>, Status> {
        self.bump();
        let mut changed = self.0.changed.subscribe();
        let held = tokio::time::sleep(HOLD);
        tokio::pin!(held);
        loop {
            let (hash, mut desired) = {
                let told = self.0.told.lock();
                (format!("desired-{}", told.version), told.desired.clone())
            };
            let has_law = desired.bundle.as_ref().is_none_or(|b| b.hash == ask.bundle);
            let is_news = hash != ask.known_desired || !has_law;
            if has_law {
                desired.bundle = None;
            }
            let over = is_news
                || tokio::select! {
                    () = held.as_mut() => true,
                    _ = changed.changed() => false,
                };
            if over {
                self.0.told.lock().answered.push(Instant::now());
                self.bump();
                let desired = is_news.then(|| desired.encode_to_vec());
                let (lease_ms, decisions_recorded) = (6_000, 0);
                let desired_hash = hash;
                let said = if is_news { Vec::new() } else { SAID.to_vec() };
                return Ok(Response::new(SyncResponse {
                    desired_hash,
                    desired,
                    lease_ms,
                    decisions_recorded,
                    said,
                    ..SyncResponse::default()
                }));
            }
        }
    }
}

#[tonic::async_trait]
impl AgentSession for Controller {
    async fn sync(&self, request: Request<SyncRequest>) -> Result<Response<SyncResponse>, Status> {
        let ask = request.into_inner();
        {
            let mut told = self.0.told.lock();
            (told.last, told.told) = (ask.clone(), told.told + 1);
        }
        self.held(ask).await
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<SyncResponse>, Status> {
        let renew = request.into_inner();
        let again = {
            let mut told = self.0.told.lock();
            told.renewed += 1;
            let known = renew.said == SAID && !std::mem::take(&mut told.forgetful);
            known.then(|| told.last.clone())
        };
        match again {
            Some(said) => self.held(said).await,
            None => Ok(Response::new(SyncResponse { say_again: true, ..SyncResponse::default() })),
        }
    }

    async fn rotate(&self, request: Request<RotateRequest>) -> Result<Response<EnrolResponse>, Status> {
        self.0.told.lock().rotations += 1;
        self.bump();
        if self.0.rotation == Rotation::NeverAnswers {
            std::future::pending::<()>().await;
        }
        let chain_pem = self.certify(&request.into_inner().csr_pem, "de-1")?;
        let (cluster_id, jurisdiction) = ("fake".to_owned(), "DE".to_owned());
        Ok(Response::new(EnrolResponse { chain_pem, cluster_id, jurisdiction }))
    }
}

/// Serves until the test's runtime ends.
async fn serve(routes: Routes, identity: IdentityHandle, trust: Trust, auth: ClientAuth) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tls = server_config(&identity, &trust, KeyExchange::HybridOnly, auth, Alpn::H2).unwrap();
    let (acceptor, routes) = (TlsAcceptor::from(tls), routes.prepare());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, routes) = (acceptor.clone(), routes.clone());
            tokio::spawn(async move {
                let Ok((stream, _)) = tls_accept(stream, &acceptor, HANDSHAKE_TIMEOUT).await else { return };
                let service = hyper::service::service_fn(move |request: http::Request<_>| {
                    routes.clone().oneshot(request.map(tonic::body::Body::new))
                });
                let _ =
                    Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// A cluster with one agent to be tried.
pub(crate) struct World {
    _temporary: tempfile::TempDir,
    pub(crate) directory: Utf8PathBuf,
    pub(crate) store: BlobStore,
    controller: Controller,
    trust: Trust,
    agent: Option<Child>,
    data: String,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
        let _ = holdfast_agent::kill_all(&self.directory.join("node"));
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.join("log"));
            eprintln!("--- what the agent said ---\n{}", log.unwrap_or_default());
        }
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl World {
    /// A controller that listens, and the configuration of a node that has a join token.
    pub(crate) async fn new(rotation: Rotation) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        let store = BlobStore::open(&directory.join("elsewhere")).unwrap();
        let before = Time(now().0 - 2 * 3_600_000);
        let jurisdictions = ["DE", "FR"].map(|j| j.parse().unwrap());
        let ca = ClusterCa::create("fake".parse().unwrap(), &jurisdictions, before).unwrap();
        let trust = Trust::new(&ca.root_pem()).unwrap();
        let token = JoinToken::create(trust.root_pin()).unwrap().to_text().to_string();
        let told = Mutex::new(Told {
            desired: Desired { bundle: Some(law()), ..Desired::default() },
            ..Told::default()
        });
        let (changed, _) = watch::channel(0);
        let controller = Controller(Arc::new(Shared { ca, token, rotation, told, changed }));
        let mut world = Self {
            _temporary: temporary,
            directory,
            store,
            controller,
            trust,
            agent: None,
            data: String::new(),
        };
        let who = Principal::Controller { name: "controller-1".parse().unwrap() };
        let identity = IdentityHandle::new(world.identity(&who, now()));
        let routes = Routes::new(AgentSessionServer::new(world.controller.clone()))
            .add_service(EnrolmentServer::new(world.controller.clone()));
        let address = serve(routes, identity, world.trust.clone(), ClientAuth::Optional).await;
        world.configure(&address);
        world
    }

    /// A certificate, as if it had been issued at a moment for an hour.
    pub(crate) fn identity(&self, who: &Principal, at: Time) -> Identity {
        let (key, csr) = Identity::generate_csr().unwrap();
        let issued = self.controller.0.ca.issue(&csr, who, Span::from_secs(3_600), at).unwrap();
        Identity::from_pem(&issued.chain_pem, key).unwrap()
    }

    fn configure(&mut self, controller: &str) {
        let node = self.directory.join("node");
        self.data = format!("127.0.0.1:{}", free_port());
        let token = self.directory.join("token");
        std::fs::write(&token, &self.controller.0.token).unwrap();
        let text = format!(
            "directory = \"{node}\"\nname = \"de-1\"\ncontrollers = [\"{controller}\"]\n\
             data_listen = \"{}\"\nrelay_listen = \"127.0.0.1:{}\"\njoin_token_file = \"{token}\"\n\
             cores = \"1\"\nmemory = \"1GiB\"\n",
            self.data,
            free_port()
        );
        std::fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn config(&self) -> Utf8PathBuf {
        self.directory.join("agent.toml")
    }

    /// Gives the node a certificate that was issued at a moment, so that it need not join.
    pub(crate) fn joined_at(&self, at: Time) {
        let who = Principal::Node { name: "de-1".parse().unwrap(), jurisdiction: "DE".parse().unwrap() };
        let place = self.directory.join("node/identity");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("roots.pem"), self.trust.roots_pem()).unwrap();
        self.identity(&who, at).save(&place.join("chain.pem"), &place.join("key.pem")).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast-agent"));
        command.arg("--config").arg(self.config()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    pub(crate) fn start(&mut self) {
        let log =
            std::fs::File::options().create(true).append(true).open(self.directory.join("log")).unwrap();
        self.agent = Some(self.command().stderr(log).spawn().unwrap());
    }

    /// The data port of the agent, as an engineer reaches it.
    pub(crate) fn data_port(&self) -> DataClient<Channel> {
        let roles = ["engineer"].iter().map(|r| r.parse().unwrap()).collect();
        let who = Principal::Operator { name: "alice".parse().unwrap(), roles, tenant: None };
        let identity = IdentityHandle::new(self.identity(&who, now()));
        let tls = client_config(Some(&identity), &self.trust, Expect::AnyNode, Alpn::H2).unwrap();
        DataClient::new(holdfast_client::lazy_channel(&self.data, &tls).unwrap())
    }

    /// Changes what should be.
    pub(crate) fn want(&self, change: impl FnOnce(&mut Desired)) {
        let mut told = self.controller.0.told.lock();
        change(&mut told.desired);
        told.version += 1;
        drop(told);
        self.controller.bump();
    }

    /// How often the controller was told all, and how often that it is as it was.
    pub(crate) fn told(&self) -> (usize, usize) {
        let told = self.controller.0.told.lock();
        (told.told, told.renewed)
    }

    /// Lets the controller forget what it was told.
    pub(crate) fn forget(&self) {
        self.controller.0.told.lock().forgetful = true;
    }

    pub(crate) fn last(&self) -> SyncRequest {
        self.controller.0.told.lock().last.clone()
    }

    pub(crate) fn answered(&self) -> usize {
        self.controller.0.told.lock().answered.len()
    }

    /// The longest the agent was without an answer, from its first one to now.
    pub(crate) fn longest_silence(&self) -> Duration {
        let mut at = self.controller.0.told.lock().answered.clone();
        at.push(Instant::now());
        at.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default()
    }

    pub(crate) fn rotations(&self) -> u64 {
        self.controller.0.told.lock().rotations
    }

    pub(crate) fn enrolled(&self) -> usize {
        self.controller.0.told.lock().enrolled.len()
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let mut changed = self.controller.0.changed.subscribe();
        let waiting = async {
            loop {
                changed.borrow_and_update();
                if is_so(self) {
                    return;
                }
                changed.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "waited in vain until {what}; last heard: {:?}", self.last());
    }

    /// A dataset with one file of these bytes, which this node is to keep, from these peers.
    pub(crate) fn dataset(
        &self,
        name: &str,
        residency: &str,
        text: &str,
        from: &[&peer::Peer],
    ) -> ReplicaAssignment {
        let place = self.directory.join("made").join(name);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("file"), text).unwrap();
        let (_, id) = import_dir(&self.store, &place, ImportOptions::default(), &mut |_| {}).unwrap();
        ReplicaAssignment {
            key: format!("dataset/{name}@1"),
            spec: Some(v1::ArtifactSpec {
                kind: "dataset".to_owned(),
                name: name.to_owned(),
                version: 1,
                manifest: id.to_string(),
                tenant: "lab".to_owned(),
                owner: "alice".to_owned(),
                label: Some(v1::LegalLabel {
                    labels: vec!["personal".to_owned()],
                    residency: vec![residency.to_owned()],
                    purposes: vec!["research".to_owned()],
                    level: 0,
                }),
                ..v1::ArtifactSpec::default()
            }),
            sources: from
                .iter()
                .map(|p| ReplicaSource { node: p.name.clone(), data_address: p.address.clone() })
                .collect(),
        }
    }
}

/// The law of the demo, as controllers hand it out.
pub(crate) fn law() -> v1::PolicyBundle {
    v1::PolicyBundle {
        hash: packs::DEMO.hash().to_string(),
        schema: packs::DEMO.schema.to_owned(),
        constitution: packs::DEMO.constitution.to_owned(),
        tenant: packs::DEMO.tenant.to_owned(),
        law: packs::DEMO.law.to_owned(),
        ..v1::PolicyBundle::default()
    }
}

/// How often each artifact was asked for.
pub(crate) type Asked = Arc<Mutex<BTreeMap<String, u64>>>;

pub(crate) fn keys(replicas: &[ReplicaAssignment]) -> BTreeSet<String> {
    replicas.iter().map(|r| r.key.clone()).collect()
}

pub(crate) fn exists(path: &Utf8Path) -> bool {
    path.symlink_metadata().is_ok()
}
