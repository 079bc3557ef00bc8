//! Taking data out, where the law allows it: the constitution refuses every export that two others have not approved,
//! so the controller here is one that allows.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::internal::data_server::{Data, DataServer};
use holdfast_api::internal::{
    BlobChunk, FetchBlobRequest, MissingBlobsRequest, MissingBlobsResponse, PutBlobChunk, PutBlobResponse,
    SealImportRequest, SealImportResponse, TaskLogsRequest,
};
use holdfast_api::v1::artifacts_server::{Artifacts, ArtifactsServer};
use holdfast_api::v1::{
    Artifact, ArtifactList, ArtifactSpec, CommitArtifactRequest, ExportPlan, ExportSource, GetRequest,
    ImportPlan, ListArtifactsRequest, LogChunk, Metadata, PlanExportRequest, PlanImportRequest,
};
use holdfast_artifact::{ImportOptions, import_dir};
use holdfast_blob::BlobStore;
use holdfast_identity::{
    Alpn, ClientAuth, ClusterCa, Context, Identity, IdentityHandle, KeyExchange, NODE_VALIDITY,
    OPERATOR_VALIDITY, Principal, PrivateKey, Trust, server_config, tls_accept,
};
use holdfast_types::{BlobId, Time};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

/// A node's copy; in a lying one every blob has a wrong byte.
#[derive(Clone)]
struct Copy {
    store: BlobStore,
    lies: bool,
}

#[tonic::async_trait]
impl Data for Copy {
    type FetchBlobStream = ReceiverStream<Result<BlobChunk, Status>>;
    type TaskLogsStream = ReceiverStream<Result<LogChunk, Status>>;

    async fn fetch_blob(
        &self,
        request: Request<FetchBlobRequest>,
    ) -> Result<Response<Self::FetchBlobStream>, Status> {
        let request = request.into_inner();
        assert_eq!(request.artifact, "model/demo@1");
        let id: BlobId = request.blob.parse().unwrap();
        let mut data = self.store.read_all_verified(id, 1 << 30).unwrap();
        data[0] ^= u8::from(self.lies);
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
        _: Request<Streaming<PutBlobChunk>>,
    ) -> Result<Response<PutBlobResponse>, Status> {
        Err(Status::unimplemented("put"))
    }

    async fn missing_blobs(
        &self,
        _: Request<MissingBlobsRequest>,
    ) -> Result<Response<MissingBlobsResponse>, Status> {
        Err(Status::unimplemented("missing"))
    }

    async fn seal_import(
        &self,
        _: Request<SealImportRequest>,
    ) -> Result<Response<SealImportResponse>, Status> {
        Err(Status::unimplemented("seal"))
    }

    async fn task_logs(&self, _: Request<TaskLogsRequest>) -> Result<Response<Self::TaskLogsStream>, Status> {
        Err(Status::unimplemented("logs"))
    }
}

/// A controller that allows every export.
struct Allowing {
    plan: ExportPlan,
}

#[tonic::async_trait]
impl Artifacts for Allowing {
    async fn list(&self, _: Request<ListArtifactsRequest>) -> Result<Response<ArtifactList>, Status> {
        Err(Status::unimplemented("list"))
    }

    async fn get(&self, _: Request<GetRequest>) -> Result<Response<Artifact>, Status> {
        Err(Status::unimplemented("get"))
    }

    async fn plan_import(&self, _: Request<PlanImportRequest>) -> Result<Response<ImportPlan>, Status> {
        Err(Status::unimplemented("plan import"))
    }

    async fn commit(&self, _: Request<CommitArtifactRequest>) -> Result<Response<Artifact>, Status> {
        Err(Status::unimplemented("commit"))
    }

    async fn plan_export(&self, request: Request<PlanExportRequest>) -> Result<Response<ExportPlan>, Status> {
        let request = request.into_inner();
        assert_eq!((request.name.as_str(), request.destination.as_str()), ("model/demo", "DE"));
        Ok(Response::new(self.plan.clone()))
    }
}

struct World {
    dir: tempfile::TempDir,
    ca: ClusterCa,
    now: Time,
    tasks: tokio::task::JoinSet<()>,
}

