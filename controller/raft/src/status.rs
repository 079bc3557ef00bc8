//! What a member says of itself. Knows no task.

use crate::digest::StateHash;
use crate::latency::LatencyCounts;
use crate::standing::Exclusion;
use crate::start::Start;
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

/// The space of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Space {
    /// Bytes that log, snapshots and applied store take.
    pub used_bytes: u64,
    /// What they may take.
    pub quota_bytes: u64,
    /// Bytes that are free on the disk.
    pub free_bytes: u64,
    /// What an operator should do something about, in words.
    pub alarm: Option<String>,
    /// Why writes are refused until there is space again, if so.
    pub refusing: Option<String>,
}

impl Space {
    /// Whether more is used than the quota allows; then only what makes the state smaller should be taken.
    #[must_use]
    pub fn over_quota(&self) -> bool {
        self.used_bytes > self.quota_bytes
    }
}

/// How long the parts of a write take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latencies {
    /// Syncs of the log.
    pub fsync: LatencyCounts,
    /// From the proposal of a batch to its results; on the leader.
    pub commit: LatencyCounts,
    /// Applying what was committed together.
    pub apply: LatencyCounts,
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
    /// Why this member refuses writes for good or has stopped, if so.
    pub failure: Option<String>,
    /// Why this member takes no part, if so.
    pub excluded: Option<Exclusion>,
    /// Its space.
    pub space: Space,
    /// What it began from when it was started.
    pub start: Start,
    /// How often another leader was heard of since the start.
    pub leader_changes: u64,
    /// How long ago the newest snapshot was taken, or found at the start, in milliseconds.
    pub snapshot_age_ms: Option<u64>,
    /// How long the parts of a write take.
    pub latency: Latencies,
}
