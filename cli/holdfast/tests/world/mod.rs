//! A real controller, hosted by the program itself, and a node that is played by the test: it keeps blobs, and sends
//! bad ones when it is told to.

use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::internal::agent_session_client::AgentSessionClient;
use holdfast_api::internal::data_server::{Data, DataServer};
use holdfast_api::internal::enrolment_client::EnrolmentClient;
use holdfast_api::internal::{
    BlobChunk, EnrolRequest, FetchBlobRequest, MissingBlobsRequest, MissingBlobsResponse, PutBlobChunk,
    PutBlobResponse, SealImportRequest, SealImportResponse, SyncRequest, TaskLogsRequest,
};
use holdfast_api::v1::{LogChunk, NodeInventory};
use holdfast_artifact::Manifest;
use holdfast_blob::BlobStore;
use holdfast_client::ClusterClient;
use holdfast_controller::{FoundController, FoundOperator, FoundOptions, found};
use holdfast_identity::{
    Alpn, ClientAuth, Expect, Identity, IdentityHandle, JoinToken, KeyExchange, Trust, client_config,
    client_config_pinned, server_config, tls_accept,
};
use holdfast_policy::packs;
use holdfast_types::{BlobId, Span, Time};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// How long a condition may take to hold.
const PATIENCE: Duration = Duration::from_secs(30);

/// A controller and a directory for everything.
pub(crate) struct World {
    dir: tempfile::TempDir,
    address: String,
    controller: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.controller.kill();
        let _ = self.controller.wait();
    }
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

impl World {
    /// Founds a cluster of one controller and starts it.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        found(&FoundOptions {
            cluster_name: "test".to_owned(),
            lease: Span::from_secs(5),
            controllers: vec![FoundController {
                name: "controller-1".to_owned(),
                directory: root.join("c"),
                listen: address.clone(),
            }],
            jurisdictions: vec!["DE".parse().unwrap()],
            law: packs::DEMO.law.to_owned(),
            tenant_policies: packs::DEMO.tenant.to_owned(),
            operators: vec![FoundOperator {
                name: "admin".to_owned(),
                roles: vec!["admin".to_owned(), "engineer".to_owned()],
                tenant: None,
                context: root.join("context.toml"),
            }],
            now: Time(u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()),
        })
        .unwrap();
        let config = root.join("c/controller.toml");
        let log = std::fs::File::create(root.join("log")).unwrap();
        let controller = program(&["__controller", "--config", config.as_str()]).stderr(log).spawn().unwrap();
        Self { dir, address, controller }
    }

    /// Where the controller listens.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// A path in the directory.
    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join(name)
    }

    /// Runs `holdfast` with the operator's context; the test's node goes on meanwhile.
    pub(crate) async fn run(&self, args: &[&str]) -> Output {
        let mut command = program(args);
        command.env("HOLDFAST_CONTEXT", self.path("context.toml"));
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// As [`World::run`], for what must end with this code; says stdout and stderr.
    pub(crate) async fn ends(&self, code: i32, args: &[&str]) -> (String, String) {
        let output = self.run(args).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{stdout}\n{stderr}");
        (stdout, stderr)
    }

    /// Joins a node and waits until it is ready.
    pub(crate) async fn join(&self, name: &str) -> Node {
        let (token, _) =
            self.ends(0, &["node", "token", "--jurisdiction", "DE", "--site", "berlin", "--approve"]).await;
        let node = Node::start(&self.address, name, token.trim(), &self.path(name)).await;
        let began = Instant::now();
        loop {
            let (list, _) = self.ends(0, &["node", "list"]).await;
            if list.contains(&format!("{name}  DE")) && list.contains("Ready") && node.is_known(self).await {
                return node;
            }
            assert!(began.elapsed() < PATIENCE, "{list}");
            tokio::task::yield_now().await;
        }
    }
}

/// A node as far as the command line sees it.
pub(crate) struct Node {
    name: String,
    address: String,
    lies: Arc<AtomicBool>,
    _tasks: tokio::task::JoinSet<()>,
}

#[derive(Clone)]
struct Blobs {
    store: BlobStore,
    lies: Arc<AtomicBool>,
}

