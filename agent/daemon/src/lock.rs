//! One process for one thing: a lock that goes with the process that holds it, and the pid of that process beside it.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};

use camino::Utf8Path;
use holdfast_types::{Problem, ProblemKind};
use rustix::fs::{FlockOperation, flock};

/// A lock that is held.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "the lock is held as long as the file is open")] File);

fn failed(path: &Utf8Path, error: impl std::fmt::Display) -> Problem {
    Problem::new(6203, ProblemKind::Failed, format!("lock `{path}` cannot be used"))
        .because(error.to_string())
}

/// Takes a lock; `None` where another process holds it.
pub(crate) fn take(path: &Utf8Path) -> Result<Option<Lock>, Problem> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| failed(path, error))?;
    }
    let mut options = File::options();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| failed(path, error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(failed(path, error)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()))
        .map_err(|error| failed(path, error))?;
    Ok(Some(Lock(file)))
}

/// The pid of the process that holds a lock; `None` where nobody does.
pub(crate) fn holder(path: &Utf8Path) -> Option<i32> {
    let mut file = File::open(path).ok()?;
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
