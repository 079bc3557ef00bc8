//! What a task is to run: the stored, versioned specification that the agent writes and the shim reads.

use std::fmt;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use holdfast_types::{Bytes, Millicores, Span};
use serde::{Deserialize, Serialize};

use crate::id::TaskId;

/// The version of the stored form this build writes; older ones are read for ever, newer ones are refused.
pub const SPEC_VERSION: u32 = 1;

/// Where programs are looked for when the environment does not say.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const MAX_LIST: usize = 4096;
const MAX_MOUNTS: usize = 256;
const MAX_TEXT: usize = 128 * 1024;
const MAX_HOSTNAME: usize = 64;
const MAX_PATH: usize = 4000;

/// One task: what runs, in which root, with which mounts, limits and doors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// The version of this form, [`SPEC_VERSION`] for new ones.
    pub version: u32,
    /// The name of the task on this node.
    pub id: TaskId,
    /// The directory of the image's files. It is mounted read-only and never written.
    pub rootfs: Utf8PathBuf,
    /// The program and its arguments. A program without `/` is looked up in `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: Env,
    /// The working directory inside the sandbox.
    pub cwd: Utf8PathBuf,
    /// Data, checkpoint and model directories.
    #[serde(default)]
    pub mounts: Vec<DataMount>,
    /// The size of the private `/tmp`.
    #[serde(with = "crate::exact::bytes")]
    pub tmp: Bytes,
    /// The size of `/dev/shm`; data loaders of trainers need gigabytes.
    #[serde(with = "crate::exact::bytes")]
    pub shm: Bytes,
    /// What the task may use.
    #[serde(default)]
    pub limits: Limits,
    /// How much of the output is kept.
    #[serde(default)]
    pub log: LogPolicy,
    /// The way out of the sandbox, if any.
    #[serde(default)]
    pub network: Network,
    /// How long `stop` waits between SIGTERM and SIGKILL when the caller names no other time.
    #[serde(with = "crate::exact::span")]
    pub stop_grace: Span,
    /// The host name the workload sees.
    pub hostname: String,
    /// Host device nodes below `/dev` that appear inside at the same path.
    #[serde(default)]
    pub devices: Vec<Utf8PathBuf>,
    /// Whether the task dies when the node's lease passes. Only work that may safely run twice goes unfenced.
    pub fenced: bool,
}

/// The environment of a workload. `Debug` shows names alone, because values may be secret.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Env(pub Vec<(String, String)>);

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A host directory or file made visible inside the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataMount {
    /// The path on the host.
    pub source: Utf8PathBuf,
    /// The path inside; it need not exist in the image.
    pub target: Utf8PathBuf,
    /// Whether the workload may write.
    pub mode: Access,
}

/// What a workload may do with a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Read alone.
    #[serde(rename = "ro")]
    ReadOnly,
    /// Read and write.
    #[serde(rename = "rw")]
    ReadWrite,
}

/// What a task may use; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Memory, page cache included.
    #[serde(default, with = "crate::exact::bytes_option")]
    pub memory: Option<Bytes>,
    /// Processor time.
    #[serde(default, with = "crate::exact::millicores_option")]
    pub cpu: Option<Millicores>,
    /// Processes and threads.
    #[serde(default)]
    pub pids: Option<u64>,
}

/// How much of the output is kept: the newest `files` segments of `max_bytes` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPolicy {
    /// The size of one segment.
    #[serde(with = "crate::exact::bytes")]
    pub max_bytes: Bytes,
    /// How many segments are kept, the growing one included.
    pub files: u32,
}

impl Default for LogPolicy {
    fn default() -> Self {
        Self { max_bytes: Bytes(16 << 20), files: 8 }
    }
}

/// The way out of the sandbox. There is never an interface but loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Network {
    /// No way out at all.
    #[default]
    None,
    /// One loopback port of the task is joined to the other ranks of its gang by [`crate::rendezvous`].
    Rendezvous {
        /// The port on 127.0.0.1 inside the sandbox.
        port: u16,
        /// Which end the workload has.
        role: RendezvousRole,
    },
}

/// Which end of the rendezvous a workload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RendezvousRole {
    /// The workload listens (rank 0); others are connected to it.
    Serve,
    /// The workload connects (every other rank); the shim listens in its place.
    Connect,
}

