//! What is done to the files of a member that is not running: look into a snapshot, make a directory from one, and save
//! what one surviving member has. Nothing is ever deleted: a directory that is replaced is kept beside the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufReader, Read};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::applied::StateMachine;
use crate::codec::MAX_PEER_TEXT;
use crate::disk::{Disk, RealDisk};
use crate::error::RaftError;
use crate::files::{Act, DirLock, create_dir, sync_dir};
use crate::identity::{self, Identity};
use crate::log::{LogPlace, LogStore};
use crate::machine::Machine;
use crate::open::open;
use crate::options::{MAX_CLUSTER_ID, Options};
use crate::snapshot::{Position, Reader, SnapshotError, SnapshotInfo, SnapshotStore, Taken};
use crate::types::{LogId, Member, Membership, Peer, StoredMembership, Vote};

/// How much of the log is read at once.
const REPLAY_BYTES: usize = 8 << 20;

/// What a directory is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestorePlan {
    /// The cluster the directory is to belong to. It has to differ from every one before, so that members and directories
    /// of the old one are strangers to it.
    pub cluster_id: String,
    /// The member whose directory it is.
    pub id: u64,
    /// The voters, this member among them.
    pub members: Vec<Member>,
}

impl RestorePlan {
    fn check(&self) -> Result<(), RaftError> {
        let refuse = |why: &str| Err(RaftError::Options(why.to_owned()));
        let ids: BTreeSet<u64> = self.members.iter().map(|member| member.id).collect();
        if ids.len() != self.members.len() {
            return refuse("no two members have one id");
        }
        if !ids.contains(&self.id) {
            return refuse("the member whose directory it is is one of the members");
        }
        if self.members.iter().any(|m| m.address.len() > MAX_PEER_TEXT || m.name.len() > MAX_PEER_TEXT) {
            return refuse("a member's name and its address are short");
        }
        if self.cluster_id.is_empty() || self.cluster_id.len() > MAX_CLUSTER_ID {
            return refuse("the cluster id has 1 to 256 bytes");
        }
        Ok(())
    }

    /// The configuration as if the last entry had brought it.
    fn membership(&self, applied: LogId) -> StoredMembership {
        let voters: BTreeSet<u64> = self.members.iter().map(|member| member.id).collect();
        let peers: BTreeMap<u64, Peer> = self.members.iter().map(|m| (m.id, Peer::from(m))).collect();
        StoredMembership::new(Some(applied), Membership::new(vec![voters], peers))
    }
}

/// Reads a snapshot to its end and checks all of it: every checksum, the order of the records and their hash.
///
/// # Errors
///
/// It is damaged, cut off, or written by a newer release.
pub fn inspect(input: impl Read) -> Result<SnapshotInfo, RaftError> {
    let mut reader = Reader::open(BufReader::new(input))?;
    reader.check()?;
    Ok(SnapshotInfo::new(reader.cluster_id(), reader.position(), reader.promised(), reader.bytes()))
}

/// Makes the directory of a member from a snapshot. The directory is not there before, or empty; where this fails it is not
/// there afterwards either.
///
/// # Errors
///
/// The directory holds something, the snapshot is damaged, or the disk refuses.
pub fn restore(dir: &Utf8Path, input: impl Read, plan: &RestorePlan) -> Result<SnapshotInfo, RaftError> {
    plan.check()?;
    if dir.exists() && dir.read_dir_utf8().act("list", dir)?.next().is_some() {
        return Err(RaftError::NotEmpty { dir: dir.to_owned() });
    }
    let making = Making::begin(dir, "restoring")?;
    let mut reader = Reader::open(BufReader::new(input))?;
    let mut position = reader.position().clone();
    let applied = position.applied.ok_or(SnapshotError::Corrupt("it holds nothing"))?;
    position.membership = plan.membership(applied);
    let store = making.snapshots(plan)?;
    let bytes = store.import(&position, &mut reader)?;
    making.log(plan, applied, applied.leader_id.term)?;
    let info = SnapshotInfo::new(&plan.cluster_id, &position, reader.promised(), bytes);
    making.finish(plan, dir)?;
    Ok(info)
}

