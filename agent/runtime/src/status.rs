//! What becomes of a task: the stored states, the exit status and the step at which a start failed.

use std::fmt;

use holdfast_types::Time;
use serde::{Deserialize, Serialize};

use crate::id::TaskId;
use crate::spec::TaskSpec;

/// One task as its directory and its shim tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// The name of the task.
    pub id: TaskId,
    /// Where it is in its life.
    pub status: TaskStatus,
    /// What it was asked to run; `None` where the agent died before the specification was written.
    pub spec: Option<TaskSpec>,
    /// Limits and walls this machine could not give: `memory`, `cpu`, `pids`, `proc`.
    pub unenforced: Vec<String>,
    /// When the workload started.
    pub started_at: Option<Time>,
}

/// Where a task is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskStatus {
    /// A shim lives and guards it.
    Running,
    /// It ended, and how.
    Exited(ExitStatus),
    /// Its shim is gone without an exit status: the machine lost power or someone killed the shim. The workload is
    /// dead, how it ended is unknown, and this node never runs it again.
    LostUnknown,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitStatus {
    /// What the kernel said of the workload.
    pub outcome: Outcome,
    /// Why it ended, as far as we know.
    pub reason: ExitReason,
    /// When it ended.
    #[serde(with = "crate::exact::time")]
    pub at: Time,
    /// The offset just past the last byte of the log.
    pub log_end: u64,
    /// Bytes of output that could not be written, because the disk was full.
    pub log_dropped: u64,
}

/// What the kernel said of the workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It called exit.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It never ran.
    NotStarted(StartFailure),
}

/// Why a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitReason {
    /// It returned by itself.
    Exited,
    /// A signal, ours or its own, ended it.
    Signalled,
    /// It, or one of its processes, was killed for memory.
    Oom,
    /// The node's lease passed.
    Fenced,
    /// `stop` was asked for.
    Stopped,
    /// It never ran.
    StartFailed,
}

/// The step at which a start failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartFailure {
    /// The step.
    pub step: StartStep,
    /// The error number of the kernel, 0 where it was not the kernel.
    pub errno: i32,
    /// The object of the step, such as a path.
    pub detail: String,
}

/// The steps of a start, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartStep {
    /// Taking the lock of the task directory.
    Lock,
    /// Reading the specification.
    Spec,
    /// Looking at the lease of a fenced task.
    Lease,
    /// Making the cgroup.
    Cgroup,
    /// Making the user namespace.
    UserNamespace,
    /// Making the network namespace and raising its loopback.
    Network,
    /// Listening on the rendezvous port.
    Rendezvous,
    /// Binding the control socket.
    ControlSocket,
    /// Opening the log.
    Log,
    /// Making the other namespaces.
    Namespaces,
    /// Hearing from the process inside.
    Handshake,
    /// Setting the host name.
    Hostname,
    /// Mounting the image.
    RootFilesystem,
    /// Mounting `/dev`.
    Devices,
    /// Mounting and masking `/proc`.
    Proc,
    /// Mounting a data directory.
    DataMount,
    /// Entering the new root.
    Pivot,
    /// Setting resource limits.
    Limits,
    /// Dropping capabilities and loading the system call filter.
    Confine,
    /// Entering the working directory.
    Cwd,
    /// Executing the entrypoint.
    Exec,
    /// Writing the state file.
    State,
}

impl fmt::Display for StartStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lock => "lock the task directory",
            Self::Spec => "read the specification",
            Self::Lease => "check the lease",
            Self::Cgroup => "make the cgroup",
            Self::UserNamespace => "make a user namespace",
            Self::Network => "make a network namespace",
            Self::Rendezvous => "listen on the rendezvous port",
            Self::ControlSocket => "bind the control socket",
            Self::Log => "open the log",
            Self::Namespaces => "make the namespaces",
            Self::Handshake => "hear from the process inside the sandbox",
            Self::Hostname => "set the host name",
            Self::RootFilesystem => "mount the image",
            Self::Devices => "mount /dev",
            Self::Proc => "mount /proc",
            Self::DataMount => "mount data",
            Self::Pivot => "enter the new root",
            Self::Limits => "set resource limits",
            Self::Confine => "drop privileges",
            Self::Cwd => "enter the working directory",
            Self::Exec => "execute the entrypoint",
            Self::State => "write the state file",
        })
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.detail)?;
        if self.errno != 0 {
            write!(f, ": {}", std::io::Error::from_raw_os_error(self.errno))?;
        }
        Ok(())
    }
}

impl StartFailure {
    pub(crate) fn new(step: StartStep, detail: impl Into<String>) -> Self {
        Self { step, errno: 0, detail: detail.into() }
    }
}

/// Names the step and the object of a failed call.
pub(crate) trait AtStep<T> {
    fn at(self, step: StartStep, detail: impl Into<String>) -> Result<T, StartFailure>;
}

impl<T> AtStep<T> for rustix::io::Result<T> {
    fn at(self, step: StartStep, detail: impl Into<String>) -> Result<T, StartFailure> {
        self.map_err(|errno| StartFailure { step, errno: errno.raw_os_error(), detail: detail.into() })
    }
}

impl<T> AtStep<T> for nix::Result<T> {
    fn at(self, step: StartStep, detail: impl Into<String>) -> Result<T, StartFailure> {
        self.map_err(|errno| StartFailure { step, errno: errno as i32, detail: detail.into() })
    }
}

impl<T> AtStep<T> for std::io::Result<T> {
    fn at(self, step: StartStep, detail: impl Into<String>) -> Result<T, StartFailure> {
        self.map_err(|error| StartFailure {
            step,
            errno: error.raw_os_error().unwrap_or(0),
            detail: if error.raw_os_error().is_some() {
                detail.into()
            } else {
                format!("{}: {error}", detail.into())
            },
        })
    }
}

/// The stored form of a running task: what an adopting agent and `kill_all` need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredState {
    pub(crate) version: u32,
    pub(crate) init: crate::process::ProcessMark,
    pub(crate) unenforced: Vec<String>,
    #[serde(with = "crate::exact::time")]
    pub(crate) started_at: Time,
}
