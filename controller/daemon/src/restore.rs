//! Beginning a cluster again: from a backup, or from what one disk still has. Both end in the directory of one controller, in
//! an incarnation of the cluster that was never before; more controllers join it as they join any.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::store::BackupFacts;
use holdfast_identity::{BackupKey, CONTROLLER_VALIDITY, ClusterCa, Identity, Principal};
use holdfast_raft::offline::{RestorePlan, recover as recover_log, restore as restore_log};
use holdfast_raft::{Member, RaftError, SnapshotInfo};
use holdfast_types::{AsProblem as _, NodeName, Problem, ProblemKind, Time};

use crate::backup::{Content, check, read};
use crate::config::{Config, MemberConfig};
use crate::incarnation::fresh;
use crate::join::refuse_used;
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::material;
use crate::told::{Told, ToldMachine};

/// Below the directory of a controller whose recovery has begun: the configuration it had, with the new incarnation.
const MARK: &str = "recovering.toml";
/// How often a log that is still held is tried.
const LOCK_RETRY: Duration = Duration::from_millis(100);

/// What a cluster is restored with.
#[expect(missing_debug_implementations, reason = "it holds a private key")]
pub struct RestoreOptions {
    /// The backup.
    pub file: Utf8PathBuf,
    /// The key that opens it.
    pub key: BackupKey,
    /// The cluster the operator means.
    pub cluster: String,
    /// The incarnation to begin; one that nobody else begins where not given.
    pub incarnation: Option<u64>,
    /// Where the first controller keeps everything; empty or not there.
    pub directory: Utf8PathBuf,
    /// The name of the first controller.
    pub name: NodeName,
    /// `host:port` at which it is reached.
    pub address: String,
    /// `host:port` it listens on.
    pub listen: String,
}

/// A cluster that was begun again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Its id.
    pub cluster_id: String,
    /// The incarnation that begins when the controller is started.
    pub incarnation: u64,
    /// How many records of state there are.
    pub records: u64,
    /// The hash of the state it goes on with; empty where that was found out before a cut.
    pub state_hash: String,
    /// Where the controller is reached.
    pub address: String,
}

