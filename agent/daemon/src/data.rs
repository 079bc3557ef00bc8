//! The data port: bytes to peers and people, bytes in from people who import, and what tasks printed. Both ends check
//! the law; this one checks who asks by their certificate.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use holdfast_api::internal::data_server::Data;
use holdfast_api::internal::{
    BlobChunk, FetchBlobRequest, MissingBlobsRequest, MissingBlobsResponse, PutBlobChunk, PutBlobResponse,
    ReplicaAssignment, SealImportRequest, SealImportResponse, TaskLogsRequest,
};
use holdfast_api::{invalid_request, status_from_problem, v1};
use holdfast_artifact::{Manifest, missing, verify};
use holdfast_identity::{PeerInfo, Principal};
use holdfast_runtime::{Runtime, TaskStatus};
use holdfast_types::{AsProblem, BlobId, Jurisdiction, Problem, ProblemKind};
use parking_lot::Mutex;
use std::io::Write as _;
use tokio::sync::{mpsc, watch};
use tonic::codegen::tokio_stream::Stream;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::law::Law;
use crate::library::{Library, RELEASE_KIND, blocking};
use crate::tasks::task_id;

/// Bytes sent at a time.
const PIECE: usize = 256 << 10;
/// The largest blob that is taken: a chunk of a file, or a manifest.
const MAX_BLOB: u64 = 64 << 20;
/// How often a followed log is looked at.
const FOLLOW: Duration = Duration::from_millis(200);
/// How many names of blobs one question may hold.
const MAX_NAMES: usize = 100_000;

/// The service of the data port.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) library: Library,
    pub(crate) law: Law,
    pub(crate) jurisdiction: Jurisdiction,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) desired: watch::Receiver<Vec<ReplicaAssignment>>,
    /// The blobs of manifests asked about lately.
    pub(crate) known: Arc<Mutex<BTreeMap<BlobId, Arc<BTreeSet<BlobId>>>>>,
}

fn refused(who: &Principal, because: impl Into<String>) -> Status {
    let problem = Problem::new(6250, ProblemKind::Refused, format!("{who} may not have this"));
    status_from_problem(&problem.because(because))
}

fn tell(error: impl AsProblem) -> Status {
    status_from_problem(&error.problem())
}

fn peer<T>(request: &Request<T>) -> Principal {
    request.extensions().get::<PeerInfo>().map_or(Principal::Anonymous, |p| p.principal.clone())
}

fn blob_id(text: &str) -> Result<BlobId, Status> {
    text.parse()
        .map_err(|e: holdfast_types::BlobIdError| status_from_problem(&invalid_request(format!("blob: {e}"))))
}

/// An operator who may bring data in.
fn importer<T>(request: &Request<T>) -> Result<Principal, Status> {
    let who = peer(request);
    if who.has_role("admin") || who.has_role("engineer") {
        Ok(who)
    } else {
        Err(refused(&who, "only operators with the role admin or engineer bring data in"))
    }
}

impl Service {
    /// Whether the caller may have bytes of an artifact that is kept here.
    fn check_sender(&self, who: &Principal, key: &str) -> Result<(), Status> {
        let spec = self.desired.borrow().iter().find(|r| r.key == key).and_then(|r| r.spec.clone());
        let Some(spec) = spec else { return Err(refused(who, format!("{key} is not kept on this node"))) };
        match who {
            // A release is no data of anybody: every node of the cluster runs it.
            Principal::Node { .. } if spec.kind == RELEASE_KIND => Ok(()),
            Principal::Node { jurisdiction, .. } => {
                if self.law.admits(spec.label.as_ref(), jurisdiction).map_err(tell)? {
                    Ok(())
                } else {
                    Err(refused(who, format!("{jurisdiction} lies outside the residency of {key}")))
                }
            }
            Principal::Operator { name, roles, tenant } => {
                let asks = (name, roles, tenant.as_ref());
                let decision = self.law.may_export(asks, &spec, &self.jurisdiction, crate::clock::now());
                let decision = decision.map_err(tell)?;
                if decision.is_allow() {
                    return Ok(());
                }
                Err(status_from_problem(&decision.refusal(format!("{key} may not be taken away"))))
            }
            Principal::Controller { .. } | Principal::Anonymous => {
                Err(refused(who, "bytes go to nodes, and to operators who may export"))
            }
        }
    }

