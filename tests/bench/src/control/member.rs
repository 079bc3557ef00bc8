//! One of our members as a process: raft behind etcd's calls, served and joined with the product's TLS and its channels.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use camino::Utf8Path;
use holdfast_identity::{
    Alpn, ClientAuth, HANDSHAKE_TIMEOUT, IdentityHandle, KeyExchange, Trust, server_config, tls_accept,
};
use holdfast_raft::{Member as RaftMember, Options, RaftNode, RpcKind};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tonic::codegen::Service as _;
use tonic::{Request, Response, Status};

use super::certs::Certs;
use super::peers::{KINDS, MAX_MESSAGE, Peers};
use crate::store::Store;
use crate::wire::kv::kv_server::{Kv, KvServer};
use crate::wire::kv::maintenance_server::{Maintenance, MaintenanceServer};
use crate::wire::kv::member_server::{Member, MemberServer};
use crate::wire::kv::{
    FiguresAnswer, FiguresRequest, KeyValue, MemberAnswer, MemberCall, MoveLeaderRequest, MoveLeaderResponse,
    PutRequest, PutResponse, RangeRequest, RangeResponse, ResponseHeader, SnapshotAnswer, SnapshotRequest,
    StatusRequest, StatusResponse,
};

/// The cluster that members of a race belong to.
pub(crate) const CLUSTER: &str = "bench";

/// Milliseconds since the epoch.
pub(crate) fn clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Runs a member until its standard input ends. The arguments are its number, its directory, the addresses of all, and the
/// directory of the certificates.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [id, directory, addresses, certs] = arguments else { bail!("not the arguments of a member") };
    let id: u64 = id.parse().context("the number of a member")?;
    let addresses: Vec<String> = addresses.split(',').map(str::to_owned).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
    let certs = Certs::at(Utf8Path::new(certs));
    let options = Options::new(id, CLUSTER, directory.as_str(), Arc::new(clock));
    runtime.block_on(async {
        let served = tokio::spawn(serve(options, addresses, certs));
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        tokio::select! {
            served = served => served.context("serve")?,
            _ = ended => Ok(()),
        }
    })
}

async fn serve(options: Options, addresses: Vec<String>, certs: Certs) -> Result<()> {
    let id = options.id;
    let members: Vec<RaftMember> = (1..)
        .zip(&addresses)
        .map(|(id, address)| RaftMember { id, address: address.clone(), name: format!("member-{id}") })
        .collect();
    let own = members.iter().find(|member| member.id == id).context("an address of its own")?;
    let (trust, identity) = (certs.trust()?, certs.identity(&own.name)?);
    let listener = TcpListener::bind(&own.address).await.context("listen")?;
    let network = Peers::new(identity.clone(), trust.clone());
    let node = RaftNode::open(options, Store::default(), network).await;
    let node = node.map_err(|error| anyhow!("open member {id}: {error}"))?;
    let faces = Faces::of(Service { id, node: node.clone() });
    let accepting = accept(listener, acceptor(&identity, &trust)?, faces);
    if id == 1 {
        node.bootstrap(members).await.map_err(|error| anyhow!("found: {error}"))?;
    }
    accepting.await
}

fn acceptor(identity: &IdentityHandle, trust: &Trust) -> Result<TlsAcceptor> {
    let config = server_config(identity, trust, KeyExchange::HybridOnly, ClientAuth::Required, Alpn::H2)?;
    Ok(TlsAcceptor::from(config))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, faces: Faces) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await.context("accept")?;
        tokio::spawn(connection(stream, acceptor.clone(), faces.clone()));
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, faces: Faces) -> Result<()> {
    stream.set_nodelay(true)?;
    let (stream, _peer) = tls_accept(stream, &acceptor, HANDSHAKE_TIMEOUT).await?;
    let service = hyper::service::service_fn(move |request| faces.clone().answer(request));
    let builder = http2::Builder::new(TokioExecutor::new());
    builder.serve_connection(TokioIo::new(stream), service).await?;
    Ok(())
}

