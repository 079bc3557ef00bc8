//! Raft messages to the other controllers: gRPC over mTLS, one lazily connected channel for each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use holdfast_api::internal::RaftBody;
use holdfast_api::internal::raft_client::RaftClient;
use holdfast_api::problem_from_status;
use holdfast_client::lazy_channel;
use holdfast_identity::{Alpn, Expect, IdentityHandle, Trust, client_config};
use holdfast_raft::{Member, Network, NetworkError, RpcKind};
use parking_lot::Mutex;
use tonic::transport::Channel;

use crate::removed::Outcast;

/// The largest raft message, in bytes.
const MAX_MESSAGE: usize = 16 << 20;

/// Channels to the other controllers.
pub(crate) struct GrpcNetwork {
    identity: IdentityHandle,
    trust: Trust,
    outcast: Outcast,
    channels: Arc<Mutex<BTreeMap<(String, String), Channel>>>,
}

impl GrpcNetwork {
    pub(crate) fn new(identity: IdentityHandle, trust: Trust, outcast: Outcast) -> Self {
        Self { identity, trust, outcast, channels: Arc::default() }
    }

    fn channel(&self, target: &Member) -> Result<Channel, String> {
        let key = (target.name.clone(), target.address.clone());
        let mut channels = self.channels.lock();
        if let Some(channel) = channels.get(&key) {
            return Ok(channel.clone());
        }
        let name = target.name.parse().map_err(|_| format!("`{}` is not a name", target.name))?;
        let config =
            client_config(Some(&self.identity), &self.trust, Expect::ControllerNamed(name), Alpn::H2)
                .map_err(|error| error.to_string())?;
        let channel = lazy_channel(&target.address, &config).map_err(|error| error.to_string())?;
        channels.insert(key, channel.clone());
        Ok(channel)
    }
}

impl Network for GrpcNetwork {
    fn call(
        &self,
        target: &Member,
        rpc: RpcKind,
        body: Vec<u8>,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, NetworkError>> {
        let (channel, outcast) = (self.channel(target), self.outcast.clone());
        let (channels, key) = (Arc::clone(&self.channels), (target.name.clone(), target.address.clone()));
        Box::pin(async move {
            let channel = channel.map_err(NetworkError::Unreachable)?;
            let mut client = RaftClient::new(channel)
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE);
            let call = async {
                let body = RaftBody { body };
                match rpc {
                    RpcKind::Append => client.append(body).await,
                    RpcKind::Vote => client.vote(body).await,
                    RpcKind::InstallSnapshot => client.install_snapshot(body).await,
                }
            };
            match tokio::time::timeout(timeout, call).await {
                Ok(Ok(answer)) => {
                    outcast.answered();
                    Ok(answer.into_inner().body)
                }
                Ok(Err(status)) => {
                    outcast.refused(&problem_from_status(&status));
                    // A channel to a member that came back elsewhere or with a new certificate must not be kept.
                    channels.lock().remove(&key);
                    Err(NetworkError::Unreachable(status.message().to_owned()))
                }
                Err(_) => Err(NetworkError::Timeout),
            }
        })
    }
}
