//! The lock of a task directory: who holds it is the one living shim of the task.
//!
//! A POSIX record lock is used because a forked child does not inherit it: only the shim itself keeps it held, and the
//! kernel lets go of it at the very death of the shim, however it dies.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::FlockOperation;
use rustix::process::{Flock, FlockType};

use crate::files::{Durability, FileError, OnFile, TaskFiles, write_file};

/// The held lock; dropping it lets go.
#[derive(Debug)]
pub(crate) struct TaskLock {
    #[expect(dead_code, reason = "held for its lock alone")]
    file: File,
}

fn open(files: &TaskFiles) -> Result<File, FileError> {
    let path = files.lock();
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .on("open", &path)
}

/// Takes the lock of a task; `None` where another process has it.
pub(crate) fn try_lock(files: &TaskFiles) -> Result<Option<TaskLock>, FileError> {
    let file = open(files)?;
    match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(TaskLock { file })),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Ok(None),
        Err(error) => Err(error).on("lock", &files.lock()),
    }
}

/// The process that holds the lock of a task.
pub(crate) fn holder(files: &TaskFiles) -> Result<Option<i32>, FileError> {
    let file = open(files)?;
    let wanted = Flock::from(FlockType::WriteLock);
    let found = rustix::process::fcntl_getlk(&file, &wanted).on("look at lock", &files.lock())?;
    Ok(found.and_then(|lock| lock.pid).map(|pid| pid.as_raw_nonzero().get()))
}

/// Marks a task lost for ever; a shim that comes late finds the mark and gives up.
pub(crate) fn bury(files: &TaskFiles, _lock: &TaskLock) -> Result<(), FileError> {
    write_file(&files.lost(), b"", Durability::PowerCut)
}
