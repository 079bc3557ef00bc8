//! The protobuf messages of raft, on the wire between members and on disk. Written by hand so that no openraft type ever
//! defines a format. Messages only grow: a field number is never reused. Nothing here knows what a command means.

use bytes::Bytes;

/// The version of the messages and records this build writes.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// The place of an entry: who proposed it, and where.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct LogIdMessage {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) node: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) index: u64,
}

/// A vote: the leader a member follows, and whether a quorum granted it.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct VoteMessage {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) node: u64,
    #[prost(bool, tag = "3")]
    pub(crate) committed: bool,
}

/// One member of a configuration.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct PeerMessage {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(string, tag = "2")]
    pub(crate) address: String,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
}

/// One set of voters; a joint configuration has several.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct VotersMessage {
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) ids: Vec<u64>,
}

/// A configuration of the cluster.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct MembershipMessage {
    #[prost(message, repeated, tag = "1")]
    pub(crate) configs: Vec<VotersMessage>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) peers: Vec<PeerMessage>,
}

/// A configuration and the entry that carried it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct StoredMembershipMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) log_id: Option<LogIdMessage>,
    #[prost(message, optional, tag = "2")]
    pub(crate) membership: Option<MembershipMessage>,
}

/// Commands that are committed together, and the leader's clock when it gathered them.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct BatchMessage {
    #[prost(uint64, tag = "1")]
    pub(crate) time_ms: u64,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) commands: Vec<Bytes>,
}

/// The payload of an entry; neither field set is the blank entry of a new leader.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct PayloadMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) batch: Option<BatchMessage>,
    #[prost(message, optional, tag = "2")]
    pub(crate) membership: Option<MembershipMessage>,
}

/// One entry on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct EntryMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) log_id: Option<LogIdMessage>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) payload: Bytes,
}

/// What every call between members is wrapped in: a member answers only its own cluster, and only calls meant for it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Envelope {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(string, tag = "2")]
    pub(crate) cluster_id: String,
    #[prost(uint64, tag = "3")]
    pub(crate) from: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) to: u64,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) body: Bytes,
    /// The sender follows a configuration, later than the founding one, in which the receiver votes. Such a receiver has
    /// had entries, so an empty log is a lost one.
    #[prost(bool, tag = "6")]
    pub(crate) voter: bool,
    /// The index of the configuration the sender follows.
    #[prost(uint64, tag = "7")]
    pub(crate) configured: u64,
}

/// Entries from the leader, or a heartbeat where there are none.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct AppendRequestMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<VoteMessage>,
    #[prost(message, optional, tag = "2")]
    pub(crate) previous: Option<LogIdMessage>,
    // Encoded one by one: the number of entries is checked before any of them is decoded.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(crate) entries: Vec<Bytes>,
    #[prost(message, optional, tag = "4")]
    pub(crate) commit: Option<LogIdMessage>,
}

/// What a follower did with the entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum AppendOutcome {
    Unspecified = 0,
    Success = 1,
    Partial = 2,
    Conflict = 3,
    HigherVote = 4,
}

/// The answer to entries.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct AppendResponseMessage {
    #[prost(enumeration = "AppendOutcome", tag = "1")]
    pub(crate) outcome: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) matched: Option<LogIdMessage>,
    #[prost(message, optional, tag = "3")]
    pub(crate) vote: Option<VoteMessage>,
}

/// A candidate asks for a vote, or a member that may become one asks whether a leader is heard.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct VoteRequestMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<VoteMessage>,
    #[prost(message, optional, tag = "2")]
    pub(crate) last_log_id: Option<LogIdMessage>,
    /// Only the question; no vote is asked for.
    #[prost(bool, tag = "3")]
    pub(crate) probe: bool,
    /// With a probe: a step of a handover. A release that does not know it answers without one.
    #[prost(message, optional, tag = "4")]
    pub(crate) handover: Option<HandoverMessage>,
    /// With a probe: the hashes of the receiver's state are asked for.
    #[prost(bool, tag = "5")]
    pub(crate) compare: bool,
    /// With a probe: the hash that a majority has at an entry where the receiver has another.
    #[prost(message, optional, tag = "6")]
    pub(crate) verdict: Option<PointMessage>,
}

/// An entry, and the hash of the state after it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct PointMessage {
    #[prost(uint64, tag = "1")]
    pub(crate) index: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) hash: Vec<u8>,
}

/// The steps in which a leader hands over, as its members see them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum HandoverStep {
    Unspecified = 0,
    /// Could this member lead?
    Ready = 1,
    /// Follow nobody with a smaller vote than this one.
    Release = 2,
    /// Stand for election now.
    Stand = 3,
}

/// One step of a handover.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct HandoverMessage {
    #[prost(enumeration = "HandoverStep", tag = "1")]
    pub(crate) step: i32,
    /// The vote of the leader to be: the next term, and not committed.
    #[prost(message, optional, tag = "2")]
    pub(crate) vote: Option<VoteMessage>,
}

/// The answer to a step of a handover.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct HandoverAnswerMessage {
    #[prost(bool, tag = "1")]
    pub(crate) accepted: bool,
    /// Why not.
    #[prost(string, tag = "2")]
    pub(crate) reason: String,
}

/// The answer to a candidate.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct VoteResponseMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<VoteMessage>,
    #[prost(bool, tag = "2")]
    pub(crate) granted: bool,
    #[prost(message, optional, tag = "3")]
    pub(crate) last_log_id: Option<LogIdMessage>,
    /// The answer to a probe.
    #[prost(bool, tag = "4")]
    pub(crate) hears_leader: bool,
    /// The answer to a step of a handover.
    #[prost(message, optional, tag = "5")]
    pub(crate) handover: Option<HandoverAnswerMessage>,
    /// The answer to a probe: a committed configuration, later than the one the sender follows, does not have the sender.
    #[prost(bool, tag = "6")]
    pub(crate) removed: bool,
    /// The answer to a probe that compares.
    #[prost(message, repeated, tag = "7")]
    pub(crate) points: Vec<PointMessage>,
}

/// A piece of a snapshot.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ChunkMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<VoteMessage>,
    #[prost(string, tag = "2")]
    pub(crate) snapshot_id: String,
    #[prost(uint64, tag = "3")]
    pub(crate) offset: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) total: u64,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) data: Bytes,
}

/// The answer to a piece: the receiver's vote, and the byte it wants next.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct ChunkAnswerMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<VoteMessage>,
    #[prost(uint64, tag = "2")]
    pub(crate) next_offset: u64,
    #[prost(bool, tag = "3")]
    pub(crate) installed: bool,
}

/// Where the applied state stands: the header of a snapshot, and the meta record of the applied store.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct PositionMessage {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(string, tag = "2")]
    pub(crate) cluster_id: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) applied: Option<LogIdMessage>,
    #[prost(message, optional, tag = "4")]
    pub(crate) membership: Option<StoredMembershipMessage>,
    #[prost(uint64, tag = "5")]
    pub(crate) time_ms: u64,
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) state_hash: Vec<u8>,
    #[prost(uint64, tag = "7")]
    pub(crate) records: u64,
}

/// Whose directory this is.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct IdentityMessage {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(string, tag = "2")]
    pub(crate) cluster_id: String,
    #[prost(uint64, tag = "3")]
    pub(crate) id: u64,
}