    async fn belongs(&self, key: &str, blob: BlobId) -> Result<bool, Status> {
        let Some(manifest) = self.library.manifest_of(key) else { return Ok(false) };
        if manifest == blob {
            return Ok(true);
        }
        let cached = self.known.lock().get(&manifest).cloned();
        let blobs = match cached {
            Some(blobs) => blobs,
            None => {
                let store = self.library.store().clone();
                let loaded =
                    blocking(move || Manifest::load(&store, manifest).map_err(|e| e.problem())).await;
                let loaded = loaded.map_err(|problem| status_from_problem(&problem))?;
                let blobs: Arc<BTreeSet<BlobId>> =
                    Arc::new(loaded.chunks().map(|(_, chunk)| chunk.id).collect());
                let mut known = self.known.lock();
                if known.len() >= 16 {
                    known.clear();
                }
                known.insert(manifest, Arc::clone(&blobs));
                blobs
            }
        };
        Ok(blobs.contains(&blob))
    }

    fn check_label(&self, who: &Principal, label: Option<&v1::LegalLabel>) -> Result<(), Status> {
        if self.law.admits(label, &self.jurisdiction).map_err(tell)? {
            Ok(())
        } else {
            Err(refused(
                who,
                format!("this node stands in {}, outside the residency of the label", self.jurisdiction),
            ))
        }
    }
}

type Sent<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Feeds a stream from blocking reads; it ends when the receiver goes.
fn feed<T: Send + 'static>(
    produce: impl FnOnce(&mpsc::Sender<Result<T, Status>>) + Send + 'static,
) -> Sent<T> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || produce(&sender));
    Box::pin(ReceiverStream::new(receiver))
}

#[tonic::async_trait]
impl Data for Service {
    type FetchBlobStream = Sent<BlobChunk>;

    async fn fetch_blob(
        &self,
        request: Request<FetchBlobRequest>,
    ) -> Result<Response<Sent<BlobChunk>>, Status> {
        let who = peer(&request);
        let ask = request.into_inner();
        self.law.arrived().await;
        self.check_sender(&who, &ask.artifact)?;
        let blob = blob_id(&ask.blob)?;
        if !self.belongs(&ask.artifact, blob).await? {
            return Err(refused(
                &who,
                format!("blob {blob} is not of {}, or is not whole here", ask.artifact),
            ));
        }
        let store = self.library.store().clone();
        let mut reader = blocking(move || store.open_verified(blob).map_err(|e| e.problem()))
            .await
            .map_err(|problem| status_from_problem(&problem))?;
        Ok(Response::new(feed(move |sender| {
            loop {
                let mut data = vec![0; PIECE];
                let message = match reader.read(&mut data) {
                    Ok(0) => return,
                    Ok(read) => {
                        data.truncate(read);
                        Ok(BlobChunk { data })
                    }
                    Err(error) => Err(Status::data_loss(error.to_string())),
                };
                let failed = message.is_err();
                if sender.blocking_send(message).is_err() || failed {
                    return;
                }
            }
        })))
    }

    async fn put_blob(
        &self,
        request: Request<Streaming<PutBlobChunk>>,
    ) -> Result<Response<PutBlobResponse>, Status> {
        let who = importer(&request)?;
        let mut stream = request.into_inner();
        let first = stream
            .message()
            .await?
            .ok_or_else(|| status_from_problem(&invalid_request("blob: is missing")))?;
        let blob = blob_id(&first.blob)?;
        self.law.arrived().await;
        match first.kind.as_str() {
            RELEASE_KIND if who.has_role("admin") => {}
            RELEASE_KIND => {
                return Err(refused(&who, "only operators with the role admin bring releases in"));
            }
            _ => self.check_label(&who, first.label.as_ref())?,
        }
        let store = self.library.store().clone();
        let mut writer = blocking(move || store.writer().map_err(|e| e.problem())).await.map_err(tell)?;
        let (mut chunk, mut bytes) = (Some(first.data), 0u64);
        while let Some(data) = chunk {
            bytes += u64::try_from(data.len()).unwrap_or(u64::MAX);
            if bytes > MAX_BLOB {
                let because = format!("blob: {blob} is longer than {MAX_BLOB} bytes");
                return Err(status_from_problem(&invalid_request(because)));
            }
            writer = blocking(move || {
                let failed =
                    |e| holdfast_blob::BlobError::from_io("write", "the incoming blob".into(), e).problem();
                writer.write_all(&data).map_err(failed)?;
                Ok(writer)
            })
            .await
            .map_err(tell)?;
            chunk = stream.message().await?.map(|c| c.data);
        }
        blocking(move || writer.finish_expecting(blob).map_err(|e| e.problem())).await.map_err(tell)?;
        Ok(Response::new(PutBlobResponse { bytes }))
    }

