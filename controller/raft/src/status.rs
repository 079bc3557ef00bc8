//! What a member says of itself. Knows no task.

use crate::digest::StateHash;
use crate::standing::Exclusion;
use crate::types::Member;

/// The part a member of the configuration plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Counts for the quorum.
    Voter,
    /// Receives the log and does not count.
    Learner,
}

/// One member of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Who.
    pub member: Member,
    /// As what.
    pub role: Role,
    /// The last entry it is known to hold; only the leader knows.
    pub matched: Option<u64>,
    /// Why the last call to it failed, where it did.
    pub trouble: Option<String>,
    /// How long ago it answered a call of this member.
    pub heard_ms: Option<u64>,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The id of this member.
    pub id: u64,
    /// Its term.
    pub term: u64,
    /// The leader it follows.
    pub leader: Option<Member>,
    /// The last entry of its log.
    pub last_log: Option<u64>,
    /// The last entry it has applied.
    pub applied: Option<u64>,
    /// The last entry that its newest snapshot includes.
    pub snapshot_index: Option<u64>,
    /// The last entry that its log no longer has.
    pub purged: Option<u64>,
    /// The entry that carried the configuration it follows.
    pub configured: Option<u64>,
    /// The configuration it follows.
    pub members: Vec<MemberStatus>,
    /// The hash of its applied state; equal on all members at the same applied entry.
    pub state_hash: StateHash,
    /// Bytes of the entries in its log.
    pub log_bytes: u64,
    /// Syncs of the log since the start.
    pub fsyncs: u64,
    /// Records written to the log since the start.
    pub records: u64,
    /// Commands handed to raft since the start.
    pub proposals: u64,
    /// Batches they travelled in.
    pub batches: u64,
    /// Why this member refuses writes or has stopped, if so.
    pub failure: Option<String>,
    /// Why this member takes no part, if so.
    pub excluded: Option<Exclusion>,
}
