//! The configuration file of a controller.

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{AsProblem, Problem, ProblemKind};
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::limits::Limits;

/// One member of the controllers' quorum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberConfig {
    /// Its number, never reused for another disk.
    pub id: u64,
    /// Its name, that of its certificate.
    pub name: String,
    /// `host:port` where the others reach it.
    pub address: String,
}

/// A controller as its operator set it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster's id.
    pub cluster: String,
    /// The cluster's name.
    pub cluster_name: String,
    /// 1 from the founding, and a greater number that nobody else has after each restore and each recovery. Members of another
    /// incarnation are strangers.
    #[serde(default = "first")]
    pub incarnation: u64,
    /// Why this incarnation was begun; empty in the first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub begun: String,
    /// This member's number.
    pub id: u64,
    /// `host:port` to listen on.
    pub listen: String,
    /// Where everything of this controller is kept. `identity/` and `pki/` below it are read, `raft/` is written.
    pub directory: Utf8PathBuf,
    /// The founding members, this one among them; of a controller that joins, those it joins and itself.
    pub members: Vec<MemberConfig>,
    /// Whether this controller joins others, who then tell it who the members are, and founds nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub join: bool,
    /// How long a node may be silent before what it ran is given to others, in milliseconds.
    pub lease_ms: u64,
    /// The law of the founding entry, below the directory: `law/` with `law.toml` and `tenant.cedar`. Read once.
    pub law: Option<Utf8PathBuf>,
    /// How much is answered, of each caller and of all of them.
    #[serde(default)]
    pub limits: Limits,
    /// Bytes that the log, its snapshots and the applied store may take together; above it only what makes the state
    /// smaller is taken. 32 GiB where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_bytes: Option<u64>,
}

fn first() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration `{path}`")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("write configuration `{path}`")]
    Write {
        /// The file.
        path: Utf8PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The text is not a configuration.
    #[error("configuration `{path}`: {reason}")]
    Text {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl AsProblem for ConfigError {
    fn problem(&self) -> Problem {
        let problem = Problem::new(1201, ProblemKind::Invalid, self.to_string());
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => problem.because(source.to_string()),
            Self::Text { .. } => problem,
        }
    }
}

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or does not hold together.
    pub fn load(path: &Utf8Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let fault = |reason: String| ConfigError::Text { path: path.to_owned(), reason };
        let config: Self = toml::from_str(&text).map_err(|error| fault(error.message().to_owned()))?;
        if !config.members.iter().any(|m| m.id == config.id) {
            return Err(fault(format!("member {} is not among the members", config.id)));
        }
        if config.lease_ms < 2_000 {
            return Err(fault(format!(
                "lease_ms is {}: a lease shorter than 2000 ms would lose live nodes",
                config.lease_ms
            )));
        }
        match config.limits.fault() {
            Some(reason) => Err(fault(reason)),
            None => Ok(config),
        }
    }

    /// Writes the configuration, whole or not at all.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn save(&self, path: &Utf8Path) -> Result<(), ConfigError> {
        let fault = |source| ConfigError::Write { path: path.to_owned(), source };
        let text = toml::to_string(self)
            .map_err(|error| ConfigError::Text { path: path.to_owned(), reason: error.to_string() })?;
        // Readable as the umask lets it be: it has no secrets.
        durable::write(path, text.as_bytes(), 0o666).map_err(fault)
    }

    /// Where the law is that the cluster is founded on.
    pub(crate) fn law(&self) -> Utf8PathBuf {
        self.law.clone().unwrap_or_else(|| self.directory.join("law"))
    }

    /// The cluster as raft knows it: in each incarnation another, so that a member of one is a stranger to the next.
    pub(crate) fn raft_cluster(&self) -> String {
        if self.incarnation > 1 {
            format!("{}#{}", self.cluster, self.incarnation)
        } else {
            self.cluster.clone()
        }
    }

    /// This member.
    #[must_use]
    pub fn own(&self) -> Option<&MemberConfig> {
        self.members.iter().find(|m| m.id == self.id)
    }
}
