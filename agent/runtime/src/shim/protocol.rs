//! What is said over a shim's control socket and to the agent that had it forked.

use serde::{Deserialize, Serialize};

use crate::status::StartFailure;

/// The one message of a shim to the agent that asked for it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum StartReport {
    /// The workload has executed its program.
    Started,
    /// A step failed.
    Failed(StartFailure),
}

/// What a client may ask of a shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Answer, to show that the shim lives; the connection closes when the task has ended.
    Ping,
    /// Send a signal to the workload.
    Signal { signal: i32 },
    /// SIGTERM now, SIGKILL after the grace.
    Stop { grace_ms: u64 },
    /// Send every connection the workload makes to its rendezvous port, until this connection closes.
    Accept,
    /// Connect to the workload's rendezvous port once.
    Connect,
}

/// What a shim answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// Done, or subscribed.
    Done,
    /// A connection comes along.
    Connection,
    /// The workload does not listen yet.
    NotListening,
    /// The task has no rendezvous of this role.
    NoRendezvous,
    /// The kernel refused.
    Failed { errno: i32 },
}