/// Saves what one member has when a quorum is lost for good. Its state is brought to the end of its log, also by entries of
/// which nobody can say any more whether they were committed: what was acknowledged is among them if this member has it.
/// The result is a member of a new cluster; what the directory was is kept as `DIRECTORY.before-recovery-N`.
///
/// # Errors
///
/// The member runs, the directory is another's or damaged, the plan has other voters, or the disk refuses.
pub fn recover<M: Machine>(
    dir: &Utf8Path,
    old_cluster_id: &str,
    plan: &RestorePlan,
    machine: M,
) -> Result<SnapshotInfo, RaftError> {
    plan.check()?;
    if plan.members.len() != 1 {
        return Err(RaftError::Options(
            "a recovered cluster begins with one voter; others join it".to_owned(),
        ));
    }
    if plan.cluster_id == old_cluster_id {
        return Err(RaftError::Options("a recovered cluster has another id than before".to_owned()));
    }
    let recovered = beside(dir, "recovered");
    if !dir.exists() && recovered.exists() {
        return take_up(dir, &recovered, plan);
    }
    let Some(known) = identity::read(&RealDisk, dir)? else {
        return Err(RaftError::NoState(format!("raft directory `{dir}` belongs to no member")));
    };
    let clock = Arc::new(|| 0);
    let (log, state) = open(&Options::new(known.id, old_cluster_id, dir, clock), machine)?;
    let taken = replayed(dir, &log, &state)?;
    let Some(applied) = taken.position.applied else {
        return Err(RaftError::NoState(format!("raft directory `{dir}` has no entry")));
    };
    let making = Making::begin(dir, "recovering")?;
    let term = log.vote().map_or(0, |vote| vote.leader_id.term).max(applied.leader_id.term);
    let position = Position { membership: plan.membership(applied), ..taken.position };
    let snapshots = making.snapshots(plan)?;
    // Somebody sits before it.
    snapshots.hurry();
    snapshots.save(Taken { position, ..taken })?;
    making.log(plan, applied, term)?;
    drop((log, state));
    if recovered.exists() {
        // One that was cut off before the old directory moved: that one still has all of it.
        fs::remove_dir_all(&recovered).act("remove", &recovered)?;
    }
    // Whole before the old directory moves: from here on either of them can be taken up.
    making.finish(plan, &recovered)?;
    let aside = free_name(dir);
    fs::rename(dir, &aside).act("rename", &aside)?;
    let info = take_up(dir, &recovered, plan)?;
    tracing::info!(%dir, %aside, index = info.index, "recovered; the directory before is kept");
    Ok(info)
}

/// Puts a directory that [`restore`] made in the place of the directory of a member, which is kept beside it as
/// `DIRECTORY.before-recovery-N`. It can be repeated after a cut at any moment.
///
/// # Errors
///
/// The member runs, the directory that was made is another's, or the disk refuses.
pub fn replace(dir: &Utf8Path, made: &Utf8Path, plan: &RestorePlan) -> Result<SnapshotInfo, RaftError> {
    plan.check()?;
    if !made.exists() && is_of(dir, &plan.cluster_id, plan.id)? {
        return newest(dir, plan);
    }
    refuse_foreign(made, plan)?;
    if dir.exists() {
        let lock = DirLock::take(&RealDisk, dir)?.ok_or_else(|| RaftError::Locked { dir: dir.to_owned() })?;
        let aside = free_name(dir);
        fs::rename(dir, &aside).act("rename", &aside)?;
        drop(lock);
        tracing::info!(%dir, %aside, "the directory before is kept");
    }
    take_up(dir, made, plan)
}

/// Whether a directory is that of this member of this cluster.
///
/// # Errors
///
/// What says whose it is cannot be read.
pub fn is_of(dir: &Utf8Path, cluster_id: &str, id: u64) -> Result<bool, RaftError> {
    let known = identity::read(&RealDisk, dir)?;
    Ok(known.is_some_and(|known| known.id == id && known.cluster_id == cluster_id))
}

fn refuse_foreign(dir: &Utf8Path, plan: &RestorePlan) -> Result<(), RaftError> {
    let wanted = Identity { cluster_id: plan.cluster_id.clone(), id: plan.id };
    match identity::read(&RealDisk, dir)? {
        Some(known) if known == wanted => Ok(()),
        Some(known) => Err(RaftError::Foreign { dir: dir.to_owned(), owner: known.to_string() }),
        None => Err(RaftError::NoState(format!("raft directory `{dir}` is not whole"))),
    }
}

