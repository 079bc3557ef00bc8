//! The order to go on alone: kept on the disk of the controller before it is answered, and carried out when the controller begins
//! again, before anything of the cluster is opened. A cut at any moment leaves the one state or the other.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_raft::RaftError;
use holdfast_raft::offline::{is_of, replace};
use holdfast_types::{AsProblem as _, Problem, ProblemKind, Span, Time};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::alive;
use crate::app::now;
use crate::config::Config;
use crate::durable;
use crate::restore::{Alone, Restored, alone, begins, forget_number, log_place, plan, unlocked};
use crate::told::Told;

/// Below the directory of the controller.
const NAME: &str = "recovery.order";
/// The longest order.
const MAX_BYTES: u64 = 64 << 10;
/// An order that was not begun within this time is void: by then the others may be back.
const VALID: Span = Span::from_secs(600);
/// How long the log may be held by the controller that has just stopped.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a sign of life is given meanwhile.
const SIGN_EVERY: Duration = Duration::from_secs(5);

/// What a controller was ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// The cluster.
    pub(crate) cluster: String,
    /// The controller's number.
    pub(crate) id: u64,
    /// The incarnation that ends.
    pub(crate) incarnation: u64,
    /// Who ordered it, for the record.
    pub(crate) ordered: String,
    /// When.
    pub(crate) at_ms: u64,
    /// Where its state comes from a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backup: Option<FromBackup>,
    /// Why it was not carried out; then it is kept only to be told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) failed: String,
}

/// The state of a backup that lies ready beside the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromBackup {
    /// The incarnation that it was laid ready for.
    pub(crate) begins: u64,
    /// Its revision.
    pub(crate) revision: u64,
}

fn fault(act: &str, path: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(1302, ProblemKind::Failed, "the order to go on alone cannot be kept")
        .because(format!("{act} `{path}`: {error}"))
}

/// Where the state of a backup is laid ready.
pub(crate) fn ready_place(directory: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{}.backup", log_place(directory)))
}

impl Order {
    /// Reads the order of a directory, where there is one.
    pub(crate) fn load(directory: &Utf8Path) -> Result<Option<Self>, Problem> {
        let path = directory.join(NAME);
        let length = match fs::metadata(&path) {
            Ok(file) => file.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault("read", &path, &error)),
        };
        if length > MAX_BYTES {
            let error = io::Error::other(format!("it has {length} bytes, at most {MAX_BYTES} are allowed"));
            return Err(fault("read", &path, &error));
        }
        let text = fs::read_to_string(&path).map_err(|error| fault("read", &path, &error))?;
        let order = toml::from_str(&text).map_err(|error| fault("read", &path, &io::Error::other(error)))?;
        Ok(Some(order))
    }

    /// Keeps it; when this returns no cut can lose it.
    pub(crate) fn save(&self, directory: &Utf8Path) -> Result<(), Problem> {
        let path = directory.join(NAME);
        let tell = |error: io::Error| fault("write", &path, &error);
        let text = toml::to_string(self).map_err(|error| tell(io::Error::other(error)))?;
        durable::write(&path, text.as_bytes(), 0o600).map_err(tell)
    }

    fn remove(directory: &Utf8Path) -> Result<(), Problem> {
        let path = directory.join(NAME);
        fs::remove_file(&path).map_err(|error| fault("remove", &path, &error))
    }

    /// Why it is not to be carried out any more, if so.
    fn void(&self, now: Time) -> Option<String> {
        let age = now.0.abs_diff(self.at_ms);
        (age > VALID.0).then(|| {
            let off = Span(age);
            format!("it was given {off} away from now and holds for {VALID}: the others may be back")
        })
    }

    fn carry_out(&self, config: &Config) -> Result<Restored, Problem> {
        let directory = &config.directory;
        let Some(backup) = &self.backup else {
            let how = Alone { address: None, ordered: &self.ordered, patience: PATIENCE };
            return alone(directory, &how, &signs(directory));
        };
        let own = config.own().cloned().ok_or_else(|| {
            Problem::new(
                1283,
                ProblemKind::Refused,
                format!("controller in `{directory}` cannot go on alone"),
            )
            .because("its configuration does not name it")
        })?;
        let begun = format!("restored from a backup of revision {}{}", backup.revision, self.ordered);
        let (address, log) = (own.address.clone(), log_place(directory));
        let config = begins(config, own, backup.begins, begun);
        let ready = ready_place(directory);
        let taken = unlocked(PATIENCE, || replace(&log, &ready, &plan(&config)));
        let info = taken.map_err(|error: RaftError| error.problem())?;
        config.save(&directory.join("controller.toml")).map_err(|error| error.problem())?;
        Ok(Restored {
            cluster_id: config.cluster,
            incarnation: backup.begins,
            records: info.records,
            state_hash: info.state_hash.to_string(),
            address,
        })
    }

    /// Gives it up, for the reason, which is kept: the controller goes on as what it was.
    fn give_up(self, config: &Config, why: String) -> Result<(), Problem> {
        tracing::error!(why, "an order to go on alone is not carried out");
        forget_number(&config.directory)?;
        remove_ready(&config.directory)?;
        Self { failed: why, ..self }.save(&config.directory)
    }
}

/// Removes what a backup that is not used left beside the log.
pub(crate) fn remove_ready(directory: &Utf8Path) -> Result<(), Problem> {
    let ready = ready_place(directory);
    match fs::remove_dir_all(&ready) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault("remove", &ready, &error)),
        _ => Ok(()),
    }
}

/// Who waits for a log that is replayed sees that this process works.
fn signs(directory: &Utf8Path) -> Told {
    let (directory, last) = (directory.to_owned(), Mutex::new(None::<Instant>));
    Arc::new(move |_| {
        let mut last = last.lock();
        if last.is_none_or(|at| at.elapsed() > SIGN_EVERY) {
            alive::works(&directory);
            *last = Some(Instant::now());
        }
    })
}

/// Carries out what this controller was ordered, if anything, and says as what it begins.
pub(crate) fn carry_out(path: &Utf8Path) -> Result<Config, Problem> {
    let load = || Config::load(path).map_err(|error| error.problem());
    let config = load()?;
    let directory = config.directory.clone();
    let order = match Order::load(&directory) {
        Ok(Some(order)) if order.failed.is_empty() => order,
        Ok(_) => return Ok(config),
        Err(problem) => {
            // It is written whole or not at all, so somebody else did this; nothing was begun.
            tracing::error!(%problem, "an order to go on alone cannot be read");
            return Ok(config);
        }
    };
    let is_ours = order.cluster == config.cluster && order.id == config.id;
    if !is_ours || order.incarnation != config.incarnation {
        // Done but for these last steps, or of another disk.
        if is_ours {
            forget_number(&directory)?;
        }
        Order::remove(&directory)?;
        return Ok(config);
    }
    let untouched = || is_of(&log_place(&directory), &config.raft_cluster(), config.id).unwrap_or(false);
    if let Some(why) = order.void(now()).filter(|_| untouched()) {
        order.give_up(&config, why)?;
        return Ok(config);
    }
    tracing::warn!(order = order.ordered, "this controller was ordered to go on alone");
    match order.carry_out(&config) {
        Ok(restored) => {
            Order::remove(&directory)?;
            let Restored { incarnation, records, state_hash, .. } = restored;
            tracing::warn!(incarnation, records, state_hash, "this controller goes on alone");
            load()
        }
        Err(problem) if untouched() => {
            order.give_up(&config, problem.to_string())?;
            Ok(config)
        }
        Err(problem) => Err(problem),
    }
}
