//! The state directory: where each file of a task is, and how files are written so that a power cut tears none.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::id::TaskId;

const MAX_STATE_FILE: u64 = 4 << 20;

/// A file of the state directory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{act} `{path}`")]
pub struct FileError {
    /// What was tried.
    pub act: &'static str,
    /// The file or directory.
    pub path: Utf8PathBuf,
    /// The cause.
    #[source]
    pub source: std::io::Error,
}

/// Names the act and the file of a failed call.
pub(crate) trait OnFile<T> {
    fn on(self, act: &'static str, path: &Utf8Path) -> Result<T, FileError>;
}

impl<T> OnFile<T> for std::io::Result<T> {
    fn on(self, act: &'static str, path: &Utf8Path) -> Result<T, FileError> {
        self.map_err(|source| FileError { act, path: path.to_owned(), source })
    }
}

impl<T> OnFile<T> for rustix::io::Result<T> {
    fn on(self, act: &'static str, path: &Utf8Path) -> Result<T, FileError> {
        self.map_err(|errno| FileError { act, path: path.to_owned(), source: errno.into() })
    }
}

/// The files of one task.
#[derive(Debug, Clone)]
pub(crate) struct TaskFiles {
    pub(crate) dir: Utf8PathBuf,
}

/// The name of the control socket below the task directory.
pub(crate) const SOCKET: &str = "shim.sock";

/// The directory that holds one directory per task.
pub(crate) fn tasks_dir(state_dir: &Utf8Path) -> Utf8PathBuf {
    state_dir.join("tasks")
}

impl TaskFiles {
    pub(crate) fn new(state_dir: &Utf8Path, id: &TaskId) -> Self {
        Self { dir: tasks_dir(state_dir).join(id.as_str()) }
    }

    pub(crate) fn spec(&self) -> Utf8PathBuf {
        self.dir.join("spec.json")
    }

    pub(crate) fn state(&self) -> Utf8PathBuf {
        self.dir.join("state.json")
    }

    pub(crate) fn exit(&self) -> Utf8PathBuf {
        self.dir.join("exit.json")
    }

    pub(crate) fn lock(&self) -> Utf8PathBuf {
        self.dir.join("lock")
    }

    /// The tombstone of a task found without a shim and without an exit status.
    pub(crate) fn lost(&self) -> Utf8PathBuf {
        self.dir.join("lost")
    }

    pub(crate) fn log(&self) -> Utf8PathBuf {
        self.dir.join("log")
    }

    /// The mount point the sandbox is built on, inside its own mount namespace alone.
    pub(crate) fn root(&self) -> Utf8PathBuf {
        self.dir.join("root")
    }
}

/// Makes a directory only its owner can enter; `Ok(false)` where it was there already.
pub(crate) fn make_dir(path: &Utf8Path) -> Result<bool, FileError> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).on("make directory", path),
    }
}

/// Makes the state directory with all its parents.
pub(crate) fn make_state_dir(state_dir: &Utf8Path) -> Result<(), FileError> {
    let tasks = tasks_dir(state_dir);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&tasks).on("make directory", &tasks)
}

/// Whether a file must outlive a power cut, or only must never be seen half written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    PowerCut,
    ThisBoot,
}

/// Writes a whole file: new name, fsync, rename, fsync of the directory.
pub(crate) fn write_file(path: &Utf8Path, bytes: &[u8], durability: Durability) -> Result<(), FileError> {
    let parent = path.parent().unwrap_or(Utf8Path::new("/"));
    let new = Utf8PathBuf::from(format!("{path}.new"));
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        if durability == Durability::PowerCut {
            file.sync_all()?;
        }
        fs::rename(&new, path)?;
        if durability == Durability::PowerCut {
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    };
    write().on("write", path)
}

/// Writes a value as JSON, durably.
pub(crate) fn write_json<T: Serialize>(path: &Utf8Path, value: &T) -> Result<(), FileError> {
    let bytes = serde_json::to_vec(value).map_err(std::io::Error::from).on("encode", path)?;
    write_file(path, &bytes, Durability::PowerCut)
}

/// Reads a JSON file; `None` where there is none.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Utf8Path) -> Result<Option<T>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).on("open", path),
    };
    let mut bytes = Vec::new();
    file.take(MAX_STATE_FILE).read_to_end(&mut bytes).on("read", path)?;
    serde_json::from_slice(&bytes).map(Some).map_err(std::io::Error::from).on("parse", path)
}
