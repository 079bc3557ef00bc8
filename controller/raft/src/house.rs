//! What a member does without being asked: make the applied store durable, take snapshots, look after space, stop when its
//! log has failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::ServerState;
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior};

use crate::applied::Cache;
use crate::log::LogStore;
use crate::options::Options;
use crate::snapshot::SnapshotStore;
use crate::status::Space;
use crate::transfer::Transfer;
use crate::types::Raft;
use crate::work::Work;

/// How often it is looked whether a snapshot is due.
const ROUND: Duration = Duration::from_millis(200);
/// After so many rounds the applied store is made durable and the space is measured.
const MEASURE_ROUNDS: u32 = 5;
/// The log rests where nothing was written for this long.
const REST: Duration = Duration::from_secs(10);
/// A snapshot is taken at least this often while anything changes.
const SNAPSHOT_AGE: Duration = Duration::from_secs(3_600);
/// The log grows by this part of a snapshot before the next one, where the snapshot is so large.
const SNAPSHOT_PART: u64 = 16;
const LARGE_SNAPSHOT: u64 = 16 << 20;
/// So much log is applied again in no time.
const LEAST_LOG_BYTES: u64 = 16 << 20;
/// The log reaches back over two snapshots; where it is longer than that, over one.
const LOG_TIMES: u64 = 3;
/// From this part of the quota on there is an alarm, in per cent.
const ALARM_PERCENT: u64 = 80;
/// Free space below so many segments is an alarm.
const ALARM_SEGMENTS: u64 = 8;
/// What a first snapshot is taken to need.
const LEAST_SNAPSHOT_BYTES: u64 = 16 << 20;

/// What the rounds found, for whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    space: Mutex<Space>,
    snapshot_at: Mutex<Option<Instant>>,
    /// Bytes of the newest snapshot.
    snapshot_bytes: AtomicU64,
}

impl Findings {
    pub(crate) fn space(&self) -> Space {
        self.space.lock().clone()
    }

    /// How long ago the newest snapshot was taken, or found at the start.
    pub(crate) fn snapshot_age(&self) -> Option<Duration> {
        self.snapshot_at.lock().map(|at| at.elapsed())
    }
}

/// Everything a round looks at.
pub(crate) struct House {
    pub(crate) raft: Raft,
    pub(crate) log: LogStore,
    pub(crate) cache: Option<Cache>,
    pub(crate) snapshots: Arc<SnapshotStore>,
    pub(crate) options: Options,
    pub(crate) findings: Arc<Findings>,
    pub(crate) transfer: Arc<Transfer>,
}

impl House {
    /// Runs until the member ends, or its log has failed: a member that cannot write must not go on to lead.
    pub(crate) async fn keep(self) {
        let failed = self.log.clone();
        tokio::select! {
            biased;
            () = failed.failed() => {}
            () = self.rounds() => {}
        }
        // A raft that stops by itself at the same moment is stopped all the same.
        drop(self.raft.shutdown().await);
    }