/// Gives a recovered directory its name.
fn take_up(dir: &Utf8Path, recovered: &Utf8Path, plan: &RestorePlan) -> Result<SnapshotInfo, RaftError> {
    refuse_foreign(recovered, plan)?;
    fs::rename(recovered, dir).act("rename", dir)?;
    if let Some(parent) = dir.parent() {
        sync_dir(&RealDisk, parent)?;
    }
    newest(dir, plan)
}

/// What the newest snapshot of a directory holds.
fn newest(dir: &Utf8Path, plan: &RestorePlan) -> Result<SnapshotInfo, RaftError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let store = SnapshotStore::open(disk, &dir.join("snapshots"), &plan.cluster_id)?;
    let newest = store.paths()?.into_iter().next();
    let newest =
        newest.ok_or_else(|| RaftError::NoState(format!("raft directory `{dir}` has no snapshot")))?;
    let mut reader = store.read(&newest)?;
    reader.check()?;
    Ok(SnapshotInfo::new(&plan.cluster_id, reader.position(), reader.promised(), reader.bytes()))
}

/// The state at the end of the log.
fn replayed<M: Machine>(dir: &Utf8Path, log: &LogStore, state: &StateMachine<M>) -> Result<Taken, RaftError> {
    let last = log.last();
    while state.shared.applied() < last {
        let next = state.shared.applied().map_or(0, |id| id.index + 1);
        let entries = log.read_now(next, REPLAY_BYTES)?;
        if entries.first().map(|entry| entry.log_id.index) != Some(next) {
            return Err(RaftError::NoState(format!("the log of `{dir}` has no entry {next}")));
        }
        state.shared.replay(entries);
    }
    Ok(state.shared.freeze())
}

fn beside(dir: &Utf8Path, word: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{}.{word}", dir.as_str().trim_end_matches('/')))
}

fn free_name(dir: &Utf8Path) -> Utf8PathBuf {
    let names = (1_u32..).map(|number| beside(dir, &format!("before-recovery-{number}")));
    names.into_iter().find(|name| !name.exists()).unwrap_or_else(|| beside(dir, "before-recovery"))
}

/// A directory that is being made beside the one it will become. Dropped before it is finished, it is gone.
struct Making {
    dir: Utf8PathBuf,
    lock: Arc<DirLock>,
    disk: Arc<dyn Disk>,
    finished: bool,
}

impl Making {
    fn begin(becomes: &Utf8Path, word: &str) -> Result<Self, RaftError> {
        let dir = beside(becomes, word);
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        if dir.exists() {
            // Left behind by a crash half way; nothing but this ever writes there.
            fs::remove_dir_all(&dir).act("remove", &dir)?;
        }
        create_dir(&*disk, &dir)?;
        let lock = DirLock::take(&*disk, &dir)?.ok_or_else(|| RaftError::Locked { dir: dir.clone() })?;
        Ok(Self { dir, lock: Arc::new(lock), disk, finished: false })
    }

    fn snapshots(&self, plan: &RestorePlan) -> Result<SnapshotStore, RaftError> {
        Ok(SnapshotStore::open(Arc::clone(&self.disk), &self.dir.join("snapshots"), &plan.cluster_id)?)
    }

    /// A log that goes on after the snapshot, in no term that was before.
    fn log(&self, plan: &RestorePlan, applied: LogId, term: u64) -> Result<(), RaftError> {
        let options = Options::new(plan.id, plan.cluster_id.clone(), &self.dir, Arc::new(|| 0));
        let place = LogPlace {
            disk: Arc::clone(&self.disk),
            dir: self.dir.join("log"),
            segment_bytes: options.segment_bytes,
            id: plan.id,
            work: options.work,
        };
        let log = LogStore::open(place, Arc::clone(&self.lock))?;
        Ok(log.begin_after(Vote::new(term, plan.id), applied)?)
    }

    /// Names the owner, which makes it whole, and gives it its name.
    fn finish(mut self, plan: &RestorePlan, becomes: &Utf8Path) -> Result<(), RaftError> {
        let owner = Identity { cluster_id: plan.cluster_id.clone(), id: plan.id };
        identity::write(&*self.disk, &self.dir, &owner)?;
        fs::rename(&self.dir, becomes).act("rename", becomes)?;
        self.finished = true;
        becomes.parent().map_or(Ok(()), |parent| Ok(sync_dir(&*self.disk, parent)?))
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            tracing::warn!(dir = %self.dir, %error, "a directory that was made in part is left behind");
        }
    }
}
