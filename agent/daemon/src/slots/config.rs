//! Where the slots of a machine are.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// Where the slots of a machine are. Absent, its system is not updated by rollouts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotsConfig {
    /// A directory with META, ROOT-A, HASH-A, ROOT-B, HASH-B and EXT: block devices, or files that stand for them.
    pub parts: Utf8PathBuf,
    /// Where the partition of the loader is mounted.
    pub esp: Utf8PathBuf,
    /// Where init says what runs.
    #[serde(default = "boot_file")]
    pub boot: Utf8PathBuf,
    /// What init is asked to restart by, when it appears.
    #[serde(default = "restart_file")]
    pub restart: Utf8PathBuf,
    /// What init is asked to reset the machine by, when it appears.
    #[serde(default = "reset_file")]
    pub reset: Utf8PathBuf,
    /// The root that releases have to lead to; that of the first release where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_root: Option<Utf8PathBuf>,
    /// The extensions without which a release is no good here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// There is no machine: files stand for its parts, and it restarts in the agent. For trying out.
    #[serde(default)]
    pub simulated: bool,
}

fn boot_file() -> Utf8PathBuf {
    "/run/holdfast/boot.json".into()
}

fn restart_file() -> Utf8PathBuf {
    "/run/holdfast/restart".into()
}

fn reset_file() -> Utf8PathBuf {
    "/run/holdfast/reset".into()
}