    async fn rounds(&self) {
        let mut tick = tokio::time::interval(ROUND);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut known, mut asked, mut rested) = (None, None, Instant::now());
        for round in (0..MEASURE_ROUNDS).cycle() {
            tick.tick().await;
            if round == 0 {
                if let Some(cache) = &self.cache {
                    cache.tick();
                }
                self.log.look_for_space();
                if rested.elapsed() >= REST {
                    rested = Instant::now();
                    self.log.rest();
                }
                let space = self.measure().await;
                let refuses = space.refusing.is_some();
                *self.findings.space.lock() = space;
                if refuses {
                    self.step_aside().await;
                }
            }
            let snapshot = self.raft.metrics().borrow().snapshot.map(|id| id.index);
            if snapshot != known {
                known = snapshot;
                *self.findings.snapshot_at.lock() = Some(Instant::now());
                self.findings.snapshot_bytes.store(self.snapshots.newest_bytes(), Ordering::Relaxed);
                self.purge().await;
            }
            self.snapshot_if_due(snapshot, &mut asked).await;
        }
    }

    /// A leader whose disk is full lets one lead that has space. Where there is none it leads on, for reads and deletes.
    async fn step_aside(&self) {
        if self.raft.metrics().borrow().state != ServerState::Leader {
            return;
        }
        match self.transfer.transfer(None).await {
            Ok(next) => tracing::warn!(next = next.name, "the disk is full: another controller leads"),
            Err(error) => tracing::debug!(%error, "the disk is full, and no other controller can lead"),
        }
    }

    /// Asks for a snapshot where one is due; once for each state of affairs.
    async fn snapshot_if_due(&self, snapshot: Option<u64>, asked: &mut Option<(Option<u64>, u64)>) {
        let applied = self.raft.metrics().borrow().last_applied.map_or(0, |id| id.index);
        let since = applied.saturating_sub(snapshot.unwrap_or(0));
        let due = since > 0 && self.is_due(snapshot.unwrap_or(0), since);
        if due && *asked != Some((snapshot, applied)) && self.has_room() {
            *asked = Some((snapshot, applied));
            // A raft that has stopped takes no snapshot, and its log no longer grows.
            drop(self.raft.trigger().snapshot().await);
        }
        if self.log.bytes() > self.options.log_bytes.saturating_mul(LOG_TIMES)
            && let Some(index) = snapshot
        {
            drop(self.raft.trigger().purge_log(index).await);
        }
    }

    /// Entries make a snapshot due, or their bytes, or time; but the log must have grown by a part of what a snapshot
    /// writes, or a large state would be written again and again for the sake of a short log.
    fn is_due(&self, snapshot: u64, since: u64) -> bool {
        let old = self.findings.snapshot_age().is_some_and(|age| age > SNAPSHOT_AGE);
        let bytes = self.log.bytes_after(snapshot);
        let written = self.findings.snapshot_bytes.load(Ordering::Relaxed);
        let worth = if written < LARGE_SNAPSHOT { 0 } else { written / SNAPSHOT_PART };
        let limit = self.options.log_bytes;
        let large = bytes > limit || bytes > worth.max(LEAST_LOG_BYTES);
        old || large || (since >= self.options.snapshot_every && bytes >= worth)
    }

    /// The log reaches back to the snapshot before the newest one, so that a damaged newest one can be done without.
    async fn purge(&self) {
        let snapshots = Arc::clone(&self.snapshots);
        let previous = self.options.work.blocking(move || snapshots.previous()).await;
        if let Some(index) = previous.ok().flatten() {
            drop(self.raft.trigger().purge_log(index).await);
        }
    }

    /// A snapshot that does not fit would end this member, so it is not begun.
    fn has_room(&self) -> bool {
        let needed = self.snapshots.bytes().saturating_mul(2).max(LEAST_SNAPSHOT_BYTES);
        let fits = self.snapshots.has_room(needed);
        if !fits {
            tracing::warn!(needed, "no snapshot is taken: there is no space for it");
        }
        fits
    }

    async fn measure(&self) -> Space {
        let options = self.options.clone();
        let work: Work = options.work.clone();
        let measured = work.blocking(move || {
            let used = ["log", "snapshots", "applied"].map(|part| bytes_below(&options, part)).iter().sum();
            (used, options.disk.free_bytes(&options.dir).unwrap_or(0))
        });
        let (used_bytes, free_bytes) = measured.await.unwrap_or_default();
        let quota_bytes = self.options.quota_bytes;
        let refusing = self.log.refusing();
        let alarm = refusing.clone().or_else(|| self.alarm(used_bytes, free_bytes));
        Space { used_bytes, quota_bytes, free_bytes, alarm, refusing }
    }

    fn alarm(&self, used: u64, free: u64) -> Option<String> {
        let quota = self.options.quota_bytes;
        if used > quota {
            return Some(format!("{used} bytes are used, the quota is {quota}"));
        }
        if used > quota / 100 * ALARM_PERCENT {
            return Some(format!(
                "{used} bytes are used, more than {ALARM_PERCENT} % of the quota of {quota}"
            ));
        }
        let least = self.options.segment_bytes.saturating_mul(ALARM_SEGMENTS);
        (free < least).then(|| format!("{free} bytes are free on the disk, fewer than {least}"))
    }
}

fn bytes_below(options: &Options, part: &str) -> u64 {
    let dir = options.dir.join(part);
    let names = options.disk.list(&dir).unwrap_or_default().into_iter();
    names.filter_map(|name| options.disk.size(&dir.join(name)).ok()).sum()
}
