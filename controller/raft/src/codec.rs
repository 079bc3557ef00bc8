//! Conversions between the stored and sent messages and the types of openraft. Every decoder has bounds and answers bad
//! bytes with an error; none of them panics, whatever a peer or a disk hands in.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse};
use prost::Message;

use crate::digest::StateHash;
use crate::types::{Batch, Entry, LogId, Membership, Peer, StoredMembership, TypeConfig, Vote, log_id};
use crate::wire::{
    AppendOutcome, AppendRequestMessage, AppendResponseMessage, BatchMessage, EntryMessage, LogIdMessage,
    MembershipMessage, PayloadMessage, PeerMessage, PointMessage, StoredMembershipMessage, VoteMessage,
    VoteRequestMessage, VoteResponseMessage, VotersMessage,
};

/// The most bytes of one raft call: one command of the greatest size, a full batch of small ones, and room for framing.
pub const MAX_RPC_BYTES: usize = 12 << 20;
/// The most entries one call may carry.
pub(crate) const MAX_ENTRIES_PER_CALL: usize = 512;
/// The most commands one entry may carry.
pub(crate) const MAX_COMMANDS_PER_ENTRY: usize = 4096;
/// A joint configuration has two sets of voters; twice that is room enough for openraft.
const MAX_CONFIGS: usize = 4;
const MAX_VOTERS: usize = 64;
const MAX_PEERS: usize = 256;
pub(crate) const MAX_PEER_TEXT: usize = 512;
/// How many hashes of its state a member keeps and says.
pub(crate) const MAX_POINTS: usize = 64;

