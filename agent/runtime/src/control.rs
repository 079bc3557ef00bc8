//! Talking to a shim, and looking at a task from its files.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use camino::Utf8Path;
use rustix::process::Signal;

use crate::error::RuntimeError;
use crate::files::{self, OnFile, SOCKET, TaskFiles};
use crate::id::TaskId;
use crate::lock;
use crate::process::ProcessMark;
use crate::shim::protocol::{Reply, Request};
use crate::status::{ExitStatus, StoredState, TaskState, TaskStatus};
use crate::wire::{self, Received};

/// How long a shim may take to answer; it never waits for anything itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a killed shim and its task may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the shim of a task.
pub(crate) fn attach(files: &TaskFiles, id: &TaskId) -> Result<OwnedFd, RuntimeError> {
    wire::connect(&files.dir, SOCKET).map_err(|_| absent(files, id))
}

/// What is to be said of a task whose shim does not take connections.
fn absent(files: &TaskFiles, id: &TaskId) -> RuntimeError {
    let id = id.clone();
    if !files.dir.is_dir() {
        return RuntimeError::NotFound { id };
    }
    if files.exit().exists() {
        return RuntimeError::NotRunning { id };
    }
    match lock::try_lock(files) {
        // It lives, and is just starting or has too many clients.
        Ok(None) => RuntimeError::NoAnswer { id },
        Ok(Some(_)) | Err(_) => RuntimeError::NotRunning { id },
    }
}

/// Asks one thing over a connection to a shim.
pub(crate) fn ask(
    socket: &OwnedFd,
    files: &TaskFiles,
    id: &TaskId,
    request: Request,
) -> Result<Option<OwnedFd>, RuntimeError> {
    let act = |source| RuntimeError::Act { id: id.clone(), source };
    wire::send(socket, &request, None).map_err(|_| absent(files, id))?;
    if !wire::wait_readable(socket.as_fd(), Some(ANSWER_TIMEOUT)).map_err(act)? {
        return Err(RuntimeError::NoAnswer { id: id.clone() });
    }
    match wire::receive(socket) {
        Ok(Received::Message(Reply::Done | Reply::Connection, fd)) => Ok(fd),
        Ok(Received::Message(Reply::NotListening, _)) => Err(RuntimeError::NotListening { id: id.clone() }),
        Ok(Received::Message(Reply::NoRendezvous, _)) => Err(RuntimeError::NoRendezvous { id: id.clone() }),
        Ok(Received::Message(Reply::Failed { errno }, _)) => {
            Err(act(std::io::Error::from_raw_os_error(errno)))
        }
        Ok(Received::Closed) | Err(_) => Err(absent(files, id)),
    }
}

/// The exit status of a task, if it has one.
pub(crate) fn exit_status(files: &TaskFiles) -> Result<Option<ExitStatus>, RuntimeError> {
    Ok(files::read_json(&files.exit())?)
}

/// Looks at one task. A task without a living shim and without an exit status is marked lost for ever here.
pub(crate) fn inspect(files: &TaskFiles, id: &TaskId) -> Result<TaskState, RuntimeError> {
    let status = match exit_status(files)? {
        Some(exit) => TaskStatus::Exited(exit),
        None => living(files)?,
    };
    // A specification or state that cannot be read costs its details, not the knowledge that the task is here.
    let state: Option<StoredState> = files::read_json(&files.state()).unwrap_or_default();
    let (unenforced, started_at) = state.map_or((Vec::new(), None), |s| (s.unenforced, Some(s.started_at)));
    let spec = files::read_json(&files.spec()).unwrap_or_default();
    Ok(TaskState { id: id.clone(), status, spec, unenforced, started_at })
}

fn living(files: &TaskFiles) -> Result<TaskStatus, RuntimeError> {
    let Some(held) = lock::try_lock(files)? else { return Ok(TaskStatus::Running) };
    // The shim writes the exit status while it holds the lock, so now it is either there or never will be.
    match exit_status(files)? {
        Some(exit) => Ok(TaskStatus::Exited(exit)),
        None => {
            lock::bury(files, &held)?;
            Ok(TaskStatus::LostUnknown)
        }
    }
}

/// The ids of all tasks that have a directory.
pub(crate) fn list(state_dir: &Utf8Path) -> Result<Vec<TaskId>, RuntimeError> {
    let tasks = files::tasks_dir(state_dir);
    let mut ids = Vec::new();
    match std::fs::read_dir(&tasks) {
        Ok(entries) => {
            for entry in entries {
                let name = entry.on("list", &tasks)?.file_name();
                ids.extend(name.to_str().and_then(|name| name.parse::<TaskId>().ok()));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).on("list", &tasks).map_err(RuntimeError::from),
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Kills every shim and every task of a state directory at once, without an agent and without a trace: what is left is
/// what a power cut leaves. Returns how many shims there were.
pub fn kill_all(state_dir: &Utf8Path) -> Result<usize, RuntimeError> {
    let mut dying = Vec::new();
    let mut killed = 0;
    for id in list(state_dir)? {
        let files = TaskFiles::new(state_dir, &id);
        let Some(shim) = lock::holder(&files)?.and_then(ProcessMark::open) else { continue };
        let state: Option<StoredState> = files::read_json(&files.state()).unwrap_or_default();
        let init = state.and_then(|state| state.init.open());
        // A shim that has written the exit status is only about to leave.
        killed += usize::from(!files.exit().exists());
        for process in std::iter::once(shim).chain(init) {
            let _ = rustix::process::pidfd_send_signal(&process, Signal::KILL);
            dying.push((id.clone(), process));
        }
    }
    for (id, process) in dying {
        let gone = wire::wait_readable(&process, Some(KILL_TIMEOUT));
        if !gone.map_err(|source| RuntimeError::Act { id: id.clone(), source })? {
            return Err(RuntimeError::StillRunning { id });
        }
    }
    Ok(killed)
}