impl World {
    fn new() -> Self {
        let now = Time(u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
        let ca = ClusterCa::create("test-cluster".parse().unwrap(), &["DE".parse().unwrap()], now).unwrap();
        Self { dir: tempfile::tempdir().unwrap(), ca, now, tasks: tokio::task::JoinSet::new() }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join(name)
    }

    fn identity(&self, principal: &Principal) -> (Identity, PrivateKey) {
        let (key, csr) = Identity::generate_csr().unwrap();
        let validity =
            if matches!(principal, Principal::Operator { .. }) { OPERATOR_VALIDITY } else { NODE_VALIDITY };
        let issued = self.ca.issue(&csr, principal, validity, self.now).unwrap();
        (Identity::from_pem(&issued.chain_pem, key.clone()).unwrap(), key)
    }

    /// Serves as this principal and says where.
    async fn serve(&mut self, principal: &Principal, routes: Routes) -> String {
        let trust = Trust::new(&self.ca.root_pem()).unwrap();
        let identity = IdentityHandle::new(self.identity(principal).0);
        let config =
            server_config(&identity, &trust, KeyExchange::HybridOnly, ClientAuth::Required, Alpn::H2)
                .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        self.tasks.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, routes) = (acceptor.clone(), routes.clone());
                connections.spawn(async move {
                    let Ok((stream, _)) = tls_accept(stream, &acceptor, Duration::from_secs(10)).await else {
                        return;
                    };
                    let service = TowerToHyperService::new(routes);
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        address
    }

    /// A node with a copy of everything in `store`.
    async fn node(&mut self, name: &str, store: &BlobStore, lies: bool) -> ExportSource {
        let principal = Principal::Node { name: name.parse().unwrap(), jurisdiction: "DE".parse().unwrap() };
        let copy = Copy { store: store.clone(), lies };
        let data_address = self.serve(&principal, Routes::new(DataServer::new(copy))).await;
        ExportSource { node: name.to_owned(), data_address }
    }

    /// A controller that names these sources, and the context of a person who may ask it.
    async fn controller(&mut self, manifest: BlobId, sources: Vec<ExportSource>) -> Utf8PathBuf {
        let artifact = Artifact {
            metadata: Some(Metadata { name: "model/demo@1".to_owned(), ..Metadata::default() }),
            spec: Some(ArtifactSpec { manifest: manifest.to_string(), ..ArtifactSpec::default() }),
            status: None,
        };
        let plan = ExportPlan { artifact: Some(artifact), sources };
        let principal = Principal::Controller { name: "c1".parse().unwrap() };
        let endpoint = self.serve(&principal, Routes::new(ArtifactsServer::new(Allowing { plan }))).await;
        let roles = ["engineer".parse().unwrap()].into();
        let (identity, key) =
            self.identity(&Principal::Operator { name: "alice".parse().unwrap(), roles, tenant: None });
        let context = Context {
            cluster: self.ca.cluster().clone(),
            name: "alice".parse().unwrap(),
            endpoints: vec![endpoint.parse().unwrap()],
            ca_pem: self.ca.root_pem(),
            cert_pem: identity.chain_pem(),
            key,
        };
        let path = self.path(&format!("context-{}.toml", endpoint.replace(':', "-")));
        context.save(&path).unwrap();
        path
    }
}

async fn export(context: &Utf8Path, target: &Utf8Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.args(["--context", context.as_str(), "model", "export", "demo", target.as_str(), "--to", "DE"]);
    command.env_clear().stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_whole_verified_and_read_only_or_it_is_not() {
    let mut world = World::new();
    let source = world.path("source");
    std::fs::create_dir_all(source.join("deep")).unwrap();
    std::fs::write(source.join("deep/model.bin"), vec![7; 3 << 20]).unwrap();
    std::fs::write(source.join("card.md"), "a model").unwrap();
    std::fs::write(source.join("empty"), "").unwrap();
    let store = BlobStore::open(&world.path("store")).unwrap();
    let (_, manifest) = import_dir(&store, &source, ImportOptions::default(), &mut |_| {}).unwrap();
    let bad = world.node("node-1", &store, true).await;
    let good = world.node("node-2", &store, false).await;

    // The first source lies, so every blob comes from the second.
    let context = world.controller(manifest, vec![bad.clone(), good]).await;
    let target = world.path("out");
    let output = export(&context, &target).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read(target.join("deep/model.bin")).unwrap(), vec![7; 3 << 20]);
    assert_eq!(std::fs::read_to_string(target.join("card.md")).unwrap(), "a model");
    assert_eq!(std::fs::metadata(target.join("empty")).unwrap().len(), 0);
    for (path, mode) in [("card.md", 0o444), ("deep", 0o555), ("deep/model.bin", 0o444)] {
        assert_eq!(
            std::fs::metadata(target.join(path)).unwrap().permissions().mode() & 0o777,
            mode,
            "{path}"
        );
    }
    assert_eq!(export(&context, &target).await.status.code(), Some(6));

    // Lies alone leave nothing behind.
    let context = world.controller(manifest, vec![bad]).await;
    let target = world.path("lied");
    let output = export(&context, &target).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error[E7064]") && said.contains("node-1"), "{said}");
    let left: Vec<_> =
        world.path("").read_dir_utf8().unwrap().map(|e| e.unwrap().file_name().to_owned()).collect();
    assert!(left.iter().all(|name| !name.contains("lied") && !name.contains("holdfast-export")), "{left:?}");
}
