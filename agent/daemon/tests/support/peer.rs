//! Another node, which has what the test made and is honest or not.

use std::time::Duration;

use holdfast_api::internal::data_server::{Data, DataServer};
use holdfast_api::internal::{
    BlobChunk, FetchBlobRequest, MissingBlobsRequest, MissingBlobsResponse, PutBlobChunk, PutBlobResponse,
    SealImportRequest, SealImportResponse, TaskLogsRequest,
};
use holdfast_api::v1;
use holdfast_blob::BlobStore;
use holdfast_identity::{ClientAuth, IdentityHandle, Principal};
use tonic::codegen::tokio_stream::{Iter, iter};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use super::{Asked, World, now, serve};

/// How a peer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Gives what it is asked for.
    Honest,
    /// Changes a byte of everything.
    Liar,
    /// Is honest, and takes a while for each blob.
    Slow(Duration),
    /// Has nothing.
    Empty,
}

/// A node that is only a data port.
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) asked: Asked,
}

#[derive(Clone)]
struct Port {
    store: BlobStore,
    manner: Manner,
    asked: Asked,
}

impl Peer {
    pub(crate) async fn new(world: &World, name: &str, manner: Manner) -> Self {
        let asked = Asked::default();
        let port = Port { store: world.store.clone(), manner, asked: asked.clone() };
        let who = Principal::Node { name: name.parse().unwrap(), jurisdiction: "DE".parse().unwrap() };
        let identity = IdentityHandle::new(world.identity(&who, now()));
        let routes = Routes::new(DataServer::new(port));
        let address = serve(routes, identity, world.trust.clone(), ClientAuth::Required).await;
        Self { name: name.to_owned(), address, asked }
    }

    pub(crate) fn times(&self, key: &str) -> u64 {
        self.asked.lock().get(key).copied().unwrap_or_default()
    }
}

type Sent<T> = Iter<std::vec::IntoIter<Result<T, Status>>>;

#[tonic::async_trait]
impl Data for Port {
    type FetchBlobStream = Sent<BlobChunk>;
    type TaskLogsStream = Sent<v1::LogChunk>;

    async fn fetch_blob(
        &self,
        request: Request<FetchBlobRequest>,
    ) -> Result<Response<Sent<BlobChunk>>, Status> {
        let ask = request.into_inner();
        *self.asked.lock().entry(ask.artifact).or_default() += 1;
        if self.manner == Manner::Empty {
            return Err(Status::not_found("nothing is here"));
        }
        if let Manner::Slow(pause) = self.manner {
            tokio::time::sleep(pause).await;
        }
        let mut data = self.store.read_all_verified(ask.blob.parse().unwrap(), 1 << 20).unwrap();
        if self.manner == Manner::Liar {
            data[0] ^= 1;
        }
        Ok(Response::new(iter(vec![Ok(BlobChunk { data })])))
    }

    async fn put_blob(
        &self,
        _: Request<Streaming<PutBlobChunk>>,
    ) -> Result<Response<PutBlobResponse>, Status> {
        Err(Status::unimplemented("not asked of a peer"))
    }

    async fn missing_blobs(
        &self,
        _: Request<MissingBlobsRequest>,
    ) -> Result<Response<MissingBlobsResponse>, Status> {
        Err(Status::unimplemented("not asked of a peer"))
    }

    async fn seal_import(
        &self,
        _: Request<SealImportRequest>,
    ) -> Result<Response<SealImportResponse>, Status> {
        Err(Status::unimplemented("not asked of a peer"))
    }

    async fn task_logs(&self, _: Request<TaskLogsRequest>) -> Result<Response<Sent<v1::LogChunk>>, Status> {
        Err(Status::unimplemented("not asked of a peer"))
    }
}