/// What a member answers, by the path of the call.
#[derive(Clone)]
struct Faces {
    kv: KvServer<Service>,
    maintenance: MaintenanceServer<Service>,
    member: MemberServer<Service>,
}

impl Faces {
    fn of(service: Service) -> Self {
        let member = MemberServer::new(service.clone());
        Self {
            kv: KvServer::new(service.clone()),
            maintenance: MaintenanceServer::new(service),
            member: member.max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE),
        }
    }

    async fn answer(
        mut self,
        request: http::Request<Incoming>,
    ) -> Result<http::Response<tonic::body::Body>, std::convert::Infallible> {
        let path = request.uri().path();
        if path.starts_with("/etcdserverpb.KV/") {
            self.kv.call(request).await
        } else if path.starts_with("/etcdserverpb.Member/") {
            self.member.call(request).await
        } else {
            self.maintenance.call(request).await
        }
    }
}

#[derive(Clone)]
struct Service {
    id: u64,
    node: RaftNode<Store>,
}

impl Service {
    fn header(&self) -> Option<ResponseHeader> {
        Some(ResponseHeader { member_id: self.id, ..ResponseHeader::default() })
    }
}

fn unavailable(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

#[tonic::async_trait]
impl Kv for Service {
    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let put = request.into_inner();
        let mut command = put.key;
        command.extend(put.value);
        self.node.propose(command).await.map_err(unavailable)?;
        Ok(Response::new(PutResponse { header: self.header() }))
    }

    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let range = request.into_inner();
        if !range.serializable {
            self.node.read_barrier().await.map_err(unavailable)?;
        }
        let value = self.node.with(|store| store.get(&range.key).cloned());
        let kvs: Vec<KeyValue> =
            value.into_iter().map(|value| KeyValue { key: range.key.clone(), value: value.into() }).collect();
        let count = i64::try_from(kvs.len()).unwrap_or(i64::MAX);
        Ok(Response::new(RangeResponse { header: self.header(), kvs, count }))
    }
}

#[tonic::async_trait]
impl Maintenance for Service {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let proven = self.node.is_leader() && self.node.read_barrier().await.is_ok();
        let leader = if proven { self.id } else { 0 };
        Ok(Response::new(StatusResponse { header: self.header(), leader }))
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
        let heir = request.into_inner().target_id;
        self.node.transfer_leader(Some(heir)).await.map_err(unavailable)?;
        Ok(Response::new(MoveLeaderResponse { header: self.header() }))
    }
}

#[tonic::async_trait]
impl Member for Service {
    async fn call(&self, request: Request<MemberCall>) -> Result<Response<MemberAnswer>, Status> {
        let call = request.into_inner();
        let kind = usize::try_from(call.kind).ok().and_then(|kind| KINDS.get(kind).copied());
        let kind: RpcKind = kind.ok_or_else(|| Status::invalid_argument("kind"))?;
        let body = self.node.serve(kind, call.body).await.map_err(unavailable)?;
        Ok(Response::new(MemberAnswer { body }))
    }

    async fn figures(&self, _: Request<FiguresRequest>) -> Result<Response<FiguresAnswer>, Status> {
        let status = self.node.status();
        Ok(Response::new(FiguresAnswer {
            fsyncs: status.fsyncs,
            records: status.records,
            proposals: status.proposals,
            batches: status.batches,
            applied: status.applied.unwrap_or(0),
            snapshot_index: status.snapshot_index.unwrap_or(0),
        }))
    }

    async fn snapshot(&self, _: Request<SnapshotRequest>) -> Result<Response<SnapshotAnswer>, Status> {
        self.node.trigger_snapshot().await.map_err(unavailable)?;
        Ok(Response::new(SnapshotAnswer {}))
    }
}