/// Why a specification cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}` {reason}")]
pub struct SpecError {
    /// The field at fault.
    pub field: &'static str,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

impl TaskSpec {
    /// A specification with no mounts, no limits, no network, unfenced, and ordinary sizes.
    #[must_use]
    pub fn new(id: TaskId, rootfs: Utf8PathBuf, argv: Vec<String>) -> Self {
        Self {
            version: SPEC_VERSION,
            hostname: id.as_str().chars().take(MAX_HOSTNAME).collect(),
            id,
            rootfs,
            argv,
            env: Env(vec![("PATH".into(), DEFAULT_PATH.into())]),
            cwd: "/".into(),
            mounts: Vec::new(),
            tmp: Bytes(256 << 20),
            shm: Bytes(64 << 20),
            limits: Limits::default(),
            log: LogPolicy::default(),
            network: Network::None,
            stop_grace: Span(10_000),
            devices: Vec::new(),
            fenced: false,
        }
    }

    /// Checks everything that can be checked without touching the machine.
    pub fn validate(&self) -> Result<(), SpecError> {
        if self.version == 0 || self.version > SPEC_VERSION {
            return refuse("version", format!("is {}; this build knows 1 to {SPEC_VERSION}", self.version));
        }
        absolute("rootfs", &self.rootfs)?;
        absolute("cwd", &self.cwd)?;
        self.validate_program()?;
        self.validate_mounts()?;
        for device in &self.devices {
            absolute("devices", device)?;
            if !device.starts_with("/dev") || device == "/dev" {
                return refuse("devices", format!("names `{device}`, which is not below /dev"));
            }
        }
        let host = &self.hostname;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if host.is_empty() || host.len() > MAX_HOSTNAME || !host.chars().all(plain) {
            return refuse(
                "hostname",
                format!("must be 1 to {MAX_HOSTNAME} letters, digits, `.`, `_` or `-`"),
            );
        }
        if self.log.files == 0 || self.log.max_bytes.0 < 4096 {
            return refuse("log", "must keep at least one file of 4096 bytes".to_owned());
        }
        if matches!(self.network, Network::Rendezvous { port: 0, .. }) {
            return refuse("network", "names port 0; a rendezvous needs a fixed port".to_owned());
        }
        Ok(())
    }

    fn validate_program(&self) -> Result<(), SpecError> {
        if self.argv.first().is_none_or(String::is_empty) {
            return refuse("argv", "is empty; it must name a program".to_owned());
        }
        let size: usize = self.argv.iter().map(String::len).sum();
        if self.argv.len() > MAX_LIST || size > MAX_TEXT || self.argv.iter().any(|a| a.contains('\0')) {
            return refuse(
                "argv",
                format!("must be at most {MAX_LIST} texts, {MAX_TEXT} bytes, without NUL"),
            );
        }
        let size: usize = self.env.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        if self.env.0.len() > MAX_LIST || size > MAX_TEXT {
            return refuse("env", format!("must be at most {MAX_LIST} entries and {MAX_TEXT} bytes"));
        }
        for (name, value) in &self.env.0 {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return refuse("env", format!("has the name or value of `{name}` empty or with `=` or NUL"));
            }
        }
        Ok(())
    }

    fn validate_mounts(&self) -> Result<(), SpecError> {
        if self.mounts.len() > MAX_MOUNTS {
            return refuse("mounts", format!("has {} entries; at most {MAX_MOUNTS}", self.mounts.len()));
        }
        for mount in &self.mounts {
            absolute("mounts", &mount.source)?;
            absolute("mounts", &mount.target)?;
            let target = &mount.target;
            let ours = target == "/" || target.starts_with("/proc") || target.starts_with("/sys");
            let whole = target == "/tmp" || target == "/etc" || target == "/etc/hosts";
            if ours || whole || target.starts_with("/dev") {
                return refuse("mounts", format!("targets `{target}`, which belongs to the sandbox itself"));
            }
        }
        let mut targets: Vec<&Utf8Path> = self.mounts.iter().map(|m| m.target.as_path()).collect();
        targets.sort_unstable();
        if let Some(pair) = targets.windows(2).find(|pair| pair.first() == pair.last()) {
            return refuse("mounts", format!("targets `{}` twice", pair.first().map_or("", |p| p.as_str())));
        }
        Ok(())
    }
}

fn refuse<T>(field: &'static str, reason: String) -> Result<T, SpecError> {
    Err(SpecError { field, reason })
}

fn absolute(field: &'static str, path: &Utf8Path) -> Result<(), SpecError> {
    let plain = path.components().all(|c| matches!(c, Utf8Component::RootDir | Utf8Component::Normal(_)));
    let text = path.as_str();
    if path.is_absolute() && plain && text.len() <= MAX_PATH && !text.contains('\0') {
        Ok(())
    } else {
        refuse(field, format!("has `{path}`, which is not an absolute path without `..`"))
    }
}

#[cfg(test)]
mod tests;
