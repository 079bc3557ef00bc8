//! The sending side of openraft's network: turns its calls into messages and the answers back, sends snapshots in
//! pieces.

use std::future::Future;
use std::io::Read as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::error::{
    Fatal, NetworkError as RaftNetworkError, RPCError, RaftError, ReplicationClosed, StreamingError,
    Unreachable,
};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{RaftNetwork, RaftNetworkFactory};
use prost::Message;
use tokio::task::JoinSet;

use crate::codec::{
    CodecError, append_request_out, append_response_in, decode, vote_in, vote_out, vote_request_out,
    vote_response_in,
};
use crate::contacts::{Contacts, View};
use crate::disk::Reading;
use crate::log::LogStore;
use crate::network::{Network, NetworkError, RpcKind};
use crate::types::{LogId, Member, Peer, Snapshot, SnapshotFile, TypeConfig, Vote};
use crate::wire::{
    ChunkAnswerMessage, ChunkMessage, Envelope, FORMAT_VERSION, VoteRequestMessage, VoteResponseMessage,
};
use crate::work::Work;

/// One piece of a snapshot.
const CHUNK_BYTES: usize = 1 << 20;
/// How long a piece may take; the last one includes that the receiver checks and installs the whole snapshot.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long entries may travel; heartbeats go beside them.
const ENTRIES_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the news of a commit waits for this member's own disk.
const COMMIT_PATIENCE: Duration = Duration::from_millis(20);
/// How long sending to an unreachable member pauses: long enough not to spin, short enough to be back soon.
const BACKOFF: [Duration; 3] =
    [Duration::from_millis(20), Duration::from_millis(50), Duration::from_millis(100)];
const BACKOFF_MOST: Duration = Duration::from_millis(200);

/// Makes the sending end for each member.
#[derive(Clone)]
pub(crate) struct Peers {
    pub(crate) network: Arc<dyn Network>,
    pub(crate) cluster_id: Arc<str>,
    pub(crate) id: u64,
    pub(crate) contacts: Contacts,
    /// What this member's raft says of itself; not there before raft is.
    pub(crate) view: View,
    pub(crate) log: LogStore,
    pub(crate) work: Work,
}

/// Calls one member.
#[derive(Clone)]
struct Caller {
    peers: Peers,
    target: Member,
}

/// The sending end for one member.
pub(crate) struct Link {
    caller: Caller,
    sending: Option<Sending>,
}

/// Entries on their way. openraft gives up waiting after one heartbeat and sends the same entries again; on a slow link
/// large entries would then never arrive. So the call goes on, and the next attempt waits for it instead of repeating it.
struct Sending {
    vote: Vote,
    previous: Option<LogId>,
    last: LogId,
    /// One task; it ends with the link.
    answer: JoinSet<Result<AppendEntriesResponse<u64>, CallError>>,
}

impl RaftNetworkFactory<TypeConfig> for Peers {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &Peer) -> Link {
        let caller = Caller { peers: self.clone(), target: node.member(target) };
        Link { caller, sending: None }
    }
}

impl Peers {
    /// Asks a member a question that is no request for a vote; `None` where it does not answer.
    pub(crate) async fn probe(
        &self,
        member: Member,
        question: VoteRequestMessage,
        timeout: Duration,
    ) -> Option<VoteResponseMessage> {
        let caller = Caller { peers: self.clone(), target: member };
        let body = VoteRequestMessage { probe: true, ..question }.encode_to_vec();
        let answer =
            tokio::time::timeout(timeout, caller.call(RpcKind::Vote, body, timeout)).await.ok()?.ok()?;
        decode("probe answer", answer.as_slice()).ok()
    }
}

/// Why a call failed on its way or on its way back.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("member {id} lost entries that it had acknowledged; replace it under a new id")]
    LostLog { id: u64 },
    #[error("this member has followed another leader since")]
    Deposed,
}

type CallResult<T> = Result<T, RPCError<u64, Peer, RaftError<u64>>>;

fn rpc_error(error: &CallError) -> RPCError<u64, Peer, RaftError<u64>> {
    match error {
        CallError::Network(NetworkError::Timeout) => RPCError::Network(RaftNetworkError::new(error)),
        CallError::Network(_) | CallError::Codec(_) | CallError::LostLog { .. } | CallError::Deposed => {
            RPCError::Unreachable(Unreachable::new(error))
        }
    }
}

impl Caller {
    async fn call(&self, rpc: RpcKind, body: Vec<u8>, timeout: Duration) -> Result<Vec<u8>, CallError> {
        let (voter, configured) = self.peers.view.configured(self.target.id);
        let envelope = Envelope {
            version: FORMAT_VERSION,
            cluster_id: self.peers.cluster_id.to_string(),
            from: self.peers.id,
            to: self.target.id,
            body: body.into(),
            voter,
            configured,
        };
        let answer = self.peers.network.call(&self.target, rpc, envelope.encode_to_vec(), timeout).await;
        self.peers.contacts.note(self.target.id, answer.as_ref().err());
        Ok(answer?)
    }

    async fn append(self, body: Vec<u8>, timeout: Duration) -> Result<AppendEntriesResponse<u64>, CallError> {
        Ok(append_response_in(&self.call(RpcKind::Append, body, timeout).await?)?)
    }

    async fn ask(
        &self,
        request: VoteRequest<u64>,
        timeout: Duration,
    ) -> Result<VoteResponse<u64>, CallError> {
        let body = vote_request_out(&request).encode_to_vec();
        Ok(vote_response_in(&self.call(RpcKind::Vote, body, timeout).await?)?)
    }