impl Node {
    async fn start(controller: &str, name: &str, text: &str, dir: &Utf8Path) -> Self {
        let token = JoinToken::parse(text).unwrap();
        let (config, root) = client_config_pinned(token.root(), Alpn::H2).unwrap();
        let client = ClusterClient::new(vec![controller.to_owned()], config, PATIENCE);
        let (key, csr_pem) = Identity::generate_csr().unwrap();
        let token = text.to_owned();
        let request = EnrolRequest { token, node: name.to_owned(), csr_pem, ..EnrolRequest::default() };
        let call = |channel| {
            let request = request.clone();
            async move { EnrolmentClient::new(channel).enrol(request).await }
        };
        let answer = client.call(call).await.unwrap();
        let identity = IdentityHandle::new(Identity::from_pem(&answer.chain_pem, key).unwrap());
        let trust = Trust::new(root.pem().unwrap()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let lies = Arc::new(AtomicBool::new(false));
        let blobs = Blobs { store: BlobStore::open(dir).unwrap(), lies: Arc::clone(&lies) };
        let mut tasks = tokio::task::JoinSet::new();
        let server =
            server_config(&identity, &trust, KeyExchange::HybridOnly, ClientAuth::Required, Alpn::H2)
                .unwrap();
        tasks.spawn(serve(listener, tokio_rustls::TlsAcceptor::from(server), blobs));
        let config = client_config(Some(&identity), &trust, Expect::Controller, Alpn::H2).unwrap();
        tasks.spawn(report(
            ClusterClient::new(vec![controller.to_owned()], config, PATIENCE),
            address.clone(),
        ));
        Self { name: name.to_owned(), address, lies, _tasks: tasks }
    }

    /// From now on every blob it sends has a wrong byte, and it reports a file less than it has.
    pub(crate) fn lie(&self) {
        self.lies.store(true, Ordering::SeqCst);
    }

    async fn is_known(&self, world: &World) -> bool {
        world.ends(0, &["node", "show", &self.name]).await.0.contains(&self.address)
    }
}

async fn report(client: ClusterClient, data_address: String) {
    let (mut known_desired, mut bundle) = (String::new(), String::new());
    loop {
        let request = SyncRequest {
            known_desired: known_desired.clone(),
            inventory: Some(NodeInventory {
                cpu_millis: 8_000,
                memory_bytes: 8 << 30,
                ..NodeInventory::default()
            }),
            data_address: data_address.clone(),
            bundle: bundle.clone(),
            ..SyncRequest::default()
        };
        let call = |channel| {
            let request = request.clone();
            async move { AgentSessionClient::new(channel).sync(request).await }
        };
        if let Ok(answer) = client.call(call).await {
            let told = answer.told().unwrap();
            bundle = told.and_then(|told| told.bundle).map_or(bundle, |law| law.hash);
            known_desired = answer.desired_hash;
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, acceptor: tokio_rustls::TlsAcceptor, blobs: Blobs) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, blobs) = (acceptor.clone(), blobs.clone());
        connections.spawn(async move {
            let Ok((stream, _)) = tls_accept(stream, &acceptor, PATIENCE).await else { return };
            let service = TowerToHyperService::new(tonic::service::Routes::new(DataServer::new(blobs)));
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn id(text: &str) -> Result<BlobId, Status> {
    text.parse().map_err(|error: holdfast_types::BlobIdError| Status::invalid_argument(error.to_string()))
}

#[tonic::async_trait]
impl Data for Blobs {
    type FetchBlobStream = ReceiverStream<Result<BlobChunk, Status>>;
    type TaskLogsStream = ReceiverStream<Result<LogChunk, Status>>;

    async fn fetch_blob(
        &self,
        request: Request<FetchBlobRequest>,
    ) -> Result<Response<Self::FetchBlobStream>, Status> {
        let mut data = self.store.read_all_verified(id(&request.into_inner().blob)?, 1 << 30).unwrap();
        if self.lies.load(Ordering::SeqCst) {
            data[0] ^= 1;
        }
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let chunks: Vec<_> = data.chunks(1 << 16).map(<[u8]>::to_vec).collect();
        tokio::spawn(async move {
            for data in chunks {
                if sender.send(Ok(BlobChunk { data })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn put_blob(
        &self,
        request: Request<Streaming<PutBlobChunk>>,
    ) -> Result<Response<PutBlobResponse>, Status> {
        let mut chunks = request.into_inner();
        let mut writer = self.store.writer().unwrap();
        let mut expected = None;
        while let Some(chunk) = chunks.message().await? {
            if expected.is_none() {
                assert_eq!(chunk.label.unwrap().residency, ["DE"]);
                expected = Some(id(&chunk.blob)?);
            } else {
                assert!(chunk.blob.is_empty(), "the header comes once");
            }
            std::io::Write::write_all(&mut writer, &chunk.data).unwrap();
        }
        let bytes =
            writer.finish_expecting(expected.unwrap()).map_err(|e| Status::data_loss(e.to_string()))?;
        Ok(Response::new(PutBlobResponse { bytes }))
    }

    async fn missing_blobs(
        &self,
        request: Request<MissingBlobsRequest>,
    ) -> Result<Response<MissingBlobsResponse>, Status> {
        let mut missing = request.into_inner().blobs;
        missing.retain(|blob| !self.store.has(id(blob).unwrap()).unwrap());
        Ok(Response::new(MissingBlobsResponse { missing }))
    }

    async fn seal_import(
        &self,
        request: Request<SealImportRequest>,
    ) -> Result<Response<SealImportResponse>, Status> {
        let manifest = Manifest::load(&self.store, id(&request.into_inner().manifest)?).unwrap();
        let report = holdfast_artifact::verify(&self.store, &manifest);
        assert!(report.bad.is_empty(), "{report:?}");
        let lost = u64::from(self.lies.load(Ordering::SeqCst));
        let files = u64::try_from(manifest.entries().len()).unwrap() - lost;
        Ok(Response::new(SealImportResponse { bytes: manifest.total_bytes(), files }))
    }

    async fn task_logs(&self, _: Request<TaskLogsRequest>) -> Result<Response<Self::TaskLogsStream>, Status> {
        Err(Status::not_found("no task runs here"))
    }
}
