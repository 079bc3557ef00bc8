//! Raft messages between controllers, carried as the log's own bytes.

use std::sync::Arc;

use holdfast_api::internal::RaftBody;
use holdfast_api::internal::raft_server::Raft;
use holdfast_raft::RpcKind;
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::caller;

pub(crate) struct Service(pub(crate) Arc<App>);

impl Service {
    async fn serve(&self, kind: RpcKind, request: Request<RaftBody>) -> Result<Response<RaftBody>, Status> {
        caller::controller(&request)?;
        let body = self.0.raft.serve(kind, request.into_inner().body).await;
        body.map(|body| Response::new(RaftBody { body })).map_err(|error| Status::internal(error.to_string()))
    }
}

#[tonic::async_trait]
impl Raft for Service {
    async fn append(&self, request: Request<RaftBody>) -> Result<Response<RaftBody>, Status> {
        self.serve(RpcKind::Append, request).await
    }

    async fn vote(&self, request: Request<RaftBody>) -> Result<Response<RaftBody>, Status> {
        self.serve(RpcKind::Vote, request).await
    }

    async fn install_snapshot(&self, request: Request<RaftBody>) -> Result<Response<RaftBody>, Status> {
        self.serve(RpcKind::InstallSnapshot, request).await
    }
}