pub(crate) fn failed(because: impl Into<String>) -> Problem {
    Problem::new(1282, ProblemKind::Failed, "the cluster cannot be begun again").because(because)
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Makes the directory of the first controller from a backup. The whole backup is proved before anything is written: it is read
/// three times.
///
/// # Errors
///
/// Where the backup is damaged, of another cluster or not for the key, the directory is used, or the disk refuses.
pub fn restore(options: &RestoreOptions, told: &Told) -> Result<Restored, Problem> {
    let RestoreOptions { file, key, directory, .. } = options;
    refuse_used(directory)?;
    let facts = check(file, key, told)?.facts.unwrap_or_default();
    let incarnation = next_incarnation(options, &facts)?;
    let making = Utf8PathBuf::from(format!("{}.restoring", directory.as_str().trim_end_matches('/')));
    if making.exists() {
        // Left behind by a restore that was cut off; nothing else writes there.
        std::fs::remove_dir_all(&making).map_err(|error| failed(format!("remove `{making}`: {error}")))?;
    }
    let config = config(options, &facts, incarnation);
    let done = fill(options, &making, &config, told);
    let info = done.inspect_err(|_| {
        // The error that matters is the first one.
        let _ = std::fs::remove_dir_all(&making);
    })?;
    let moved = |error: std::io::Error| failed(format!("rename `{making}` to `{directory}`: {error}"));
    std::fs::rename(&making, directory).map_err(moved)?;
    let (cluster_id, address) = (facts.cluster_id, options.address.clone());
    let (records, state_hash) = (info.records, info.state_hash.to_string());
    Ok(Restored { cluster_id, incarnation, records, state_hash, address })
}

fn next_incarnation(options: &RestoreOptions, facts: &BackupFacts) -> Result<u64, Problem> {
    if options.cluster != facts.cluster_id {
        let problem = Problem::new(1278, ProblemKind::Refused, "the backup is of another cluster");
        return Err(problem
            .because(format!("it is of `{}`, you mean `{}`", facts.cluster_id, options.cluster))
            .next(format!("holdfast cluster restore FILE --cluster {}", facts.cluster_id)));
    }
    let least = facts.incarnation.saturating_add(1);
    match options.incarnation {
        Some(asked) if asked < least => {
            Err(failed(format!("incarnation {asked} was already: the backup is of {}", facts.incarnation)))
        }
        Some(asked) => Ok(asked),
        None => fresh(facts.incarnation, now()).map_err(failed),
    }
}

fn config(options: &RestoreOptions, facts: &BackupFacts, incarnation: u64) -> Config {
    // No number that any controller had: its disk may still be somewhere.
    let id = facts.greatest_controller.saturating_add(1);
    let (name, address) = (options.name.to_string(), options.address.clone());
    Config {
        cluster: facts.cluster_id.clone(),
        cluster_name: facts.cluster_name.clone(),
        incarnation,
        begun: format!("restored from a backup of revision {}", facts.revision),
        id,
        listen: options.listen.clone(),
        directory: options.directory.clone(),
        members: vec![MemberConfig { id, name, address }],
        join: false,
        lease_ms: facts.lease_ms,
        quota_bytes: None,
        law: None,
        limits: Limits::default(),
    }
}

pub(crate) fn plan(config: &Config) -> RestorePlan {
    let members = config.members.iter().map(|member| Member {
        id: member.id,
        address: member.address.clone(),
        name: member.name.clone(),
    });
    RestorePlan { cluster_id: config.raft_cluster(), id: config.id, members: members.collect() }
}

/// Writes all of the directory; the configuration, which makes it one, comes last.
fn fill(
    options: &RestoreOptions,
    making: &Utf8Path,
    config: &Config,
    told: &Told,
) -> Result<SnapshotInfo, Problem> {
    std::fs::create_dir_all(making).map_err(|error| failed(format!("create `{making}`: {error}")))?;
    let (_, info) = read(&options.file, &options.key, told, |content: &Content, state| {
        material::write(making, &content.files)?;
        restore_log(&making.join("raft"), state, &plan(config)).map_err(|error| error.problem())
    })?;
    let ca = ClusterCa::load(&making.join("pki")).map_err(|error| error.problem())?;
    if ca.cluster().to_string() != config.cluster {
        return Err(failed(format!("the CA in the backup is of cluster `{}`", ca.cluster())));
    }
    let (key, request) = Identity::generate_csr().map_err(|error| error.problem())?;
    let principal = Principal::Controller { name: options.name.clone() };
    let issued = ca.issue(&request, &principal, CONTROLLER_VALIDITY, now()).map_err(|e| e.problem())?;
    let identity = Identity::from_pem(&issued.chain_pem, key).map_err(|error| error.problem())?;
    let place = making.join("identity");
    std::fs::create_dir_all(&place).map_err(|error| failed(format!("create `{place}`: {error}")))?;
    identity.save(&place.join("chain.pem"), &place.join("key.pem")).map_err(|error| error.problem())?;
    config.save(&making.join("controller.toml")).map_err(|error| error.problem())?;
    Ok(info)
}

/// Makes of one controller whose others are lost the only one of a new incarnation. What its raft directory was is kept
/// beside it. Who is told hears of every record and command that its state is made of.
///
/// # Errors
///
/// Where the controller runs, its directory is damaged, or the disk refuses.
pub fn recover(directory: &Utf8Path, address: Option<&str>, told: &Told) -> Result<Restored, Problem> {
    alone(directory, &Alone { address, ordered: "", patience: Duration::ZERO }, told)
}

/// How a controller is made the only one.
pub(crate) struct Alone<'a> {
    /// Where it is reached from now on, where that changes.
    pub(crate) address: Option<&'a str>,
    /// Who ordered it, for the record.
    pub(crate) ordered: &'a str,
    /// How long its log may still be held by who has just stopped.
    pub(crate) patience: Duration,
}

