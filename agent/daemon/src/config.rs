//! The configuration file of an agent, and where it keeps things.

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{Bytes, DeviceClass, Millicores, Problem, ProblemKind};
use serde::{Deserialize, Serialize};

use crate::slots::SlotsConfig;

/// Accelerators that are not there, for trying out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulated {
    /// How many.
    pub count: u32,
    /// Whose.
    pub class: DeviceClass,
    /// How much memory each.
    pub memory: Bytes,
}

/// The controller on the machine of an agent. The node takes no work then: nothing shall stand in the way of the controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnController {
    /// Where the controller keeps everything.
    pub directory: Utf8PathBuf,
    /// The jurisdiction of the machine, needed in a cluster of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
}

/// An agent as its operator set it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything of this agent is kept.
    pub directory: Utf8PathBuf,
    /// The node's name.
    pub name: String,
    /// `host:port` of the controllers.
    pub controllers: Vec<String>,
    /// `host:port` of the data port.
    pub data_listen: String,
    /// `host:port` of the gang relay.
    pub relay_listen: String,
    /// The host others reach those ports at; that of the listen addresses where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise: Option<String>,
    /// A file with a one-time join token, deleted once the node has its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_token_file: Option<Utf8PathBuf>,
    /// The controller of this machine, which lets the node in without a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<OwnController>,
    /// Accelerators that are not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<Simulated>,
    /// The processors offered; all of them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<Millicores>,
    /// The memory offered; all of it where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// The slots of this machine; without them no rollout touches its system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<SlotsConfig>,
    /// The root below which the machine is discovered.
    #[serde(default = "slash")]
    pub root: Utf8PathBuf,
}

fn slash() -> Utf8PathBuf {
    "/".into()
}

fn invalid(path: &Utf8Path, because: String) -> Problem {
    Problem::new(6201, ProblemKind::Invalid, format!("configuration `{path}` cannot be used"))
        .because(because)
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read or a field is wrong.
    pub fn load(path: &Utf8Path) -> Result<Self, Problem> {
        let text = std::fs::read_to_string(path).map_err(|error| invalid(path, error.to_string()))?;
        let config: Self =
            toml::from_str(&text).map_err(|error| invalid(path, error.message().to_owned()))?;
        if config.controllers.is_empty() {
            return Err(invalid(path, "controllers: is empty".to_owned()));
        }
        Ok(config)
    }

    /// Where the agent keeps a kind of thing.
    #[must_use]
    pub fn path(&self, name: &str) -> Utf8PathBuf {
        self.directory.join(name)
    }

    /// The address others reach a port of ours at.
    #[must_use]
    pub fn advertised(&self, listen: &str) -> String {
        match (&self.advertise, listen.rsplit_once(':')) {
            (Some(host), Some((_, port))) => format!("{host}:{port}"),
            _ => listen.to_owned(),
        }
    }
}
