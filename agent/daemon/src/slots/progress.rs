//! How far this node is in a rollout, kept over restarts: a node that comes back must know that it was sent away.

use std::fs::File;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{Floor, Trusted};
use serde::{Deserialize, Serialize};

use crate::gang::write_whole;

/// Bytes of the longest file that is read.
const LONGEST: u64 = 256 << 10;

/// What was said last of which rollout.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The rollout.
    pub(crate) rollout: String,
    /// The attempt.
    pub(crate) attempt: u32,
    /// What was said: Written, Failed, Returned; empty for nothing.
    pub(crate) phase: String,
    /// Why.
    pub(crate) reason: String,
    /// The boot in which a restart was asked for; empty for none.
    pub(crate) asked: String,
}

/// Whose releases this node takes, kept by itself: it believes the controllers no more than it has to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    root: String,
    timestamp: u64,
    snapshot: u64,
    targets: u64,
}

/// The files of an agent about its updates.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    directory: Utf8PathBuf,
}

impl Records {
    /// In the directory of an agent.
    pub(crate) fn new(directory: &Utf8Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        self.read("update.json").unwrap_or_default()
    }

    /// Keeps how far it is.
    pub(crate) fn keep(&self, progress: &Progress) -> io::Result<()> {
        self.write("update.json", progress)
    }

    /// Whose releases it takes; `None` where nobody's yet. What is there and cannot be read is an error: as nothing it would let
    /// whoever answers next begin anew, with releases of any age.
    pub(crate) fn trusted(&self) -> io::Result<Option<Trusted>> {
        let kept: Kept = match self.read("release-trust.json") {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let floor = Floor { timestamp: kept.timestamp, snapshot: kept.snapshot, targets: kept.targets };
        Ok(Some(Trusted { root: kept.root.into_bytes(), floor }))
    }

    /// Keeps whose releases it takes.
    pub(crate) fn keep_trusted(&self, trusted: &Trusted) -> io::Result<()> {
        let kept = Kept {
            root: String::from_utf8_lossy(&trusted.root).into_owned(),
            timestamp: trusted.floor.timestamp,
            snapshot: trusted.floor.snapshot,
            targets: trusted.floor.targets,
        };
        self.write("release-trust.json", &kept)
    }

    fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        let mut bytes = Vec::new();
        let file = File::open(self.directory.join(name))?;
        io::Read::read_to_end(&mut io::Read::take(file, LONGEST), &mut bytes)?;
        serde_json::from_slice(&bytes).map_err(io::Error::from)
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        write_whole(&self.directory, name, &serde_json::to_vec(value).map_err(io::Error::other)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_that_is_damaged_is_not_given_anew() {
        let temp = tempfile::tempdir().unwrap();
        let records = Records::new(Utf8Path::from_path(temp.path()).unwrap());
        assert_eq!(records.trusted().unwrap(), None);
        let floor = Floor { timestamp: 7, snapshot: 6, targets: 5 };
        let trusted = Trusted { root: b"root".to_vec(), floor };
        records.keep_trusted(&trusted).unwrap();
        assert_eq!(records.trusted().unwrap(), Some(trusted));
        let place = temp.path().join("release-trust.json");
        let whole = std::fs::read(&place).unwrap();
        std::fs::write(&place, &whole[..whole.len() / 2]).unwrap();
        assert!(records.trusted().is_err());
    }
}
