//! How members reach one another. The daemon implements [`Network`] over its own transport; [`LoopbackNetwork`] does it
//! inside one process, with links that can be cut. Knows calls as bytes only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;

use crate::types::Member;

/// The kinds of raft calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RpcKind {
    /// Entries or a heartbeat from the leader.
    Append,
    /// A candidate asks for a vote.
    Vote,
    /// A piece of a snapshot.
    InstallSnapshot,
}

/// Why a call brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The member cannot be reached now.
    #[error("member cannot be reached: {0}")]
    Unreachable(String),
    /// The member did not answer in time; whether it acted is not known.
    #[error("member did not answer in time")]
    Timeout,
    /// The member answered that it will not serve the call.
    #[error("member refused the call: {0}")]
    Refused(String),
}

/// Carries calls to other members.
pub trait Network: Send + Sync + 'static {
    /// Sends one call and waits for the answer, at most `timeout`. The body is at most
    /// [`MAX_RPC_BYTES`](crate::MAX_RPC_BYTES) long; the receiver hands it to [`RaftNode::serve`](crate::RaftNode::serve).
    fn call(
        &self,
        target: &Member,
        rpc: RpcKind,
        body: Vec<u8>,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, NetworkError>>;
}

/// A member that answers calls; [`RaftNode`](crate::RaftNode) is one.
pub trait Inbound: Send + Sync + 'static {
    /// Answers one call.
    fn serve_call(
        self: Arc<Self>,
        rpc: RpcKind,
        body: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, NetworkError>>;
}

#[derive(Default)]
struct Wires {
    members: BTreeMap<u64, Weak<dyn Inbound>>,
    /// Links from the first to the second that carry nothing.
    cut: BTreeSet<(u64, u64)>,
    /// How long each byte takes; nothing where links are instant.
    per_byte: Option<Duration>,
}

/// Members of one process, connected by links that can be cut and healed, for tests.
#[derive(Clone, Default)]
pub struct LoopbackNetwork {
    wires: Arc<Mutex<Wires>>,
}

impl std::fmt::Debug for LoopbackNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoopbackNetwork").field("cut", &self.wires.lock().cut).finish_non_exhaustive()
    }
}

impl LoopbackNetwork {
    /// The end of the network that member `id` sends from.
    #[must_use]
    pub fn link(&self, id: u64) -> LoopbackLink {
        LoopbackLink { wires: Arc::clone(&self.wires), from: id }
    }

    /// Connects a member; it is forgotten when its last handle is dropped.
    pub fn connect(&self, id: u64, inbound: &Arc<dyn Inbound>) {
        self.wires.lock().members.insert(id, Arc::downgrade(inbound));
    }

    /// Cuts all links to and from a member.
    pub fn isolate(&self, id: u64) {
        let mut wires = self.wires.lock();
        let others: Vec<u64> = wires.members.keys().copied().filter(|other| *other != id).collect();
        for other in others {
            wires.cut.insert((id, other));
            wires.cut.insert((other, id));
        }
    }

    /// Cuts the link in one direction.
    pub fn cut(&self, from: u64, to: u64) {
        self.wires.lock().cut.insert((from, to));
    }

    /// Makes every link carry only so many bytes a second.
    pub fn throttle(&self, bytes_per_second: u32) {
        self.wires.lock().per_byte = Some(Duration::from_secs(1) / bytes_per_second.max(1));
    }

    /// Heals every link.
    pub fn heal(&self) {
        self.wires.lock().cut.clear();
    }
}

/// One member's end of a [`LoopbackNetwork`].
#[derive(Clone)]
pub struct LoopbackLink {
    wires: Arc<Mutex<Wires>>,
    from: u64,
}

impl std::fmt::Debug for LoopbackLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoopbackLink").field("from", &self.from).finish_non_exhaustive()
    }
}

impl LoopbackLink {
    fn carries(wires: &Mutex<Wires>, from: u64, to: u64) -> Result<(), NetworkError> {
        if wires.lock().cut.contains(&(from, to)) {
            Err(NetworkError::Unreachable("the link is cut".to_owned()))
        } else {
            Ok(())
        }
    }
}

impl Network for LoopbackLink {
    fn call(
        &self,
        target: &Member,
        rpc: RpcKind,
        body: Vec<u8>,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, NetworkError>> {
        let (wires, from, to) = (Arc::clone(&self.wires), self.from, target.id);
        Box::pin(async move {
            Self::carries(&wires, from, to)?;
            let per_byte = wires.lock().per_byte;
            if let Some(per_byte) = per_byte {
                tokio::time::sleep(per_byte.saturating_mul(u32::try_from(body.len()).unwrap_or(u32::MAX)))
                    .await;
            }
            let member = wires.lock().members.get(&to).and_then(Weak::upgrade);
            let member = member.ok_or_else(|| NetworkError::Unreachable("nobody is there".to_owned()))?;
            let answer = tokio::time::timeout(timeout, member.serve_call(rpc, body)).await;
            // An answer needs the way back.
            Self::carries(&wires, to, from)?;
            answer.unwrap_or(Err(NetworkError::Timeout))
        })
    }
}
