//! The answering side of the calls between members.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use openraft::error::RaftError;
use openraft::raft::AppendEntriesResponse;
use prost::Message;

use crate::codec::{
    CodecError, MAX_RPC_BYTES, VoteCall, append_request_in, append_response_out, decode, vote_in, vote_out,
    vote_request_in, vote_response_out,
};
use crate::election::Heard;
use crate::log::LogStore;
use crate::network::RpcKind;
use crate::peer::Peers;
use crate::probe::Prober;
use crate::snapshot::{SnapshotStore, meta_of};
use crate::standing::{Exclusion, Standing};
use crate::types::{Raft, Snapshot, SnapshotFile, Vote};
use crate::wire::{ChunkAnswerMessage, ChunkMessage, Envelope, FORMAT_VERSION};
use crate::work::Work;

/// The longest snapshot a member takes in.
const MAX_SNAPSHOT_BYTES: u64 = 64 << 30;

/// Why an inbound call is not answered.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The bytes are not a call, or break a rule of the protocol.
    #[error("inbound raft call is not valid: {0}")]
    Invalid(String),
    /// The call was meant for another cluster or another member.
    #[error("inbound raft call is for member {to} of cluster `{cluster}`")]
    Misdirected {
        /// The cluster the caller belongs to.
        cluster: String,
        /// The member the caller wanted.
        to: u64,
    },
    /// This member takes no part.
    #[error("inbound raft call is refused: {0}")]
    Excluded(Exclusion),
    /// This member has stopped.
    #[error("raft has stopped: {0}")]
    Stopped(String),
    /// A snapshot could not be taken in.
    #[error("take in a snapshot: {0}")]
    Snapshot(String),
    /// This member has no space for more entries.
    #[error("no space for more entries: {0}")]
    Full(String),
}

impl From<CodecError> for ServeError {
    fn from(error: CodecError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::Invalid(format!("{error}{cause}"))
    }
}

/// A snapshot on its way in.
struct Incoming {
    snapshot_id: String,
    total: u64,
    file: SnapshotFile,
}

/// Answers calls for one member.
pub(crate) struct Server {
    raft: Raft,
    prober: Prober,
    cluster_id: Arc<str>,
    snapshots: Arc<SnapshotStore>,
    heard: Arc<Heard>,
    log: LogStore,
    standing: Standing,
    /// Whether the log was seen to hold more than the founding entry.
    settled: AtomicBool,
    incoming: tokio::sync::Mutex<Option<Incoming>>,
    work: Work,
}

/// Room that is kept for votes and marks when entries are no longer taken in.
const ROOM_FOR_VOTES: u64 = 64 << 10;

fn stopped<E: std::error::Error>(error: &RaftError<u64, E>) -> ServeError {
    ServeError::Stopped(error.to_string())
}

impl Server {
    pub(crate) fn new(prober: Prober, peers: &Peers, log: LogStore, snapshots: Arc<SnapshotStore>) -> Self {
        let (raft, heard, standing) =
            (prober.raft.clone(), Arc::clone(&prober.heard), prober.standing.clone());
        let cluster_id = Arc::clone(&peers.cluster_id);
        let (settled, incoming) = (AtomicBool::new(false), tokio::sync::Mutex::new(None));
        let work = peers.work.clone();
        Self { raft, prober, cluster_id, snapshots, heard, log, standing, settled, incoming, work }
    }

    pub(crate) async fn serve(&self, kind: RpcKind, bytes: Vec<u8>) -> Result<Vec<u8>, ServeError> {
        if bytes.len() > MAX_RPC_BYTES {
            return Err(ServeError::Invalid(format!(
                "{} bytes, at most {MAX_RPC_BYTES} are taken",
                bytes.len()
            )));
        }
        let envelope: Envelope = decode("envelope", Bytes::from(bytes))?;
        if envelope.version != FORMAT_VERSION {
            return Err(ServeError::Invalid(format!("format {} is not spoken here", envelope.version)));
        }
        if envelope.cluster_id != *self.cluster_id || envelope.to != self.prober.id {
            return Err(ServeError::Misdirected { cluster: envelope.cluster_id, to: envelope.to });
        }
        if envelope.voter && self.log_is_lost() {
            self.standing.exclude(Exclusion::LostLog);
        }
        match kind {
            RpcKind::Vote => self.vote(&envelope).await,
            _ if self.standing.excluded() == Some(Exclusion::LostLog) => {
                Err(ServeError::Excluded(Exclusion::LostLog))
            }
            RpcKind::Append => self.append(envelope.body).await,
            RpcKind::InstallSnapshot => self.chunk(envelope.body).await,
        }
    }

    /// Whether a leader called within `age`.
    pub(crate) fn heard_leader(&self, age: Duration) -> bool {
        self.heard.anybody(age)
    }