/// As [`recover`].
pub(crate) fn alone(directory: &Utf8Path, how: &Alone<'_>, told: &Told) -> Result<Restored, Problem> {
    let path = directory.join("controller.toml");
    let old = Config::load(&path).map_err(|error| error.problem())?;
    let refused = |because: &str| {
        Problem::new(1283, ProblemKind::Refused, format!("controller in `{directory}` cannot go on alone"))
            .because(because)
    };
    let own = old.own().cloned().ok_or_else(|| refused("its configuration does not name it"))?;
    let address = how.address.unwrap_or(&own.address).to_owned();
    let mark = directory.join(MARK);
    let (incarnation, begun_before) = intended(&mark, &old)?;
    let begun = format!("recovered from what {} had{}", own.name, how.ordered);
    let config = begins(&old, MemberConfig { address: address.clone(), ..own }, incarnation, begun);
    let wanted = plan(&config);
    let raft = log_place(directory);
    let machine = || {
        let machine = StateMachine::new(holdfast_state::NEWEST_LEVEL);
        ToldMachine { machine, told: Arc::clone(told) }
    };
    let taken = unlocked(how.patience, || recover_log(&raft, &old.raft_cluster(), &wanted, machine()));
    let (records, state_hash) = match taken {
        Ok(info) => (info.records, info.state_hash.to_string()),
        // The last step of a recovery that was cut off: only the configuration is still the old one.
        Err(RaftError::Foreign { owner, .. })
            if owner == format!("member {} of cluster `{}`", wanted.id, wanted.cluster_id) =>
        {
            (0, String::new())
        }
        Err(RaftError::Locked { .. }) => {
            if !begun_before {
                forget_number(directory)?;
            }
            return Err(refused("it runs").next("stop it, then repeat the command"));
        }
        Err(error) => return Err(error.problem()),
    };
    config.save(&path).map_err(|error| error.problem())?;
    forget_number(directory)?;
    Ok(Restored { cluster_id: config.cluster, incarnation, records, state_hash, address })
}

/// The configuration of a controller that goes on alone.
pub(crate) fn begins(old: &Config, own: MemberConfig, incarnation: u64, begun: String) -> Config {
    Config { incarnation, begun, members: vec![own], join: false, ..old.clone() }
}

/// Forgets the number that was drawn for a recovery: it is done, or nothing was changed. Left there, it would be copied with
/// the disk, and two that are recovered apart would begin the same incarnation.
pub(crate) fn forget_number(directory: &Utf8Path) -> Result<(), Problem> {
    let mark = directory.join(MARK);
    match std::fs::remove_file(&mark) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed(format!("remove `{mark}`: {error}")))
        }
        _ => Ok(()),
    }
}

/// Where the log of a controller is. On a machine of the appliance that is another volume: what replaces it has to be made
/// there, for it is taken up by giving it another name.
pub(crate) fn log_place(directory: &Utf8Path) -> Utf8PathBuf {
    let place = directory.join("raft");
    place.read_link_utf8().map(|target| directory.join(target)).unwrap_or(place)
}

/// Tries again while whoever had the log is still on its way out.
pub(crate) fn unlocked<T>(
    patience: Duration,
    mut act: impl FnMut() -> Result<T, RaftError>,
) -> Result<T, RaftError> {
    let deadline = Instant::now() + patience;
    loop {
        match act() {
            Err(RaftError::Locked { .. }) if Instant::now() < deadline => {
                std::thread::park_timeout(LOCK_RETRY)
            }
            done => return done,
        }
    }
}

/// The incarnation that a recovery begins, kept before anything is changed: one that was cut off goes on with its own. And whether
/// one had begun.
fn intended(mark: &Utf8Path, old: &Config) -> Result<(u64, bool), Problem> {
    let kept = mark.exists().then(|| Config::load(mark).map_err(|error| error.problem())).transpose()?;
    if let Some(kept) = kept.filter(|kept| kept.id == old.id && kept.incarnation > old.incarnation) {
        return Ok((kept.incarnation, true));
    }
    let incarnation = fresh(old.incarnation, now()).map_err(failed)?;
    let intended = Config { incarnation, ..old.clone() };
    intended.save(mark).map_err(|error| error.problem())?;
    Ok((incarnation, false))
}
