//! One of our members as a process: raft behind etcd's calls.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use camino::Utf8PathBuf;
use futures::future::BoxFuture;
use holdfast_raft::{Member as RaftMember, Network, NetworkError, Options, RaftNode, RpcKind};
use parking_lot::Mutex;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

use crate::store::Store;
use crate::wire::kv::kv_server::{Kv, KvServer};
use crate::wire::kv::maintenance_server::{Maintenance, MaintenanceServer};
use crate::wire::kv::member_client::MemberClient;
use crate::wire::kv::member_server::{Member, MemberServer};
use crate::wire::kv::{
    KeyValue, MemberAnswer, MemberCall, PutRequest, PutResponse, RangeRequest, RangeResponse, ResponseHeader,
    StatusRequest, StatusResponse,
};

/// The largest message between members.
const MAX_MESSAGE: usize = 32 << 20;
const KINDS: [RpcKind; 3] = [RpcKind::Append, RpcKind::Vote, RpcKind::InstallSnapshot];

/// Runs a member until its standard input ends.
///
/// # Errors
///
/// Where it cannot start.
pub fn run(id: u64, directory: Utf8PathBuf, addresses: &[String]) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
    runtime.block_on(async {
        let served = tokio::spawn(serve(id, directory, addresses.to_vec()));
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        tokio::select! {
            served = served => served.context("serve")?,
            _ = ended => Ok(()),
        }
    })
}

async fn serve(id: u64, directory: Utf8PathBuf, addresses: Vec<String>) -> Result<()> {
    let members: Vec<RaftMember> = (1..)
        .zip(&addresses)
        .map(|(id, address)| RaftMember { id, address: address.clone(), name: format!("member-{id}") })
        .collect();
    let own = members.iter().find(|member| member.id == id).context("an address of its own")?;
    let address = own.address.parse().context("a socket address")?;
    let clock = Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    });
    let options = Options::new(id, "bench", directory, clock);
    let node = RaftNode::open(options, Store::default(), Wires::default()).await;
    let node = node.map_err(|error| anyhow!("open member {id}: {error}"))?;
    let service = Service { id, node: node.clone() };
    let server = Server::builder()
        .tcp_nodelay(true)
        .add_service(KvServer::new(service.clone()))
        .add_service(MaintenanceServer::new(service.clone()))
        .add_service(
            MemberServer::new(service)
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE),
        )
        .serve(address);
    if id == 1 {
        node.bootstrap(members).await.map_err(|error| anyhow!("found: {error}"))?;
    }
    server.await.context("answer")
}

/// Connections to the other members.
#[derive(Default)]
struct Wires {
    channels: Mutex<BTreeMap<String, Channel>>,
}

impl Wires {
    fn channel(&self, address: &str) -> Result<Channel, NetworkError> {
        let mut channels = self.channels.lock();
        if let Some(channel) = channels.get(address) {
            return Ok(channel.clone());
        }
        let endpoint = Endpoint::from_shared(format!("http://{address}"));
        let endpoint = endpoint.map_err(|error| NetworkError::Unreachable(error.to_string()))?;
        let channel = endpoint.tcp_nodelay(true).connect_lazy();
        channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }
}

impl Network for Wires {
    fn call(
        &self,
        target: &RaftMember,
        rpc: RpcKind,
        body: Vec<u8>,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, NetworkError>> {
        let channel = self.channel(&target.address);
        let kind = KINDS.iter().zip(0..).find(|(kind, _)| **kind == rpc).map_or(0, |(_, number)| number);
        Box::pin(async move {
            let client = MemberClient::new(channel?);
            let mut client =
                client.max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE);
            let answer = tokio::time::timeout(timeout, client.call(MemberCall { kind, body })).await;
            let answer = answer.map_err(|_| NetworkError::Timeout)?;
            answer
                .map(|answer| answer.into_inner().body)
                .map_err(|status| NetworkError::Unreachable(status.message().to_owned()))
        })
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
        let value = self.node.with(|store| store.values.get(&range.key).cloned());
        let kvs: Vec<KeyValue> =
            value.into_iter().map(|value| KeyValue { key: range.key.clone(), value }).collect();
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
}

#[tonic::async_trait]
impl Member for Service {
    async fn call(&self, request: Request<MemberCall>) -> Result<Response<MemberAnswer>, Status> {
        let call = request.into_inner();
        let kind = usize::try_from(call.kind).ok().and_then(|kind| KINDS.get(kind).copied());
        let kind = kind.ok_or_else(|| Status::invalid_argument("kind"))?;
        let body = self.node.serve(kind, call.body).await.map_err(unavailable)?;
        Ok(Response::new(MemberAnswer { body }))
    }
}
