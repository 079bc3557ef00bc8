//! The lock of a task directory: who holds it is the one living shim of the task.
//!
//! The kernel lets go of it at the very death of the shim, however it dies. The process inside, which is forked from
//! the shim, closes its copy before it builds anything.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::FlockOperation;

use crate::files::{self, Durability, FileError, OnFile, TaskFiles, write_file};
use crate::process::ProcessMark;

/// The held lock; dropping it lets go.
#[derive(Debug)]
pub(crate) struct TaskLock {
    file: File,
}

/// Takes the lock of a task; `None` where somebody has it.
pub(crate) fn try_lock(files: &TaskFiles) -> Result<Option<TaskLock>, FileError> {
    let path = files.lock();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&path).on("open", &path)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(TaskLock { file })),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(error) => Err(error).on("lock", &path),
    }
}

/// Writes into the lock who holds it, so that it can be killed.
pub(crate) fn sign(files: &TaskFiles, lock: &mut TaskLock, mark: ProcessMark) -> Result<(), FileError> {
    let text = serde_json::to_vec(&mark).map_err(std::io::Error::from).on("encode", &files.lock())?;
    lock.file.write_all(&text).on("write", &files.lock())
}

/// The shim that holds the lock of a task.
pub(crate) fn holder(files: &TaskFiles) -> Result<Option<ProcessMark>, FileError> {
    match try_lock(files)? {
        Some(_) => Ok(None),
        // Not signed yet is not yet to be found, like not forked yet.
        None => Ok(files::read_json(&files.lock()).unwrap_or_default()),
    }
}

/// Marks a task lost for ever; a shim that comes late finds the mark and gives up.
pub(crate) fn bury(files: &TaskFiles, _lock: &TaskLock) -> Result<(), FileError> {
    write_file(&files.lost(), b"", Durability::PowerCut)
}