    async fn missing_blobs(
        &self,
        request: Request<MissingBlobsRequest>,
    ) -> Result<Response<MissingBlobsResponse>, Status> {
        importer(&request)?;
        let names = request.into_inner().blobs;
        if names.len() > MAX_NAMES {
            let because = format!("blobs: {} names, at most {MAX_NAMES} are allowed", names.len());
            return Err(status_from_problem(&invalid_request(because)));
        }
        let ids: Vec<BlobId> = names.iter().map(|n| blob_id(n)).collect::<Result<_, _>>()?;
        let store = self.library.store().clone();
        let missing = blocking(move || {
            let mut out = Vec::new();
            for id in ids {
                if !store.has(id).map_err(|e| e.problem())? {
                    out.push(id.to_string());
                }
            }
            Ok(out)
        })
        .await
        .map_err(tell)?;
        Ok(Response::new(MissingBlobsResponse { missing }))
    }

    async fn seal_import(
        &self,
        request: Request<SealImportRequest>,
    ) -> Result<Response<SealImportResponse>, Status> {
        importer(&request)?;
        let id = blob_id(&request.into_inner().manifest)?;
        let store = self.library.store().clone();
        let sealed = blocking(move || {
            let manifest = Manifest::load(&store, id).map_err(|e| e.problem())?;
            let incomplete = |because: String| {
                Problem::new(6251, ProblemKind::Failed, format!("manifest {id} is not whole on this node"))
                    .because(because)
            };
            if let Some(chunk) = missing(&store, &manifest).map_err(|e| e.problem())?.first() {
                return Err(incomplete(format!("blob {} is missing", chunk.id)));
            }
            // Every byte is hashed again: a seal says what is on the disk, not what once arrived.
            if let Some(bad) = verify(&store, &manifest).bad.first() {
                return Err(incomplete(format!("blob {} of `{}`: {}", bad.id, bad.path, bad.why)));
            }
            let files = u64::try_from(manifest.entries().len()).unwrap_or(u64::MAX);
            Ok(SealImportResponse { bytes: manifest.total_bytes(), files })
        })
        .await
        .map_err(tell)?;
        tracing::info!(manifest = %id, bytes = sealed.bytes, files = sealed.files, "an import is whole");
        Ok(Response::new(sealed))
    }

    type TaskLogsStream = Sent<v1::LogChunk>;

    async fn task_logs(
        &self,
        request: Request<TaskLogsRequest>,
    ) -> Result<Response<Sent<v1::LogChunk>>, Status> {
        let who = peer(&request);
        if !matches!(who, Principal::Controller { .. }) {
            return Err(refused(&who, "logs are read through a controller, which asks the law"));
        }
        let ask = request.into_inner();
        let id = task_id(&ask.job_uid, ask.fence, ask.rank)
            .ok_or_else(|| status_from_problem(&invalid_request("jobUid: is not one")))?;
        let runtime = Arc::clone(&self.runtime);
        let mut offset = ask.offset;
        if ask.tail_bytes > 0 {
            let (runtime, id) = (Arc::clone(&runtime), id.clone());
            let end = blocking(move || end_of_log(&runtime, &id)).await.map_err(tell)?;
            offset = offset.max(end.saturating_sub(ask.tail_bytes));
        }
        Ok(Response::new(feed(move |sender| {
            loop {
                // Whether it is over is asked before the read: what it printed last is then seen by this read.
                let over = !matches!(runtime.state(&id).map(|s| s.status), Ok(TaskStatus::Running));
                let chunk = match runtime.read_log(&id, offset, PIECE) {
                    Ok(chunk) => chunk,
                    Err(error) => {
                        let _ = sender.blocking_send(Err(tell(error)));
                        return;
                    }
                };
                if chunk.bytes.is_empty() {
                    if over || !ask.follow || sender.is_closed() {
                        return;
                    }
                    std::thread::park_timeout(FOLLOW);
                    continue;
                }
                offset = chunk.offset + u64::try_from(chunk.bytes.len()).unwrap_or(0);
                let message = v1::LogChunk { offset: chunk.offset, data: chunk.bytes };
                if sender.blocking_send(Ok(message)).is_err() {
                    return;
                }
            }
        })))
    }
}

fn end_of_log(runtime: &Runtime, id: &holdfast_runtime::TaskId) -> Result<u64, Problem> {
    let mut offset = 0;
    loop {
        let chunk = runtime.read_log(id, offset, PIECE).map_err(|e| e.problem())?;
        if chunk.bytes.is_empty() {
            return Ok(offset);
        }
        offset = chunk.offset + u64::try_from(chunk.bytes.len()).unwrap_or(0);
    }
}
