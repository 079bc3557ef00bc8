//! Runs one task of a gang as an OCI container in our own sandbox, without a container daemon.
//!
//! Three processes share the work. The **zygote** is a single-threaded helper of the agent that only forks. Each task
//! has a **shim**, forked by the zygote, which owns everything that must survive the agent: the control socket, the log
//! pipe, the cgroup, the network namespace and the exit status. Inside the sandbox a tiny **init** is process 1 and the
//! workload is process 2. State lives in files, so a restarted agent finds every task again with [`Runtime::scan`].
//!
//! This crate must not know what a job, an artifact or a controller is: it gets a directory and an argument vector.

#![deny(unsafe_op_in_unsafe_fn)]

mod cgroup;
mod control;
mod error;
mod exact;
mod files;
mod id;
mod lease;
mod lock;
mod log;
mod process;
pub mod rendezvous;
mod runtime;
mod sandbox;
mod shim;
mod spec;
mod status;
mod sys;
mod wire;
mod zygote;

pub use control::kill_all;
pub use error::RuntimeError;
pub use files::FileError;
pub use id::{TaskId, TaskIdError};
pub use log::{LogChunk, LogCursor, read_log};
pub use runtime::{Runtime, RuntimeOptions, TaskHandle};
pub use spec::{
    Access, DataMount, Env, Limits, LogPolicy, Network, RendezvousRole, SPEC_VERSION, SpecError, TaskSpec,
};
pub use status::{ExitReason, ExitStatus, Outcome, StartFailure, StartStep, TaskState, TaskStatus};
pub use zygote::maybe_run_hidden;