/// Why bytes from a peer or a disk are not what they claim to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("decode raft message `{0}`")]
    Malformed(&'static str, #[source] prost::DecodeError),
    #[error("raft message lacks field `{0}`")]
    Missing(&'static str),
    #[error("raft message has {found} {what}, at most {limit} are allowed")]
    TooMany { what: &'static str, found: usize, limit: usize },
    #[error("raft message breaks a rule: {0}")]
    Rule(&'static str),
}

pub(crate) fn decode<M: Message + Default>(
    name: &'static str,
    bytes: impl bytes::Buf,
) -> Result<M, CodecError> {
    bounded("bytes", bytes.remaining(), MAX_RPC_BYTES)?;
    M::decode(bytes).map_err(|source| CodecError::Malformed(name, source))
}

fn bounded(what: &'static str, found: usize, limit: usize) -> Result<(), CodecError> {
    if found > limit { Err(CodecError::TooMany { what, found, limit }) } else { Ok(()) }
}

pub(crate) fn log_id_out(id: &LogId) -> LogIdMessage {
    LogIdMessage { term: id.leader_id.term, node: id.leader_id.node_id, index: id.index }
}

pub(crate) fn log_id_in(message: &LogIdMessage) -> LogId {
    log_id(message.term, message.node, message.index)
}

pub(crate) fn vote_out(vote: &Vote) -> VoteMessage {
    VoteMessage { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
}

pub(crate) fn vote_in(message: Option<&VoteMessage>) -> Result<Vote, CodecError> {
    let message = message.ok_or(CodecError::Missing("vote"))?;
    Ok(if message.committed {
        Vote::new_committed(message.term, message.node)
    } else {
        Vote::new(message.term, message.node)
    })
}

pub(crate) fn membership_out(membership: &Membership) -> MembershipMessage {
    MembershipMessage {
        configs: membership
            .get_joint_config()
            .iter()
            .map(|set| VotersMessage { ids: set.iter().copied().collect() })
            .collect(),
        peers: membership
            .nodes()
            .map(|(id, peer)| PeerMessage { id: *id, address: peer.address.clone(), name: peer.name.clone() })
            .collect(),
    }
}

pub(crate) fn membership_in(message: MembershipMessage) -> Result<Membership, CodecError> {
    bounded("voter sets", message.configs.len(), MAX_CONFIGS)?;
    bounded("members", message.peers.len(), MAX_PEERS)?;
    let mut configs = Vec::with_capacity(message.configs.len());
    for set in message.configs {
        bounded("voters", set.ids.len(), MAX_VOTERS)?;
        configs.push(set.ids.into_iter().collect::<BTreeSet<u64>>());
    }
    let mut peers = BTreeMap::new();
    for peer in message.peers {
        bounded("bytes of a member's address", peer.address.len(), MAX_PEER_TEXT)?;
        bounded("bytes of a member's name", peer.name.len(), MAX_PEER_TEXT)?;
        peers.insert(peer.id, Peer { address: peer.address, name: peer.name });
    }
    if configs.iter().flatten().any(|voter| !peers.contains_key(voter)) {
        return Err(CodecError::Rule("every voter has an address"));
    }
    Ok(Membership::new(configs, peers))
}

pub(crate) fn stored_membership_out(stored: &StoredMembership) -> StoredMembershipMessage {
    StoredMembershipMessage {
        log_id: stored.log_id().as_ref().map(log_id_out),
        membership: Some(membership_out(stored.membership())),
    }
}

pub(crate) fn stored_membership_in(
    message: Option<StoredMembershipMessage>,
) -> Result<StoredMembership, CodecError> {
    let message = message.ok_or(CodecError::Missing("membership"))?;
    let membership = membership_in(message.membership.unwrap_or_default())?;
    Ok(StoredMembership::new(message.log_id.as_ref().map(log_id_in), membership))
}

/// The payload of an entry as it is stored.
pub(crate) fn payload_out(payload: &EntryPayload<TypeConfig>) -> Bytes {
    let message = match payload {
        EntryPayload::Blank => PayloadMessage::default(),
        EntryPayload::Normal(batch) => PayloadMessage {
            batch: Some(BatchMessage { time_ms: batch.time_ms, commands: batch.commands.to_vec() }),
            membership: None,
        },
        EntryPayload::Membership(membership) => {
            PayloadMessage { batch: None, membership: Some(membership_out(membership)) }
        }
    };
    message.encode_to_vec().into()
}

/// The entry whose payload was stored as `payload`.
pub(crate) fn entry_in(id: LogId, payload: Bytes) -> Result<Entry, CodecError> {
    let message: PayloadMessage = decode("payload", payload)?;
    let payload = match (message.batch, message.membership) {
        (None, None) => EntryPayload::Blank,
        (Some(batch), None) => {
            bounded("commands in an entry", batch.commands.len(), MAX_COMMANDS_PER_ENTRY)?;
            EntryPayload::Normal(Batch { time_ms: batch.time_ms, commands: batch.commands.into() })
        }
        (None, Some(membership)) => EntryPayload::Membership(membership_in(membership)?),
        (Some(_), Some(_)) => {
            return Err(CodecError::Rule("an entry is commands or a configuration, not both"));
        }
    };
    Ok(Entry { log_id: id, payload })
}

pub(crate) fn append_request_out(request: &AppendEntriesRequest<TypeConfig>) -> AppendRequestMessage {
    let entries = request.entries.iter().map(|entry| {
        let message =
            EntryMessage { log_id: Some(log_id_out(&entry.log_id)), payload: payload_out(&entry.payload) };
        message.encode_to_vec().into()
    });
    AppendRequestMessage {
        vote: Some(vote_out(&request.vote)),
        previous: request.prev_log_id.as_ref().map(log_id_out),
        entries: entries.collect(),
        commit: request.leader_commit.as_ref().map(log_id_out),
    }
}

pub(crate) fn append_request_in(body: Bytes) -> Result<AppendEntriesRequest<TypeConfig>, CodecError> {
    let message: AppendRequestMessage = decode("append request", body)?;
    bounded("entries in a call", message.entries.len(), MAX_ENTRIES_PER_CALL)?;
    let vote = vote_in(message.vote.as_ref())?;
    if !vote.committed {
        return Err(CodecError::Rule("only an elected leader sends entries"));
    }
    let prev_log_id = message.previous.as_ref().map(log_id_in);
    // None after the last index there is: nothing follows it.
    let mut expected = prev_log_id.map_or(Some(0), |id| id.index.checked_add(1));
    let mut entries = Vec::with_capacity(message.entries.len());
    for bytes in message.entries {
        let entry: EntryMessage = decode("entry", bytes)?;
        let id = log_id_in(entry.log_id.as_ref().ok_or(CodecError::Missing("log_id"))?);
        if Some(id.index) != expected {
            return Err(CodecError::Rule("entries follow one another without a gap"));
        }
        expected = id.index.checked_add(1);
        entries.push(entry_in(id, entry.payload)?);
    }
    let leader_commit = message.commit.as_ref().map(log_id_in);
    Ok(AppendEntriesRequest { vote, prev_log_id, entries, leader_commit })
}

pub(crate) fn append_response_out(response: &AppendEntriesResponse<u64>) -> AppendResponseMessage {
    let (outcome, matched, vote) = match response {
        AppendEntriesResponse::Success => (AppendOutcome::Success, None, None),
        AppendEntriesResponse::PartialSuccess(matched) => (AppendOutcome::Partial, matched.as_ref(), None),
        AppendEntriesResponse::Conflict => (AppendOutcome::Conflict, None, None),
        AppendEntriesResponse::HigherVote(vote) => (AppendOutcome::HigherVote, None, Some(vote)),
    };
    AppendResponseMessage {
        outcome: outcome.into(),
        matched: matched.map(log_id_out),
        vote: vote.map(vote_out),
    }
}

pub(crate) fn append_response_in(body: &[u8]) -> Result<AppendEntriesResponse<u64>, CodecError> {
    let message: AppendResponseMessage = decode("append response", body)?;
    match message.outcome() {
        AppendOutcome::Success => Ok(AppendEntriesResponse::Success),
        AppendOutcome::Partial => {
            Ok(AppendEntriesResponse::PartialSuccess(message.matched.as_ref().map(log_id_in)))
        }
        AppendOutcome::Conflict => Ok(AppendEntriesResponse::Conflict),
        AppendOutcome::HigherVote => Ok(AppendEntriesResponse::HigherVote(vote_in(message.vote.as_ref())?)),
        AppendOutcome::Unspecified => Err(CodecError::Missing("outcome")),
    }
}

pub(crate) fn vote_request_out(request: &VoteRequest<u64>) -> VoteRequestMessage {
    VoteRequestMessage {
        vote: Some(vote_out(&request.vote)),
        last_log_id: request.last_log_id.as_ref().map(log_id_out),
        ..VoteRequestMessage::default()
    }
}

/// What comes in as a vote request: one, or a question that asks for no vote.
pub(crate) enum VoteCall {
    Request(VoteRequest<u64>),
    Probe(VoteRequestMessage),
}

pub(crate) fn vote_request_in(body: Bytes) -> Result<VoteCall, CodecError> {
    let message: VoteRequestMessage = decode("vote request", body)?;
    if message.probe {
        return Ok(VoteCall::Probe(message));
    }
    let vote = vote_in(message.vote.as_ref())?;
    if vote.committed {
        return Err(CodecError::Rule("a candidate asks with a vote that is not committed"));
    }
    Ok(VoteCall::Request(VoteRequest::new(vote, message.last_log_id.as_ref().map(log_id_in))))
}

pub(crate) fn vote_response_out(response: &VoteResponse<u64>) -> VoteResponseMessage {
    VoteResponseMessage {
        vote: Some(vote_out(&response.vote)),
        granted: response.vote_granted,
        last_log_id: response.last_log_id.as_ref().map(log_id_out),
        ..VoteResponseMessage::default()
    }
}

pub(crate) fn vote_response_in(body: &[u8]) -> Result<VoteResponse<u64>, CodecError> {
    let message: VoteResponseMessage = decode("vote response", body)?;
    let vote = vote_in(message.vote.as_ref())?;
    Ok(VoteResponse::new(vote, message.last_log_id.as_ref().map(log_id_in), message.granted))
}

pub(crate) fn point_out((index, hash): &(u64, StateHash)) -> PointMessage {
    PointMessage { index: *index, hash: hash.to_bytes().to_vec() }
}

pub(crate) fn point_in(message: &PointMessage) -> Option<(u64, StateHash)> {
    Some((message.index, StateHash::from_bytes(&message.hash)?))
}

/// The points that are well formed, and not more than a member keeps.
pub(crate) fn points_in(messages: &[PointMessage]) -> Vec<(u64, StateHash)> {
    messages.iter().take(MAX_POINTS).filter_map(point_in).collect()
}