    async fn append(&self, body: Bytes) -> Result<Vec<u8>, ServeError> {
        let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let request = append_request_in(body)?;
        if !request.entries.is_empty()
            && let Some(reason) = self.log.refusing()
            && bytes.saturating_add(ROOM_FOR_VOTES) > self.log.room()
        {
            // Refused before raft sees it: a write that fails half way would end this member. The leader asks again.
            return Err(ServeError::Full(reason));
        }
        let response = self.raft.append_entries(request).await.map_err(|error| stopped(&error))?;
        if !matches!(response, AppendEntriesResponse::HigherVote(_)) {
            self.heard.note();
        }
        Ok(append_response_out(&response).encode_to_vec())
    }

    /// Whether this member knows nothing beyond the founding of the cluster.
    fn log_is_lost(&self) -> bool {
        if self.settled.load(Ordering::Relaxed) {
            return false;
        }
        let empty = self.log.purged().is_none() && self.log.last().is_none_or(|last| last.index == 0);
        self.settled.store(!empty, Ordering::Relaxed);
        empty
    }

    async fn vote(&self, envelope: &Envelope) -> Result<Vec<u8>, ServeError> {
        let request = match vote_request_in(envelope.body.clone())? {
            VoteCall::Request(request) => request,
            VoteCall::Probe(question) => {
                let answer = self.prober.answer(envelope, &question).await;
                return Ok(answer.map_err(ServeError::Stopped)?.encode_to_vec());
            }
        };
        if let Some(why) = self.standing.excluded() {
            return Err(ServeError::Excluded(why));
        }
        let response = self.raft.vote(request).await.map_err(|error| stopped(&error))?;
        Ok(vote_response_out(&response).encode_to_vec())
    }

    async fn chunk(&self, body: Bytes) -> Result<Vec<u8>, ServeError> {
        let chunk: ChunkMessage = decode("snapshot piece", body)?;
        let theirs = vote_in(chunk.vote.as_ref())?;
        if !theirs.committed || chunk.total > MAX_SNAPSHOT_BYTES {
            return Err(
                CodecError::Rule("only an elected leader sends a snapshot, and of a sane size").into()
            );
        }
        let ours = self.raft.with_raft_state(|state| *state.vote_ref()).await;
        let ours = ours.map_err(|error| ServeError::Stopped(error.to_string()))?;
        if ours > theirs {
            return Ok(answer(ours, 0, false));
        }
        self.heard.note();
        let mut incoming = self.incoming.lock().await;
        let next = self.take(&mut incoming, &chunk).await?;
        if next < chunk.total {
            return Ok(answer(theirs, next, false));
        }
        let Some(whole) = incoming.take() else { return Ok(answer(theirs, 0, false)) };
        self.install(theirs, whole).await
    }

    /// Stores a piece if it is the one that is missing, and answers which byte is missing next.
    async fn take(&self, slot: &mut Option<Incoming>, chunk: &ChunkMessage) -> Result<u64, ServeError> {
        let same =
            slot.as_ref().is_some_and(|i| i.snapshot_id == chunk.snapshot_id && i.total == chunk.total);
        if !same {
            let (snapshots, total) = (Arc::clone(&self.snapshots), chunk.total);
            let receive = move || {
                // As it arrives, and once more when it is installed.
                if !snapshots.has_room(total.saturating_mul(2)) {
                    return Err(format!("there is no space for {total} bytes twice"));
                }
                snapshots.receive().map_err(|error| error.reason())
            };
            let file = blocking(&self.work, receive).await?;
            *slot = Some(Incoming { snapshot_id: chunk.snapshot_id.clone(), total: chunk.total, file });
        }
        let Some(incoming) = slot.as_mut() else { return Ok(0) };
        let end = incoming.file.len.saturating_add(u64::try_from(chunk.data.len()).unwrap_or(u64::MAX));
        if chunk.offset == incoming.file.len && end <= incoming.total {
            let (file, data, offset) = (Arc::clone(&incoming.file.file), chunk.data.clone(), chunk.offset);
            blocking(&self.work, move || file.write_at(&data, offset).map_err(|error| error.to_string()))
                .await?;
            incoming.file.len = end;
        }
        Ok(incoming.file.len)
    }

    async fn install(&self, vote: Vote, incoming: Incoming) -> Result<Vec<u8>, ServeError> {
        let (snapshots, file) = (Arc::clone(&self.snapshots), incoming.file.clone());
        // The whole file is checked before openraft hears of it: an error after that would stop this member.
        let position =
            blocking(&self.work, move || snapshots.check(&file).map_err(|error| error.to_string())).await?;
        let meta = meta_of(&position);
        let snapshot = Snapshot { meta, snapshot: Box::new(incoming.file) };
        let response = self.raft.install_full_snapshot(vote, snapshot).await;
        let response = response.map_err(|error| ServeError::Stopped(error.to_string()))?;
        Ok(answer(response.vote, incoming.total, true))
    }
}

fn answer(vote: Vote, next_offset: u64, installed: bool) -> Vec<u8> {
    ChunkAnswerMessage { vote: Some(vote_out(&vote)), next_offset, installed }.encode_to_vec()
}

async fn blocking<T: Send + 'static>(
    place: &Work,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, ServeError> {
    let done = place.blocking(work).await;
    done.unwrap_or_else(|error| Err(error.to_string())).map_err(ServeError::Snapshot)
}