    /// Sends the pieces the receiver asks for until it has installed the snapshot or knows a greater vote.
    async fn send(&self, vote: Vote, snapshot: &Snapshot) -> Result<Vote, SendError> {
        let mut offset = 0;
        loop {
            let file = (*snapshot.snapshot).clone();
            let total = file.len;
            let data = self.peers.work.blocking(move || read_piece(&file, offset)).await;
            let data = data.map_err(std::io::Error::other)??;
            let message = ChunkMessage {
                vote: Some(vote_out(&vote)),
                snapshot_id: snapshot.meta.snapshot_id.clone(),
                offset,
                total,
                data,
            };
            let answer = self.call(RpcKind::InstallSnapshot, message.encode_to_vec(), CHUNK_TIMEOUT).await?;
            let answer: ChunkAnswerMessage = decode("snapshot answer", answer.as_slice())?;
            let theirs = vote_in(answer.vote.as_ref())?;
            if answer.installed || theirs > vote {
                return Ok(theirs);
            }
            self.peers.contacts.note_piece(self.target.id);
            if answer.next_offset > total {
                return Err(CodecError::Rule("a receiver asks for bytes inside the snapshot").into());
            }
            offset = answer.next_offset;
        }
    }
}

impl Link {
    /// What is sent. openraft's task for a member that could not be reached may still send for a leader that has stepped down,
    /// from a log in which the next leader's entries stand by now: behind a predecessor of its own it would plant them in a log
    /// that knows neither, where the next leader then finds what it looks for. The vote is written before the log is changed, so
    /// as long as it is that of the call, so are the entries.
    fn body(&self, request: &AppendEntriesRequest<TypeConfig>) -> Result<Vec<u8>, CallError> {
        let vote = self.caller.peers.log.vote();
        if vote.is_none_or(|vote| vote.leader_id != request.vote.leader_id) {
            return Err(CallError::Deposed);
        }
        Ok(append_request_out(request).encode_to_vec())
    }

    async fn append(
        &mut self,
        mut request: AppendEntriesRequest<TypeConfig>,
        timeout: Duration,
    ) -> Result<AppendEntriesResponse<u64>, CallError> {
        if let Some(committed) = request.leader_commit {
            // Where there is nothing else to say, the commit is worth a moment.
            let patience = if request.entries.is_empty() { COMMIT_PATIENCE } else { Duration::ZERO };
            request.leader_commit = self.caller.peers.log.durable_part(committed, patience).await;
        }
        let Some(last) = request.entries.last().map(|entry| entry.log_id) else {
            let body = self.body(&request)?;
            return self.caller.clone().append(body, timeout).await;
        };
        let (vote, previous) = (request.vote, request.prev_log_id);
        let same = |sending: &Sending| sending.vote == vote && sending.previous == previous;
        let sending = match self.sending.take().filter(same) {
            Some(sending) => sending,
            None => {
                let body = self.body(&request)?;
                let mut answer = JoinSet::new();
                answer.spawn(self.caller.clone().append(body, ENTRIES_TIMEOUT));
                Sending { vote, previous, last, answer }
            }
        };
        drop(request);
        // Kept in place while waiting: openraft may drop this future at any moment.
        let sending = self.sending.insert(sending);
        let (sent, answer) = (sending.last, sending.answer.join_next().await);
        self.sending = None;
        let lost = || CallError::Network(NetworkError::Unreachable("the sending task ended".to_owned()));
        match answer.and_then(Result::ok).ok_or_else(lost)?? {
            // The call that was waited for may have begun before the newest of these entries were there.
            AppendEntriesResponse::Success if sent < last => {
                Ok(AppendEntriesResponse::PartialSuccess(Some(sent)))
            }
            answer => Ok(answer),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("read the snapshot")]
    Read(#[from] std::io::Error),
}

impl From<CodecError> for SendError {
    fn from(error: CodecError) -> Self {
        Self::Call(error.into())
    }
}

fn read_piece(file: &SnapshotFile, offset: u64) -> std::io::Result<Bytes> {
    let rest = usize::try_from(file.len.saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut piece = vec![0; rest.min(CHUNK_BYTES)];
    Reading { file: Arc::clone(&file.file), offset }.read_exact(&mut piece)?;
    Ok(piece.into())
}

impl RaftNetwork<TypeConfig> for Link {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> CallResult<AppendEntriesResponse<u64>> {
        let previous = rpc.prev_log_id;
        let answer = self.append(rpc, option.hard_ttl()).await;
        let matched = self.caller.peers.view.matched(self.caller.target.id);
        // openraft takes for granted that a log never loses what it acknowledged, and stops where one does.
        if matches!(answer, Ok(AppendEntriesResponse::Conflict)) && previous <= matched {
            let lost = CallError::LostLog { id: self.caller.target.id };
            self.caller.peers.contacts.trouble(self.caller.target.id, lost.to_string());
            return Err(rpc_error(&lost));
        }
        answer.map_err(|error| rpc_error(&error))
    }

    async fn vote(&mut self, rpc: VoteRequest<u64>, option: RPCOption) -> CallResult<VoteResponse<u64>> {
        self.caller.ask(rpc, option.hard_ttl()).await.map_err(|error| rpc_error(&error))
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<u64>, StreamingError<TypeConfig, Fatal<u64>>> {
        let cancel = pin!(cancel);
        let send = pin!(self.caller.send(vote, &snapshot));
        match futures::future::select(cancel, send).await {
            futures::future::Either::Left((closed, _)) => Err(StreamingError::Closed(closed)),
            futures::future::Either::Right((Ok(vote), _)) => Ok(SnapshotResponse::new(vote)),
            futures::future::Either::Right((Err(error), _)) => {
                Err(StreamingError::Unreachable(Unreachable::new(&error)))
            }
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(BACKOFF.into_iter().chain(std::iter::repeat(BACKOFF_MOST)))
    }
}
