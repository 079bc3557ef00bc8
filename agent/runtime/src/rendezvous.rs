//! Joining the ranks of a gang without any network in their sandboxes.
//!
//! Rank 0 serves a loopback port of its own sandbox; every other rank connects to the same port of its own, where the
//! shim listens. A relay, which need not be the agent, takes the connections from one side and makes them on the other:
//! [`accept`] and [`connect`] work from any process that may enter the state directory. What they give are plain TCP
//! sockets that live as long as the relay holds them, whatever becomes of the agent.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use camino::Utf8Path;

use crate::control;
use crate::error::RuntimeError;
use crate::files::TaskFiles;
use crate::id::TaskId;
use crate::shim::protocol::{Reply, Request};
use crate::wire::{self, Received};

/// The connections a workload of role `Connect` makes to its rendezvous port. Connections made before anyone accepts
/// wait in the kernel's queue.
#[derive(Debug)]
pub struct AcceptStream {
    id: TaskId,
    socket: OwnedFd,
}

/// Subscribes to the connections of a task of role `Connect`. The newest subscriber gets them.
pub fn accept(state_dir: &Utf8Path, id: &TaskId) -> Result<AcceptStream, RuntimeError> {
    let files = TaskFiles::new(state_dir, id);
    let socket = control::attach(&files, id)?;
    control::ask(&socket, &files, id, Request::Accept)?;
    Ok(AcceptStream { id: id.clone(), socket })
}

/// Connects to the rendezvous port of a task of role `Serve`. Fails with the retryable
/// [`RuntimeError::NotListening`] until its workload listens. The socket is connected and non-blocking.
pub fn connect(state_dir: &Utf8Path, id: &TaskId) -> Result<OwnedFd, RuntimeError> {
    let files = TaskFiles::new(state_dir, id);
    let socket = control::attach(&files, id)?;
    let connection = control::ask(&socket, &files, id, Request::Connect)?;
    connection.ok_or_else(|| RuntimeError::NoAnswer { id: id.clone() })
}

impl AcceptStream {
    /// The next connection, non-blocking; `Ok(None)` when none came in time. `None` as limit waits for ever, a zero
    /// limit not at all: the stream itself can be polled for reading.
    pub fn next(&self, limit: Option<Duration>) -> Result<Option<OwnedFd>, RuntimeError> {
        let act = |source| RuntimeError::Act { id: self.id.clone(), source };
        if !wire::wait_readable(self.socket.as_fd(), limit).map_err(act)? {
            return Ok(None);
        }
        match wire::receive(&self.socket) {
            Ok(Received::Message(Reply::Connection, Some(connection))) => Ok(Some(connection)),
            Ok(Received::Message(..)) => Err(RuntimeError::NoAnswer { id: self.id.clone() }),
            Ok(Received::Closed) | Err(_) => Err(RuntimeError::NotRunning { id: self.id.clone() }),
        }
    }
}

impl AsFd for AcceptStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
