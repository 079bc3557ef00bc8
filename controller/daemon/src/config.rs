//! The configuration file of a controller.

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{AsProblem, Problem, ProblemKind};
use serde::{Deserialize, Serialize};

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
    /// This member's number.
    pub id: u64,
    /// `host:port` to listen on.
    pub listen: String,
    /// Where everything of this controller is kept. `identity/` and `pki/` below it are read, `raft/` is written.
    pub directory: Utf8PathBuf,
    /// The founding members, this one among them.
    pub members: Vec<MemberConfig>,
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
            Self::Read { source, .. } => problem.because(source.to_string()),
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

    /// This member.
    #[must_use]
    pub fn own(&self) -> Option<&MemberConfig> {
        self.members.iter().find(|m| m.id == self.id)
    }
}
