//! The way from one of our members to the others: the product's channels and identities.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use holdfast_client::lazy_channel;
use holdfast_identity::{Alpn, Expect, IdentityHandle, Trust, client_config};
use holdfast_raft::{Member, Network, NetworkError, RpcKind};
use parking_lot::Mutex;
use tonic::transport::Channel;

use crate::wire::kv::MemberCall;
use crate::wire::kv::member_client::MemberClient;

/// The largest message between members.
pub(crate) const MAX_MESSAGE: usize = 32 << 20;
/// The calls of raft, by their number on the wire.
pub(crate) const KINDS: [RpcKind; 3] = [RpcKind::Append, RpcKind::Vote, RpcKind::InstallSnapshot];

/// Channels to the other members.
pub(crate) struct Peers {
    identity: IdentityHandle,
    trust: Trust,
    channels: Mutex<BTreeMap<String, Channel>>,
}

impl Peers {
    pub(crate) fn new(identity: IdentityHandle, trust: Trust) -> Self {
        Self { identity, trust, channels: Mutex::default() }
    }

    fn channel(&self, target: &Member) -> Result<Channel, String> {
        let mut channels = self.channels.lock();
        if let Some(channel) = channels.get(&target.address) {
            return Ok(channel.clone());
        }
        let name = target.name.parse().map_err(|_| format!("`{}` is not a name", target.name))?;
        let config =
            client_config(Some(&self.identity), &self.trust, Expect::ControllerNamed(name), Alpn::H2)
                .map_err(|error| error.to_string())?;
        let channel = lazy_channel(&target.address, &config).map_err(|error| error.to_string())?;
        channels.insert(target.address.clone(), channel.clone());
        Ok(channel)
    }
}

impl Network for Peers {
    fn call(
        &self,
        target: &Member,
        rpc: RpcKind,
        body: Vec<u8>,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, NetworkError>> {
        let channel = self.channel(target);
        let kind = KINDS.iter().zip(0..).find(|(kind, _)| **kind == rpc).map_or(0, |(_, number)| number);
        Box::pin(async move {
            let client = MemberClient::new(channel.map_err(NetworkError::Unreachable)?);
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
