//! What a member is started with.

use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use openraft::{Config, SnapshotPolicy};

use crate::disk::{Disk, RealDisk};
use crate::work::Work;

/// Milliseconds since the Unix epoch; read only by the leader, when it gathers a batch.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Log segments of this size are reserved ahead.
pub(crate) const SEGMENT_BYTES: u64 = 16 << 20;
const LEAST_SEGMENT_BYTES: u64 = 4 << 10;
const MOST_SEGMENT_BYTES: u64 = 128 << 20;
/// How long a proposal waits for its commit before its outcome is called unknown.
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(10);
const CATCH_UP: Duration = Duration::from_secs(60);
const COMPARE: Duration = Duration::from_secs(10);
/// Beyond this much log a snapshot is taken whatever its number of entries: so much a start has to apply again.
const LOG_BYTES: u64 = 64 << 20;
/// What log, snapshots and applied store may take together.
const QUOTA_BYTES: u64 = 32 << 30;
/// How many entries one call for replication carries at most.
const ENTRIES_PER_CALL: u64 = 256;
/// openraft's own limit on installing a snapshot; the pieces have a limit of their own.
const SNAPSHOT_TIMEOUT_MS: u64 = 600_000;

/// The longest cluster id, in bytes.
pub(crate) const MAX_CLUSTER_ID: usize = 256;

/// What a member is started with.
#[derive(Clone)]
pub struct Options {
    /// The raft id of this member, never reused.
    pub id: u64,
    /// The cluster; a member answers no other.
    pub cluster_id: String,
    /// The directory of this member; it belongs to it alone.
    pub dir: Utf8PathBuf,
    /// How often the leader is heard.
    pub heartbeat: Duration,
    /// After how long a silent leader is replaced: least and most.
    pub election: (Duration, Duration),
    /// Entries between two snapshots.
    pub snapshot_every: u64,
    /// Bytes of log since a snapshot beyond which the next one is taken, whatever its number of entries.
    pub log_bytes: u64,
    /// Bytes of one log segment.
    pub segment_bytes: u64,
    /// How long a proposal waits for its commit.
    pub propose_timeout: Duration,
    /// How long a learner that is to vote may go on without an entry or a piece of a snapshot arriving.
    pub catch_up: Duration,
    /// How often the leader compares the states of the members.
    pub compare: Duration,
    /// The clock of the daemon.
    pub clock: Clock,
    /// Bytes that log, snapshots and applied store may take together before growing commands should be refused.
    pub quota_bytes: u64,
    /// The disk; another one only in a simulation.
    pub disk: Arc<dyn Disk>,
    /// Where file work is done; elsewhere than on threads only in a simulation.
    pub work: Work,
    /// Whether a copy of the applied state is kept on sled, which stands in where no snapshot can be read. It is on the real
    /// disk always.
    pub applied_copy: bool,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("id", &self.id).field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Options {
    /// The usual options for a local network.
    #[must_use]
    pub fn new(id: u64, cluster_id: impl Into<String>, dir: impl Into<Utf8PathBuf>, clock: Clock) -> Self {
        Self {
            id,
            cluster_id: cluster_id.into(),
            dir: dir.into(),
            heartbeat: Duration::from_millis(100),
            election: (Duration::from_millis(300), Duration::from_millis(600)),
            snapshot_every: 5_000,
            log_bytes: LOG_BYTES,
            segment_bytes: SEGMENT_BYTES,
            propose_timeout: PROPOSE_TIMEOUT,
            catch_up: CATCH_UP,
            compare: COMPARE,
            clock,
            quota_bytes: QUOTA_BYTES,
            disk: Arc::new(RealDisk),
            work: Work::Threads,
            applied_copy: true,
        }
    }

    /// openraft's configuration.
    pub(crate) fn config(&self) -> Result<Config, String> {
        if !(LEAST_SEGMENT_BYTES..=MOST_SEGMENT_BYTES).contains(&self.segment_bytes) {
            return Err(format!("a segment has {LEAST_SEGMENT_BYTES} to {MOST_SEGMENT_BYTES} bytes"));
        }
        if self.cluster_id.is_empty() || self.cluster_id.len() > MAX_CLUSTER_ID {
            return Err("the cluster id has 1 to 256 bytes".to_owned());
        }
        if self.snapshot_every == 0 {
            return Err("there is at least one entry between two snapshots".to_owned());
        }
        let config = Config {
            cluster_name: self.cluster_id.clone(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election.0),
            election_timeout_max: millis(self.election.1),
            install_snapshot_timeout: SNAPSHOT_TIMEOUT_MS,
            max_payload_entries: ENTRIES_PER_CALL,
            // Snapshots are asked for where there is space for them, and entries purged after that, see `house`.
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: u64::MAX,
            // Standing for election is allowed from moment to moment, see `election`.
            enable_elect: false,
            replication_lag_threshold: self.snapshot_every.saturating_mul(3),
            ..Config::default()
        };
        config.validate().map_err(|error| error.to_string())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
